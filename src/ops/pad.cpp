#include "ops/pad.h"

#include "ops/loops.h"

namespace calotype {

Padding same_padding(int64_t height, int64_t width, int64_t kernel, int64_t stride) {
  const auto total = [&](int64_t n) {
    const int64_t results = (n + stride - 1) / stride;
    return std::max<int64_t>(0, (results - 1) * stride + kernel - n);
  };
  const int64_t rows = total(height), columns = total(width);
  return {.top = rows / 2, .bottom = rows - rows / 2, .left = columns / 2, .right = columns - columns / 2};
}

Tensor pad(const Tensor& x, const Padding& padding) {
  check(x.shape().rank() == 4 && std::min({padding.top, padding.bottom, padding.left, padding.right}) >= 0,
        "pad: {} by {}, {}, {}, {}", x.shape().text(), padding.top, padding.bottom, padding.left, padding.right);
  const int64_t batch = x.dim(0), height = x.dim(1), channels = x.dim(3), line = x.dim(2) * channels;
  const int64_t wide_height = height + padding.top + padding.bottom;
  const int64_t wide_line = line + (padding.left + padding.right) * channels;
  const int64_t left = padding.left * channels, top = padding.top;
  Tensor y = Tensor::empty({batch, wide_height, x.dim(2) + padding.left + padding.right, channels}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    for_rows(batch * wide_height, wide_line, [&](int64_t row) {
      const auto to = out.subspan(row * wide_line, wide_line);
      std::ranges::fill(to, T(0));
      const int64_t i = row % wide_height - top;
      if (i >= 0 && i < height)
        std::ranges::copy(in.subspan((row / wide_height * height + i) * line, line), to.begin() + left);
    });
  });
  return recorded("pad", y, {x},
                  [shape = x.shape(), height, line, wide_height, wide_line, left, top](const Tensor& dy, Wanted) {
                    Tensor dx = Tensor::empty(shape, dy.dtype());
                    for_float(dy.dtype(), [&]<class T>() {
                      const auto in = dy.view<T>();
                      const auto out = dx.edit<T>();
                      for_rows(shape[0] * height, line, [&](int64_t row) {
                        const int64_t from = row / height * wide_height + row % height + top;
                        std::ranges::copy(in.subspan(from * wide_line + left, line), out.begin() + row * line);
                      });
                    });
                    return Grads{dx};
                  });
}

}  // namespace calotype
