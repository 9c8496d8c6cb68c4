#include "ops/structure.h"

#include <vector>

#include "ops/loops.h"

namespace calotype {
namespace {

Shape with_last(const Shape& shape, int64_t last) {
  check(shape.rank() > 0, "a scalar has no last axis");
  std::vector<int64_t> extents(shape.begin(), shape.end());
  extents.back() = last;
  return Shape(extents);
}

/// to[r][to_first + c] = from[r][from_first + c] for c < count: a stretch of columns of a matrix.
template <class T>
void copy_columns(std::span<const T> from, int64_t from_width, int64_t from_first, std::span<T> to, int64_t to_width,
                  int64_t to_first, int64_t rows, int64_t count) {
  for_rows(rows, count, [&](int64_t r) {
    std::copy_n(from.begin() + r * from_width + from_first, count, to.begin() + r * to_width + to_first);
  });
}

/// y[b][j][i] = x[b][i][j]
Tensor swap_last_two(const Tensor& x, int64_t batch, int64_t rows, int64_t columns, const Shape& shape) {
  Tensor y = Tensor::empty(shape, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    for_rows(batch * columns, rows, [&](int64_t row) {
      const int64_t b = row / columns, j = row % columns;
      for (int64_t i = 0; i < rows; ++i) out[row * rows + i] = in[(b * rows + i) * columns + j];
    });
  });
  return y;
}

/// Pixel (y, x) of a cut map is pixel (y, x) of the whole.
template <class Body>
void for_cut_rows(const Shape& whole, int64_t height, const Body& body) {
  for (int64_t b = 0; b < whole[0]; ++b)
    for (int64_t y = 0; y < height; ++y) body((b * whole[1] + y) * whole[2] * whole[3], (b * height + y));
}

}  // namespace

Tensor slice_channels(const Tensor& x, int64_t first, int64_t count) {
  const int64_t width = x.dim(-1), rows = x.shape().rows();
  check(first >= 0 && count >= 0 && first + count <= width, "slice_channels: {} has no channels {} to {}",
        x.shape().text(), first, first + count);
  Tensor y = Tensor::empty(with_last(x.shape(), count), x.dtype());
  for_float(x.dtype(),
            [&]<class T>() { copy_columns<T>(x.view<T>(), width, first, y.edit<T>(), count, 0, rows, count); });
  return recorded("slice_channels", y, {x}, [shape = x.shape(), first, count, width, rows](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    for_float(dy.dtype(),
              [&]<class T>() { copy_columns<T>(dy.view<T>(), count, 0, dx.edit<T>(), width, first, rows, count); });
    return Grads{dx};
  });
}

Tensor stack_pictures(std::span<const Tensor> parts) {
  check(!parts.empty(), "stack_pictures: there are none");
  Tensor all = parts[0];
  for (const Tensor& part : parts.subspan(1)) {
    check(part.shape().rank() == all.shape().rank() && part.dtype() == all.dtype(),
          "stack_pictures: {} and {} do not fit", all.shape().text(), part.shape().text());
    std::vector<int64_t> extents(all.shape().begin(), all.shape().end());
    extents[0] += part.dim(0);
    Tensor y = Tensor::empty(Shape(extents), all.dtype());
    check(y.count() == all.count() + part.count(), "stack_pictures: {} and {} do not fit", all.shape().text(),
          part.shape().text());
    for_float(all.dtype(), [&]<class T>() {
      const auto out = y.edit<T>();
      const auto end = std::ranges::copy(all.view<T>(), out.begin()).out;
      std::ranges::copy(part.view<T>(), end);
    });
    const int64_t before = all.dim(0), more = part.dim(0);
    all = recorded("stack_pictures", y, {all, part}, [before, more](const Tensor& dy, Wanted wanted) {
      return Grads{wanted[0] ? dy.rows(0, before) : Tensor(), wanted[1] ? dy.rows(before, more) : Tensor()};
    });
  }
  return all;
}

Tensor concat_channels(const Tensor& a, const Tensor& b) {
  const int64_t left = a.dim(-1), right = b.dim(-1), rows = a.shape().rows();
  check(b.shape() == with_last(a.shape(), right) && a.dtype() == b.dtype(), "concat_channels: {} and {} do not fit",
        a.shape().text(), b.shape().text());
  Tensor y = Tensor::empty(with_last(a.shape(), left + right), a.dtype());
  for_float(a.dtype(), [&]<class T>() {
    const auto out = y.edit<T>();
    copy_columns<T>(a.view<T>(), left, 0, out, left + right, 0, rows, left);
    copy_columns<T>(b.view<T>(), right, 0, out, left + right, left, rows, right);
  });
  return recorded("concat_channels", y, {a, b}, [left, right](const Tensor& dy, Wanted wanted) {
    return Grads{wanted[0] ? slice_channels(dy, 0, left) : Tensor(),
                 wanted[1] ? slice_channels(dy, left, right) : Tensor()};
  });
}

Tensor concat_tokens(const Tensor& a, const Tensor& b) {
  check(a.shape().rank() == 3 && b.shape().rank() == 3 && a.dim(2) == b.dim(2) && a.dim(0) == b.dim(0),
        "concat_tokens: {} and {} do not fit", a.shape().text(), b.shape().text());
  const int64_t batch = a.dim(0), width = a.dim(2);
  const Tensor joined = concat_channels(a.reshape({batch, a.dim(1) * width}), b.reshape({batch, b.dim(1) * width}));
  return joined.reshape({batch, a.dim(1) + b.dim(1), width});
}

Tensor channels_last(const Tensor& x) {
  check(x.shape().rank() == 4, "channels_last: {} is no map", x.shape().text());
  const int64_t b = x.dim(0), c = x.dim(1), h = x.dim(2), w = x.dim(3);
  return recorded("channels_last", swap_last_two(x, b, c, h * w, {b, h, w, c}), {x},
                  [](const Tensor& dy, Wanted) { return Grads{channels_first(dy)}; });
}

Tensor channels_first(const Tensor& x) {
  check(x.shape().rank() == 4, "channels_first: {} is no map", x.shape().text());
  const int64_t b = x.dim(0), h = x.dim(1), w = x.dim(2), c = x.dim(3);
  return recorded("channels_first", swap_last_two(x, b, h * w, c, {b, c, h, w}), {x},
                  [](const Tensor& dy, Wanted) { return Grads{channels_last(dy)}; });
}

Tensor transpose(const Tensor& x) {
  check(x.shape().rank() == 2, "transpose: {} is no matrix", x.shape().text());
  if (x.dtype() != DType::f32 && x.dtype() != DType::f64) {
    Tensor wide = Tensor::empty(x.shape());
    if (!Measuring::active()) widen(x.data(), x.dtype(), 0, x.count(), wide.edit<float>().data());
    return transpose(wide);
  }
  return recorded("transpose", swap_last_two(x, 1, x.dim(0), x.dim(1), {x.dim(1), x.dim(0)}), {x},
                  [](const Tensor& dy, Wanted) { return Grads{transpose(dy)}; });
}

Tensor crop(const Tensor& x, int64_t height, int64_t width) {
  check(x.shape().rank() == 4 && height <= x.dim(1) && width <= x.dim(2), "crop: {} is smaller than {}x{}",
        x.shape().text(), height, width);
  const int64_t row = width * x.dim(3);
  Tensor y = Tensor::empty({x.dim(0), height, width, x.dim(3)}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    for_cut_rows(x.shape(), height,
                 [&](int64_t from, int64_t index) { std::copy_n(in.begin() + from, row, out.begin() + index * row); });
  });
  return recorded("crop", y, {x}, [shape = x.shape(), height, row](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() {
      const auto in = dy.view<T>();
      const auto out = dx.edit<T>();
      for_cut_rows(shape, height,
                   [&](int64_t to, int64_t index) { std::copy_n(in.begin() + index * row, row, out.begin() + to); });
    });
    return Grads{dx};
  });
}

}  // namespace calotype
