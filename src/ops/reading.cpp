#include "ops/reading.h"

#include "kernels/activation.h"
#include "kernels/elementwise.h"
#include "kernels/norm.h"
#include "ops/arithmetic.h"
#include "ops/channel_sums.h"
#include "ops/loops.h"
#include "ops/stored.h"
#include "ops/structure.h"

namespace calotype {
namespace {

/// Each pixel of x [B, H, W, C] four times.
template <class T>
void double_pixels(const Shape& shape, std::span<const T> x, std::span<T> y) {
  const int64_t width = shape[2], channels = shape[3];
  for_rows(shape[0] * shape[1], 4 * width * channels, [&](int64_t row) {
    const auto line = y.subspan(2 * row * 2 * width * channels, 2 * width * channels);
    for (int64_t i = 0; i < 2 * width; ++i)
      std::copy_n(x.begin() + (row * width + i / 2) * channels, channels, line.begin() + i * channels);
    std::ranges::copy(line, y.begin() + (2 * row + 1) * 2 * width * channels);
  });
}

/// The transpose: dx of a pixel is the sum of its four copies'.
template <class T>
void sum_doubled(const Shape& shape, std::span<const T> dy, std::span<T> dx) {
  const int64_t width = shape[2], channels = shape[3], line = 2 * width * channels;
  for_rows(shape[0] * shape[1], 2 * line, [&](int64_t row) {
    for (int64_t i = 0; i < width; ++i) {
      const T* upper = dy.data() + 2 * row * line + 2 * i * channels;
      const T* lower = upper + line;
      T* out = dx.data() + (row * width + i) * channels;
      for (int64_t c = 0; c < channels; ++c)
        out[c] = (upper[c] + upper[channels + c]) + (lower[c] + lower[channels + c]);
    }
  });
}

int64_t pixels_of(const Shape& shape) {
  return shape[0] ? shape.rows() / shape[0] : 0;
}

Tensor channel_sums_of(const Tensor& x) {
  if (Tensor left = left_channel_sums(x)) return left;
  Tensor sums = Tensor::empty({x.dim(0), x.dim(-1), 2}, DType::f64);
  for_float(x.dtype(), [&]<class T>() {
    kernels::channel_sums(x.dim(0), pixels_of(x.shape()), x.dim(-1), x.view<T>().data(), sums.edit<double>().data());
  });
  return sums;
}

/// Sums [B, A, 2] and [B, C, 2] side by side: [B, A + C, 2].
Tensor join_sums(const Tensor& a, const Tensor& b) {
  const int64_t batch = a.dim(0);
  return concat_channels(a.reshape({batch, a.dim(1) * 2}), b.reshape({batch, b.dim(1) * 2}))
      .reshape({batch, a.dim(1) + b.dim(1), 2});
}

}  // namespace

Reading::Reading(Tensor x)
    : shape_(x.shape()), first_(std::move(x)), raw_history_(first_.history()), history_(first_.history()) {}

Tensor Reading::tensor() const& {
  return bare() ? first_ : written().with_history(history_);
}

Tensor Reading::tensor() && {
  return bare() ? std::move(first_) : written().with_history(history_);
}

std::optional<kernels::MapReading> Reading::as_map() const {
  if (dtype() != DType::f32 || rows_ || shape_.rank() != 4) return std::nullopt;
  return kernels::MapReading{.first = first_.view<float>().data(),
                             .first_channels = first_.dim(-1),
                             .second = pointer_or_null<float>(second_),
                             .scale = norm_ ? norm_->scale.view<float>().data() : nullptr,
                             .shift = norm_ ? norm_->shift.view<float>().data() : nullptr,
                             .doubled = doubled_,
                             .silu = silu_};
}

std::optional<kernels::RowNorm> Reading::as_rows() const {
  if (dtype() != DType::f32 || second_ || doubled_ || norm_ || silu_) return std::nullopt;
  if (!rows_) return kernels::RowNorm{};
  return kernels::RowNorm{.gain = rows_->gain.view<float>().data(),
                          .bias = rows_->bias.view<float>().data(),
                          .epsilon = static_cast<float>(rows_->epsilon)};
}

Reading Reading::raw() const {
  Reading x = *this;
  x.norm_.reset();
  x.rows_.reset();
  x.silu_ = false;
  x.history_ = raw_history_;
  return x;
}

Tensor Reading::written() const {
  const NoGrad no_history;
  Tensor x = second_ ? concat_channels(first_, second_) : first_.detach();
  if (doubled_) {
    Tensor y = Tensor::empty({x.dim(0), 2 * x.dim(1), 2 * x.dim(2), x.dim(3)}, x.dtype());
    for_float(x.dtype(), [&]<class T>() { double_pixels<T>(x.shape(), x.view<T>(), y.edit<T>()); });
    x = y;
  }
  if (norm_) {
    Tensor y = Tensor::empty(x.shape(), x.dtype());
    const kernels::GroupNormShape shape{x.dim(0), pixels_of(x.shape()), x.dim(-1), norm_->groups};
    for_float(x.dtype(), [&]<class T>() {
      kernels::apply_group_norm(shape, x.view<T>().data(), norm_->scale.view<T>().data(), norm_->shift.view<T>().data(),
                                silu_, y.edit<T>().data());
    });
    return y;
  }
  if (rows_) {
    Tensor y = Tensor::empty(x.shape(), x.dtype());
    for_float(x.dtype(), [&]<class T>() {
      kernels::layer_norm(x.shape().rows(), x.dim(-1), x.view<T>().data(), rows_->gain.view<T>().data(),
                          rows_->bias.view<T>().data(), rows_->epsilon, y.edit<T>().data());
    });
    x = y;
  }
  if (silu_) {
    Tensor y = Tensor::empty(x.shape(), x.dtype());
    for_float(x.dtype(), [&]<class T>() { kernels::silu(x.view<T>(), y.edit<T>()); });
    x = y;
  }
  return x;
}

std::shared_ptr<Node> Reading::group_norm_node() const {
  return recorded_node(silu_ ? "group_norm_silu" : "group_norm",
                       {raw_history_, norm_->gain_history, norm_->bias_history},
                       [before = raw(), norm = *norm_, with_silu = silu_](const Tensor& dy, Wanted wanted) {
                         const Tensor x = before.written();
                         Tensor dx, dgain, dbias;
                         if (wanted[0]) dx = Tensor::empty(x.shape(), x.dtype());
                         if (wanted[1]) dgain = Tensor::empty({x.dim(-1)}, x.dtype());
                         if (wanted[2]) dbias = Tensor::empty({x.dim(-1)}, x.dtype());
                         const Tensor sums = before.doubled_ ? channel_sums_of(x) : norm.sums;
                         for_float(x.dtype(), [&]<class T>() {
                           kernels::group_norm_gradient(kernels::GroupNormGradient<T>{
                               .shape = {x.dim(0), pixels_of(x.shape()), x.dim(-1), norm.groups},
                               .x = x.view<T>().data(),
                               .sums = sums.view<double>().data(),
                               .gain = norm.gain.view<T>().data(),
                               .bias = norm.bias.view<T>().data(),
                               .epsilon = norm.epsilon,
                               .silu = with_silu,
                               .dy = dy.view<T>().data(),
                               .dx = dx ? dx.edit<T>().data() : nullptr,
                               .dgain = dgain ? dgain.edit<T>().data() : nullptr,
                               .dbias = dbias ? dbias.edit<T>().data() : nullptr});
                         });
                         return Grads{dx, dgain, dbias};
                       });
}

Reading concat(Reading a, Tensor b) {
  Reading x(std::move(a).tensor());
  if (x.first_.dim(0) < b.dim(0)) x = Reading(repeat(x.first_, b.dim(0) / x.first_.dim(0)));
  if (b.dim(0) < x.first_.dim(0)) b = repeat(b, x.first_.dim(0) / b.dim(0));
  check(x.shape_.rank() == 4 && b.shape().rank() == 4 && x.shape_[0] == b.dim(0) && x.shape_[1] == b.dim(1) &&
            x.shape_[2] == b.dim(2) && x.dtype() == b.dtype(),
        "concat: {} and {} do not fit", x.shape_.text(), b.shape().text());
  const int64_t left = x.shape_[3], right = b.dim(3);
  x.shape_ = {x.shape_[0], x.shape_[1], x.shape_[2], left + right};
  x.second_ = std::move(b);
  x.raw_history_ = x.history_ = recorded_node("concat", {x.first_.history(), x.second_.history()},
                                              [left, right](const Tensor& dy, Wanted wanted) {
                                                return Grads{wanted[0] ? slice_channels(dy, 0, left) : Tensor(),
                                                             wanted[1] ? slice_channels(dy, left, right) : Tensor()};
                                              });
  return x;
}

Reading upsample(Reading x) {
  if (x.doubled_ || x.norm_ || x.rows_ || x.silu_) x = Reading(std::move(x).tensor());
  check(x.shape_.rank() == 4, "upsample: {} is no map", x.shape_.text());
  const Shape before = x.shape_;
  x.shape_ = {before[0], 2 * before[1], 2 * before[2], before[3]};
  x.doubled_ = true;
  x.raw_history_ = x.history_ = recorded_node("upsample", {x.history_}, [before](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(before, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() { sum_doubled<T>(before, dy.view<T>(), dx.edit<T>()); });
    return Grads{dx};
  });
  return x;
}

Reading group_norm(Reading x, const Tensor& gain, const Tensor& bias, int64_t groups, double epsilon) {
  if (x.norm_ || x.rows_ || x.silu_) x = Reading(std::move(x).tensor());
  const int64_t channels = x.shape_.dim(-1);
  check(x.shape_.rank() >= 2 && gain.count() == channels && bias.count() == channels && groups > 0 &&
            channels % groups == 0,
        "group_norm: {} in {} groups, gain {}, bias {}", x.shape_.text(), groups, gain.shape().text(),
        bias.shape().text());
  Tensor sums = channel_sums_of(x.first_);
  if (x.second_) sums = join_sums(sums, channel_sums_of(x.second_));
  const Shape folded{x.shape_[0], channels};
  Reading::GroupNorm norm{.gain = widened(gain.detach()),
                          .bias = widened(bias.detach()),
                          .groups = groups,
                          .epsilon = epsilon,
                          .sums = sums,
                          .scale = Tensor::empty(folded, x.dtype()),
                          .shift = Tensor::empty(folded, x.dtype()),
                          .gain_history = gain.history(),
                          .bias_history = bias.history()};
  const kernels::GroupNormShape shape{x.shape_[0], pixels_of(x.first_.shape()), channels, groups};
  for_float(x.dtype(), [&]<class T>() {
    kernels::fold_group_norm(shape, {.first = sums.view<double>().data(), .first_channels = channels},
                             norm.gain.view<T>().data(), norm.bias.view<T>().data(), epsilon,
                             norm.scale.edit<T>().data(), norm.shift.edit<T>().data());
  });
  x.raw_history_ = x.history_;
  x.norm_ = std::move(norm);
  x.history_ = x.group_norm_node();
  return x;
}

Reading layer_norm(Reading x, const Tensor& gain, const Tensor& bias, double epsilon) {
  if (!x.bare()) x = Reading(std::move(x).tensor());
  const int64_t width = x.shape_.dim(-1);
  check(gain.count() == width && bias.count() == width, "layer_norm: {}, gain {}, bias {}", x.shape_.text(),
        gain.shape().text(), bias.shape().text());
  x.rows_ = {widened(gain.detach()), widened(bias.detach()), epsilon};
  x.history_ = recorded_node("layer_norm", {x.raw_history_, gain.history(), bias.history()},
                             [source = x.first_.detach(), norm = *x.rows_, width](const Tensor& dy, Wanted wanted) {
                               Tensor dx, dgain, dbias;
                               if (wanted[0]) dx = Tensor::empty(source.shape(), source.dtype());
                               if (wanted[1]) dgain = Tensor::empty({width}, source.dtype());
                               if (wanted[2]) dbias = Tensor::empty({width}, source.dtype());
                               for_float(source.dtype(), [&]<class T>() {
                                 kernels::layer_norm_gradient(source.shape().rows(), width, source.view<T>().data(),
                                                              norm.gain.view<T>().data(), norm.epsilon,
                                                              dy.view<T>().data(), dx ? dx.edit<T>().data() : nullptr,
                                                              dgain ? dgain.edit<T>().data() : nullptr,
                                                              dbias ? dbias.edit<T>().data() : nullptr);
                               });
                               return Grads{dx, dgain, dbias};
                             });
  return x;
}

Reading silu(Reading x) {
  if (x.silu_) x = Reading(std::move(x).tensor());
  if (x.norm_) {
    x.silu_ = true;
    x.history_ = x.group_norm_node();  // one step back for both
    return x;
  }
  const Reading before = x;
  x.silu_ = true;
  x.history_ = recorded_node("silu", {before.history_}, [before](const Tensor& dy, Wanted) {
    const Tensor input = before.written();
    Tensor dx = Tensor::empty(input.shape(), input.dtype());
    for_float(input.dtype(), [&]<class T>() { kernels::silu_gradient(input.view<T>(), dy.view<T>(), dx.edit<T>()); });
    return Grads{dx};
  });
  return x;
}

}  // namespace calotype
