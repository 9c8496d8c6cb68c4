#include "ops/pool.h"

#include "ops/loops.h"
#include "ops/pad.h"

namespace calotype {

Tensor max_pool(const Tensor& x, const PoolOptions& options) {
  const auto [kernel, stride] = options;
  check(x.shape().rank() == 4 && kernel > 0 && stride > 0 && kernel >= stride, "max_pool: {}, kernel {}, stride {}",
        x.shape().text(), kernel, stride);
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const Padding padding = same_padding(height, width, kernel, stride);
  const int64_t out_height = (height + stride - 1) / stride, out_width = (width + stride - 1) / stride;
  Tensor y = Tensor::empty({batch, out_height, out_width, channels}, x.dtype());
  Tensor winner = Tensor::empty(y.shape(), DType::i32);  // pixel of the picture
  for_float(x.dtype(), [&, kernel = kernel, stride = stride]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    const auto won = winner.edit<int32_t>();
    for_rows(batch * out_height, out_width * channels * kernel * kernel, [&](int64_t row) {
      const int64_t b = row / out_height, top = row % out_height * stride - padding.top;
      for (int64_t j = 0; j < out_width; ++j) {
        const int64_t left = j * stride - padding.left, result = (row * out_width + j) * channels;
        bool first = true;
        for (int64_t r = std::max<int64_t>(0, top); r < std::min(height, top + kernel); ++r)
          for (int64_t s = std::max<int64_t>(0, left); s < std::min(width, left + kernel); ++s) {
            const T* pixel = in.data() + ((b * height + r) * width + s) * channels;
            for (int64_t c = 0; c < channels; ++c)
              if (first || pixel[c] > out[result + c]) {
                out[result + c] = pixel[c];
                won[result + c] = int32_t(r * width + s);
              }
            first = false;
          }
      }
    });
  });
  return recorded("max_pool", y, {x}, [winner, shape = x.shape()](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() {
      const auto in = dy.view<T>();
      const auto won = winner.view<int32_t>();
      const auto out = dx.edit<T>();
      const int64_t channels = shape[3], size = shape[1] * shape[2] * channels;
      if (dy.count() == 0) return;
      const int64_t results = dy.count() / shape[0];
      parallel_for(shape[0], [&](int64_t b) {
        for (int64_t i = b * results; i < (b + 1) * results; ++i)
          out[b * size + won[i] * channels + i % channels] += in[i];
      });
    });
    return Grads{dx};
  });
}

}  // namespace calotype
