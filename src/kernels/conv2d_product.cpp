#include "kernels/conv2d_product.h"

#include "base/workspace.h"
#include "kernels/conv2d_windowed.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/window-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// A pointer to `count` weights from `first` on as f32: in place, or widened into the buffer.
HWY_INLINE const float* as_floats(const Weights& weight, int64_t first, int64_t count, float* buffer) {
  if (weight.dtype == DType::f32) return static_cast<const float*>(weight.data) + first;
  widen_weights(weight, first, count, buffer);
  return buffer;
}

void product_conv2d_all(const Conv2d& p) {
  const ConvShape& s = p.shape;
  const int64_t taps = s.kernel * s.kernel, out_height = s.out_height(), out_width = s.out_width();
  const Window window{s.batch, out_height, out_width, s.out, s.kernel, s.kernel, s.stride, s.top, s.left};
  const WindowCut cut(window, s.in);
  const int64_t pixels = out_height * out_width, units = cut.units_of_picture();
  // The sums of every unit, seen by all threads.
  const int64_t moment_floats = p.sums ? 2 * s.batch * units * s.out * 2 : 0;
  Workspace workspace(Workspace::bytes_of_floats(moment_floats));
  auto* const moments = p.sums ? reinterpret_cast<double*>(workspace.floats(moment_floats)) : nullptr;

  // A file's row is [channel][tap], a panel [tap][channel]: transpose kBlock rows, then put the lines in order.
  const int64_t block_floats = cut.channel_block * taps * kBlock;
  const auto fill = [&](int64_t column, int64_t width, int64_t channel, int64_t channels, float* panel, float* buffer) {
    float* const lines = buffer + block_floats;
    for (int64_t r = 0; r < width; r += kBlock) {
      const int64_t height = std::clamp<int64_t>(s.out - column - r, 0, kBlock), depth = channels * taps;
      const auto first = [&](int64_t i) { return ((column + r + i) * s.in + channel) * taps; };
      const float* from = buffer;
      int64_t stride = depth;
      if (p.weight.dtype == DType::f32) {
        from = static_cast<const float*>(p.weight.data) + first(0);
        stride = s.in * taps;
      } else {
        for (int64_t i = 0; i < height; ++i) widen_weights(p.weight, first(i), depth, buffer + i * depth);
      }
      transpose_to_panel(from, stride, height, depth, kBlock, lines);
      const EightTag tag;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t t = 0; t < taps; ++t)
          hn::StoreU(hn::LoadU(tag, lines + (c * taps + t) * kBlock), tag, panel + (t * channels + c) * width + r);
    }
  };
  const WindowTarget target{p.y, p.add, p.bias, p.offset, pixels * s.out, out_width * s.out, s.out, moments};
  window_product(window, cut, {p.x, s.height, s.width, s.in}, target, 2 * block_floats, fill);

  if (!p.sums) return;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t i = 0; i < 2 * s.out; ++i) {
      double sum = 0;
      for (int64_t u = 0; u < units; ++u) sum += moments[(b * units + u) * 2 * s.out + i];
      p.sums[b * 2 * s.out + i] = sum;
    }
}

/// One of the stride x stride lattices of the input: pixels whose row, or column, is `phase` modulo the stride. Along
/// either axis tap k reaches them from outputs `shift - m` further on, k = first + m stride.
struct Phase {
  int64_t count;  // pixels
  int64_t first, taps, shift;

  Phase(int64_t phase, int64_t size, int64_t kernel, int64_t stride, int64_t padding)
      : count(size > phase ? divide_up(size - phase, stride) : 0),
        first((phase + padding) % stride),
        taps(first < kernel ? divide_up(kernel - first, stride) : 0),
        shift((phase + padding) / stride) {}
};

void product_conv2d_data_gradient_all(const ConvShape& s, Weights weight, const float* dy, float* dx) {
  const int64_t taps = s.kernel * s.kernel;
  const Map map{{.first = dy, .first_channels = s.out}, s.out_height(), s.out_width(), s.out};
  for (int64_t phase_y = 0; phase_y < s.stride; ++phase_y)
    for (int64_t phase_x = 0; phase_x < s.stride; ++phase_x) {
      const Phase down(phase_y, s.height, s.kernel, s.stride, s.top);
      const Phase across(phase_x, s.width, s.kernel, s.stride, s.left);
      // The taps run backwards over dy. A lattice that no tap reaches has windows of no pixels, hence zeros.
      const Window window{s.batch,
                          down.count,
                          across.count,
                          s.in,
                          down.taps,
                          across.taps,
                          1,
                          down.taps - 1 - down.shift,
                          across.taps - 1 - across.shift};
      const WindowCut cut(window, s.out);
      const auto fill = [&](int64_t column, int64_t width, int64_t channel, int64_t channels, float* panel,
                            float* buffer) {
        float* const lines = buffer + kPanel * taps;
        const int64_t columns = std::min(width, s.in - column);
        for (int64_t c = 0; c < channels; ++c) {
          const float* from = as_floats(weight, ((channel + c) * s.in + column) * taps, columns * taps, buffer);
          transpose_to_panel(from, taps, columns, taps, width, lines);
          for (int64_t i = 0; i < down.taps; ++i)
            for (int64_t j = 0; j < across.taps; ++j) {
              const int64_t tap_y = down.first + (down.taps - 1 - i) * s.stride;
              const int64_t tap_x = across.first + (across.taps - 1 - j) * s.stride;
              std::memcpy(panel + ((i * across.taps + j) * channels + c) * width,
                          lines + (tap_y * s.kernel + tap_x) * width, width * sizeof(float));
            }
        }
      };
      const WindowTarget target{dx + (phase_y * s.width + phase_x) * s.in,
                                nullptr,
                                nullptr,
                                nullptr,
                                s.height * s.width * s.in,
                                s.stride * s.width * s.in,
                                s.stride * s.in,
                                nullptr};
      window_product(window, cut, map, target, 2 * kPanel * taps, fill);
    }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

namespace {

/// One pixel in, one out: pixels are rows of a matrix, and neighbours do not matter.
bool pointwise(const ConvShape& s) {
  return s.kernel == 1 && s.stride == 1 && s.top == 0 && s.bottom == 0 && s.left == 0 && s.right == 0;
}
bool plain(const MapReading& x) {
  return !x.second && !x.scale && !x.doubled && !x.silu;
}

}  // namespace

void product_conv2d(const Conv2d& problem) {
  const ConvShape& s = problem.shape;
  if (!pointwise(s) || problem.x.doubled) return CALOTYPE_KERNEL(product_conv2d_all)(problem);
  if (plain(problem.x) && !problem.sums)
    return linear({.rows = s.batch * s.height * s.width,
                   .in = s.in,
                   .out = s.out,
                   .x = problem.x.first,
                   .norm = {},
                   .weight = problem.weight,
                   .bias = problem.bias,
                   .offset = problem.offset,
                   .rows_per_offset = s.height * s.width,
                   .add = problem.add,
                   .y = problem.y});
  Conv2d line = problem;  // a picture as one row of pixels: tall tiles whatever its width
  line.shape.width = s.height * s.width;
  line.shape.height = 1;
  CALOTYPE_KERNEL(product_conv2d_all)(line);
}

void product_conv2d_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx) {
  if (pointwise(shape))
    return linear_data_gradient({.rows = shape.batch * shape.height * shape.width,
                                 .in = shape.in,
                                 .out = shape.out,
                                 .dy = dy,
                                 .weight = weight,
                                 .dx = dx});
  CALOTYPE_KERNEL(product_conv2d_data_gradient_all)(shape, weight, dy, dx);
}

void product_conv2d_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                                    float* dbias) {
  if (pointwise(shape) && plain(x))
    return linear_weight_gradient({.rows = shape.batch * shape.height * shape.width,
                                   .in = shape.in,
                                   .out = shape.out,
                                   .dy = dy,
                                   .x = x.first,
                                   .dweight = dweight,
                                   .dbias = dbias});
  windowed_weight_gradient(shape, x, dy, dweight, dbias);
}

}  // namespace calotype::kernels
#endif
