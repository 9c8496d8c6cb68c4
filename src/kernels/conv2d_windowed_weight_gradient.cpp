#include "base/workspace.h"
#include "kernels/conv2d_windowed.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_windowed_weight_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/window-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// How the sums over all pixels are cut: a task holds the weights of `out_chunk` outputs and one block of channels
/// while it walks over a range of units. Units are those of the forward pass; ranges follow from the shape, batch
/// included.
struct WindowGradientCut {
  int64_t channel_block, channel_blocks, out_chunk, out_tasks;
  int64_t unit_rows, unit_width, units_down, units_across;
  int64_t range, ranges;

  WindowGradientCut(const Window& w, int64_t channels, int64_t out) {
    constexpr int64_t kStripFloats = 24 << 10, kTasks = 16, kMostPixels = 512;
    const int64_t channels_wanted = w.taps() >= 4 ? 64 : 192, outs_wanted = w.taps() >= 4 ? 96 : 256;
    channel_blocks = std::max<int64_t>(1, divide_up(channels, channels_wanted));
    channel_block = std::max<int64_t>(1, divide_up(channels, channel_blocks));
    if (channel_blocks > 1) channel_block = round_up(channel_block, 16);
    channel_blocks = std::max<int64_t>(1, divide_up(channels, channel_block));
    out_tasks = std::max<int64_t>(1, divide_up(out, outs_wanted));
    out_chunk = std::max<int64_t>(1, divide_up(out, out_tasks));
    out_tasks = std::max<int64_t>(1, divide_up(out, out_chunk));
    const int64_t rows = std::max<int64_t>(1, w.rows), row_width = std::max<int64_t>(1, w.row_width);
    const auto fits = [&](int64_t height, int64_t width) {
      return w.strip_height(height) * w.strip_width(width) * channel_block <= kStripFloats &&
             height * width <= kMostPixels;
    };
    unit_width = row_width;
    for (int64_t across = 2; unit_width > 16 && !fits(std::min<int64_t>(rows, 8), unit_width); ++across)
      unit_width = divide_up(row_width, across);
    units_across = divide_up(w.row_width, unit_width);
    unit_rows = 1;
    while (unit_rows < rows && fits(unit_rows + 1, unit_width)) ++unit_rows;
    unit_rows = divide_up(rows, divide_up(rows, unit_rows));
    units_down = divide_up(w.rows, unit_rows);
    const int64_t units = w.batch * units_down * units_across;
    ranges = std::clamp<int64_t>(kTasks / (out_tasks * channel_blocks), 1, std::max<int64_t>(1, units));
    range = std::max<int64_t>(1, divide_up(units, ranges));
    ranges = std::max<int64_t>(1, divide_up(units, range));
  }
};

void windowed_weight_gradient_all(const ConvShape& s, const MapReading& x, const float* dy, float* dweight,
                                  float* dbias) {
  if (s.out <= 0) return;
  const Window w{s.batch, s.out_height(), s.out_width(), s.out, s.kernel, s.kernel, s.stride, s.top, s.left};
  const WindowGradientCut cut(w, s.in, s.out);
  const Map map{x, s.height, s.width, s.in};
  const int64_t taps = w.taps(), units_of_picture = cut.units_down * cut.units_across;
  const int64_t all_units = s.batch * units_of_picture;
  // Every range's sums, as [out][tap][in], then those of the bias.
  const int64_t weights = dweight ? s.out * taps * s.in : 0, floats = weights + (dbias ? s.out : 0);
  Workspace workspace(Workspace::bytes_of_floats(cut.ranges * floats));
  float* const parts = workspace.floats(cut.ranges * floats);

  const int64_t channel_blocks = dweight ? cut.channel_blocks : 1;
  parallel_for(cut.out_tasks * channel_blocks * cut.ranges, [&](int64_t task) {
    const int64_t range = task / (cut.out_tasks * channel_blocks);
    const int64_t first_out = task % cut.out_tasks * cut.out_chunk;
    const int64_t outs = std::min(cut.out_chunk, s.out - first_out);
    const int64_t channel = task / cut.out_tasks % channel_blocks * cut.channel_block;
    const int64_t channels = dweight ? std::min(cut.channel_block, s.in - channel) : 0;
    float* const part = parts + range * floats;
    float* const bias_part = dbias && channel == 0 ? part + weights + first_out : nullptr;

    // A line of the window is one row of (column, channel) pairs, cut into panels.
    const int64_t line = s.kernel * channels, line_panels = divide_up(line, kPanel), padded = line_panels * kPanel;
    const int64_t strip_floats = w.strip_height(cut.unit_rows) * w.strip_width(cut.unit_width) * channels + kPanel;
    auto* const sums = static_cast<float*>(thread_scratch(4 * (outs * s.kernel * padded + round_up(strip_floats, 16))));
    float* const strip = sums + outs * s.kernel * padded;
    std::fill(sums, strip, 0.0f);
    if (bias_part) std::fill(bias_part, bias_part + outs, 0.0f);

    const int64_t end = std::min(all_units, (range + 1) * cut.range);
    for (int64_t u = range * cut.range; u < end; ++u) {
      const int64_t picture = u / units_of_picture, unit = u % units_of_picture;
      const int64_t row = unit / cut.units_across * cut.unit_rows, column = unit % cut.units_across * cut.unit_width;
      const int64_t rows = std::min(cut.unit_rows, w.rows - row),
                    width = std::min(cut.unit_width, w.row_width - column);
      const int64_t pitch = w.strip_width(width) * channels;
      const float* const left = dy + ((picture * w.rows + row) * w.row_width + column) * s.out + first_out;
      const int64_t left_pitch = w.row_width * s.out;
      if (bias_part)
        for (int64_t i = 0; i < rows; ++i) add_rows(left + i * left_pitch, s.out, width, outs, bias_part, true);
      if (channels == 0) continue;
      stage_strip(map, picture, row * s.stride - s.top, column * s.stride - s.left, w.strip_height(rows),
                  w.strip_width(width), channel, channels, strip);
      // Whole vectors are read at the end of a line: the last ones may run over the strip's end, into columns that are
      // not kept.
      std::fill(strip + w.strip_height(rows) * pitch, strip + w.strip_height(rows) * pitch + kPanel, 0.0f);
      for (int64_t tap_y = 0; tap_y < s.kernel; ++tap_y)
        for (int64_t j = 0; j < line; j += kPanel) {
          const int vectors = line - j <= kLanes ? 1 : 2;
          const Outer operands{
              left, s.out, left_pitch, strip + tap_y * pitch + j, s.stride * channels, s.stride * pitch, width, rows};
          outer_rows(outs, vectors, operands, sums + (tap_y * padded + j) * outs, vectors * kLanes, true);
        }
    }
    for (int64_t o = 0; o < outs; ++o)
      for (int64_t tap_y = 0; tap_y < s.kernel; ++tap_y)
        for (int64_t j = 0; j < line; ++j) {
          const int64_t panel = j / kPanel * kPanel, panel_width = line - panel <= kLanes ? kLanes : kPanel;
          const int64_t tap = tap_y * s.kernel + j / channels;
          part[((first_out + o) * taps + tap) * s.in + channel + j % channels] =
              sums[(tap_y * padded + panel) * outs + o * panel_width + j - panel];
        }
  });

  parallel_for(divide_up(s.out, 8), [&](int64_t task) {
    for (int64_t o = task * 8; o < std::min(s.out, task * 8 + 8); ++o) {
      if (dbias) {
        float sum = 0;
        for (int64_t range = 0; range < cut.ranges; ++range) sum += parts[range * floats + weights + o];
        dbias[o] = sum;
      }
      if (!dweight) continue;
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t c = 0; c < s.in; c += kLanes) {
          FloatVec sum = hn::Zero(kFloat);
          for (int64_t range = 0; range < cut.ranges; ++range)
            sum = hn::Add(sum, load_some(parts + range * floats + (o * taps + tap) * s.in + c, s.in - c));
          HWY_ALIGN float total[kLanes];
          hn::Store(sum, kFloat, total);
          for (int64_t i = 0; i < std::min(kLanes, s.in - c); ++i) dweight[(o * s.in + c + i) * taps + tap] = total[i];
        }
    }
  });
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

void windowed_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                              float* dbias) {
  CALOTYPE_KERNEL(windowed_weight_gradient_all)(shape, x, dy, dweight, dbias);
}

}  // namespace calotype::kernels
#endif
