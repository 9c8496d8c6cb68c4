// Windows over a map as a product: forward convolutions, and the phases of their data gradients. Included once per
// instruction set.
#if defined(CALOTYPE_KERNELS_WINDOW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WINDOW_INL_H_
#undef CALOTYPE_KERNELS_WINDOW_INL_H_
#else
#define CALOTYPE_KERNELS_WINDOW_INL_H_
#endif

#include "kernels/narrow-inl.h"
#include "kernels/product-inl.h"
#include "kernels/strip-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// Output (i, j) of a picture is the product of `columns` weight columns with the window of kernel_height x
/// kernel_width pixels that begins at (i * stride - top, j * stride - left); top and left may be negative.
struct Window {
  int64_t batch, rows, row_width, columns;
  int64_t kernel_height, kernel_width, stride, top, left;

  int64_t taps() const { return kernel_height * kernel_width; }
  int64_t strip_height(int64_t count) const { return (count - 1) * stride + kernel_height; }
  int64_t strip_width(int64_t count) const { return (count - 1) * stride + kernel_width; }
};

/// Where results go, and what is added to them. Strides count floats.
struct WindowTarget {
  float* y;
  const float* add;  // laid out like y
  const float* bias;
  const float* offset;  // [batch, columns]
  int64_t picture_stride, row_stride, pixel_stride;
  double* moments;  // [batch, units of a picture, columns, 2], or null
};

/// How windows are cut into units of one picture, and units into tasks. Follows from the shape; an output's bits follow
/// from channel_block alone, a unit's from one picture.
struct WindowCut {
  int64_t channel_block, channel_blocks;
  int64_t unit_rows, unit_width, units_down, units_across;
  int64_t panels, column_tasks;
  int64_t units, unit_tasks;  // units of a task

  int64_t units_of_picture() const { return units_down * units_across; }

  WindowCut(const Window& w, int64_t channels) {
    constexpr int64_t kDepth = 1152, kMostChannels = 384, kStripFloats = 48 << 10, kPanelFloats = 100 << 10;
    constexpr int64_t kTasks = 32, kSmallest = int64_t{3} << 20, kMostPixels = 2048;
    const int64_t taps = std::max<int64_t>(1, w.taps());
    channel_block = std::clamp<int64_t>(kDepth / taps / 16 * 16, 16, kMostChannels);
    channel_blocks = std::max<int64_t>(1, divide_up(channels, channel_block));
    channel_block = std::max<int64_t>(1, divide_up(channels, channel_blocks));
    if (channel_blocks > 1) channel_block = round_up(channel_block, 16);
    channel_blocks = std::max<int64_t>(1, divide_up(channels, channel_block));

    const int64_t rows = std::max<int64_t>(1, w.rows), row_width = std::max<int64_t>(1, w.row_width);
    const auto fits = [&](int64_t height, int64_t width) {
      return w.strip_height(height) * w.strip_width(width) * channel_block <= kStripFloats;
    };
    unit_width = row_width;
    for (int64_t across = 2; unit_width > 16 && !fits(std::min<int64_t>(rows, 8), unit_width); ++across)
      unit_width = divide_up(row_width, across);
    units_across = divide_up(w.row_width, unit_width);
    unit_rows = 1;
    while (unit_rows < rows && fits(unit_rows + 1, unit_width) && (unit_rows + 1) * unit_width <= kMostPixels)
      ++unit_rows;
    unit_rows = divide_up(rows, divide_up(rows, unit_rows));
    units_down = divide_up(w.rows, unit_rows);

    const int64_t all_panels = std::max<int64_t>(1, divide_up(w.columns, kPanel)), depth = taps * channel_block;
    panels = std::clamp<int64_t>(kPanelFloats / (depth * kPanel), 1, all_panels);
    panels = divide_up(all_panels, divide_up(all_panels, panels));
    column_tasks = divide_up(all_panels, panels);

    const int64_t all_units = w.batch * units_of_picture();
    const int64_t unit_work = unit_rows * unit_width * taps * std::max<int64_t>(1, channels) * panels * kPanel;
    const int64_t wanted = all_units / std::max<int64_t>(1, kTasks / column_tasks);
    const int64_t most = channel_blocks > 1 ? std::max<int64_t>(1, kMostPixels / (unit_rows * unit_width)) : all_units;
    units = std::clamp<int64_t>(std::max(wanted, divide_up(kSmallest, unit_work)), 1, std::max<int64_t>(1, most));
    unit_tasks = divide_up(all_units, units);
  }
};

/// moments[2 j], moments[2 j + 1] += the sum of column j of `count` rows and of its squares.
inline void add_moments(const float* y, int64_t stride, int64_t count, int64_t columns, double* moments) {
  for (int64_t j = 0; j < columns; j += kLanes) {
    FloatVec sum = hn::Zero(kFloat), squares = hn::Zero(kFloat);
    for (int64_t r = 0; r < count; ++r) {
      const FloatVec v = load_some(y + r * stride + j, columns - j);
      sum = hn::Add(sum, v);
      squares = hn::MulAdd(v, v, squares);
    }
    HWY_ALIGN float sums_here[kLanes], squares_here[kLanes];
    hn::Store(sum, kFloat, sums_here);
    hn::Store(squares, kFloat, squares_here);
    for (int64_t i = 0; i < std::min(kLanes, columns - j); ++i) {
      moments[2 * (j + i)] += sums_here[i];
      moments[2 * (j + i) + 1] += squares_here[i];
    }
  }
}

/// fill(column, width, channel, channels, panel, buffer): the panel [taps][channels][width] of these weights; `buffer`
/// holds fill_floats.
template <class Fill>
void window_product(const Window& w, const WindowCut& cut, const Map& map, const WindowTarget& target,
                    int64_t fill_floats, const Fill& fill) {
  const int64_t all_units = w.batch * cut.units_of_picture();
  if (all_units <= 0 || w.columns <= 0) return;
  const bool single = cut.channel_blocks == 1;
  // Vectors along K where the columns would leave most of a panel empty; where a run is shorter than a vector, not.
  const bool narrow = w.columns <= kNarrowColumns && w.kernel_width * cut.channel_block >= kLanes;
  const int64_t unit_pixels = cut.unit_rows * cut.unit_width;
  parallel_for(cut.unit_tasks * cut.column_tasks, [&](int64_t task) {
    const int64_t first_unit = task % cut.unit_tasks * cut.units;
    const int64_t unit_count = std::min(cut.units, all_units - first_unit);
    const int64_t first_column = task / cut.unit_tasks * cut.panels * kPanel;
    const int64_t task_columns = std::min(cut.panels * kPanel, w.columns - first_column);
    const int64_t task_panels = divide_up(task_columns, kPanel), padded = task_panels * kPanel;

    const int64_t panel_floats = w.taps() * cut.channel_block * kPanel;
    const int64_t column_floats = w.taps() * (cut.channel_block + kLanes);
    const int64_t narrow_floats = narrow ? kNarrowColumns * column_floats : 0;
    const int64_t sum_floats = single ? kPanel * kHalfTileRows : unit_count * unit_pixels * padded;
    const int64_t strip_floats =
        round_up(w.strip_height(cut.unit_rows) * w.strip_width(cut.unit_width) * cut.channel_block, 16);
    auto* const panels = static_cast<float*>(
        thread_scratch(4 * (task_panels * panel_floats + sum_floats + strip_floats + fill_floats + narrow_floats)));
    float* const sums = panels + task_panels * panel_floats;
    float* const strip = sums + sum_floats;
    float* const fill_buffer = strip + strip_floats;
    float* const narrow_columns = fill_buffer + fill_floats;

    for (int64_t block = 0; block < cut.channel_blocks; ++block) {
      const int64_t channel = block * cut.channel_block;
      const int64_t channels = std::min(cut.channel_block, map.channels - channel);
      const bool last = block + 1 == cut.channel_blocks;
      for (int64_t p = 0; p < task_panels; ++p)
        fill(first_column + p * kPanel, task_columns - p * kPanel <= kLanes ? kLanes : kPanel, channel, channels,
             panels + p * panel_floats, fill_buffer);
      if (narrow) panel_to_columns(panels, w.kernel_width * channels, w.kernel_height, w.columns, narrow_columns);
      for (int64_t u = 0; u < unit_count; ++u) {
        const int64_t picture = (first_unit + u) / cut.units_of_picture();
        const int64_t unit = (first_unit + u) % cut.units_of_picture();
        const int64_t row = unit / cut.units_across * cut.unit_rows, column = unit % cut.units_across * cut.unit_width;
        const int64_t rows = std::min(cut.unit_rows, w.rows - row);
        const int64_t width = std::min(cut.unit_width, w.row_width - column);
        const int64_t pitch = w.strip_width(width) * channels;
        stage_strip(map, picture, row * w.stride - w.top, column * w.stride - w.left, w.strip_height(rows),
                    w.strip_width(width), channel, channels, strip);
        for (int64_t p = 0; p < task_panels; ++p) {
          const int64_t panel_column = first_column + p * kPanel, columns = task_columns - p * kPanel;
          const int vectors = columns <= kLanes ? 1 : 2;
          const int64_t panel_width = vectors * kLanes;
          double* const moments =
              target.moments && last
                  ? target.moments + 2 * ((picture * cut.units_of_picture() + unit) * w.columns + panel_column)
                  : nullptr;
          if (moments) std::fill(moments, moments + 2 * std::min(panel_width, columns), 0.0);
          for (int64_t i = 0; i < rows; ++i)
            for_tiles(width, narrow ? kNarrowRows : tile_rows(vectors), [&](int64_t first, int count) {
              float* const to =
                  single ? sums : sums + ((u * task_panels + p) * unit_pixels + i * width + first) * kPanel;
              const Left left{strip + i * w.stride * pitch + first * w.stride * channels, w.stride * channels,
                              w.kernel_width * channels, w.kernel_height, pitch};
              const int64_t at = picture * target.picture_stride + (row + i) * target.row_stride +
                                 (column + first) * target.pixel_stride + panel_column;
              if (last) {
                const int64_t floats = std::min(panel_width, columns);
                touch_to_write(target.y + at, target.pixel_stride, count, floats);
                if (target.add && target.add != target.y)
                  touch_to_write(target.add + at, target.pixel_stride, count, floats);
              }
              if (narrow)
                multiply_narrow_tile(count, w.columns, left, narrow_columns, to, block > 0);
              else
                multiply_tile(count, vectors, left, panels + p * panel_floats, to, panel_width, block > 0);
              if (!last) return;
              const Epilogue e{target.bias ? target.bias + panel_column : nullptr,
                               target.offset ? target.offset + picture * w.columns + panel_column : nullptr,
                               target.add ? target.add + at : nullptr, target.y + at, target.pixel_stride};
              finish_rows<Activation::none>(e, to, panel_width, count, columns);
              if (moments)
                add_moments(target.y + at, target.pixel_stride, count, std::min(panel_width, columns), moments);
            });
        }
      }
    }
  });
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
