#include "ops/conv2d.h"

#include "kernels/elementwise.h"
#include "ops/arithmetic.h"
#include "ops/channel_sums.h"
#include "ops/stored.h"
#include "tensor/work.h"

namespace calotype {
namespace {

kernels::ConvShape shape_of(const Shape& x, const Tensor& weight, const ConvOptions& options) {
  check(x.rank() == 4 && weight.shape().rank() == 4 && weight.dim(1) == x[3] && weight.dim(2) == options.kernel &&
            weight.dim(3) == options.kernel,
        "conv2d: the input is {}, the weight {}", x.text(), weight.shape().text());
  const int64_t before = options.bottom_right ? 0 : options.padding;
  const kernels::ConvShape shape{.batch = x[0],
                                 .height = x[1],
                                 .width = x[2],
                                 .in = x[3],
                                 .out = weight.dim(0),
                                 .kernel = options.kernel,
                                 .stride = options.stride,
                                 .top = before,
                                 .bottom = options.padding,
                                 .left = before,
                                 .right = options.padding};
  check(
      shape.height + shape.top + shape.bottom >= shape.kernel && shape.width + shape.left + shape.right >= shape.kernel,
      "conv2d: {} is smaller than the kernel of {}", x.text(), options.kernel);
  return shape;
}

double flop_of(const kernels::ConvShape& s) {
  const int64_t outputs = s.batch * s.out_height() * s.out_width() * s.out;
  return 2.0 * static_cast<double>(outputs) * static_cast<double>(s.in * s.kernel * s.kernel);
}

Tensor convolve_f32(const kernels::ConvShape& shape, const Reading& x, const Tensor& weight, const Tensor& bias,
                    Epilogue epilogue, const Shape& result) {
  // A reading that no kernel folds in is written out first.
  const Reading read = x.as_map() ? x : Reading(x.tensor());
  const Tensor wide_bias = widened(bias);
  Tensor y = epilogue.add && epilogue.add.reusable() ? epilogue.add : Tensor::empty(result);
  Tensor sums = Tensor::empty({shape.batch, shape.out, 2}, DType::f64);
  for_float(DType::f32, [&]<class T>() {
    kernels::conv2d({.shape = shape,
                     .x = *read.as_map(),
                     .weight = stored_weights(weight),
                     .bias = pointer_or_null<float>(wide_bias),
                     .offset = pointer_or_null<float>(epilogue.offset),
                     .add = pointer_or_null<float>(epilogue.add),
                     .y = y.edit<float>().data(),
                     .sums = sums.edit<double>().data()});
  });
  leave_channel_sums(y, std::move(sums));
  return y;
}

Tensor convolve_f64(const kernels::ConvShape& shape, const Reading& x, const Tensor& weight, const Tensor& bias,
                    const Epilogue& epilogue, const Shape& result) {
  const Tensor map = x.tensor();
  Tensor y = Tensor::empty(result, DType::f64);
  kernels::reference::conv2d<double>(shape, map.view<double>().data(), weight.view<double>().data(),
                                     pointer_or_null<double>(bias), y.edit<double>().data());
  if (epilogue.offset)
    kernels::add_row(shape.batch, shape.out, y.view<double>(), epilogue.offset.view<double>(), y.edit<double>());
  return epilogue.add ? y + epilogue.add.detach() : y;
}

Tensor fit_batch(const Tensor& x, int64_t batch, const char* what) {
  if (!x || x.dim(0) == batch) return x;
  check(x.dim(0) > 0 && batch % x.dim(0) == 0, "conv2d: the {} is for {} pictures, not {}", what, x.dim(0), batch);
  return repeat(x, batch / x.dim(0));
}

}  // namespace

Tensor conv2d(const Reading& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
              Epilogue epilogue) {
  check(epilogue.activation == Activation::none, "conv2d: an activation after a convolution is an op of its own");
  const kernels::ConvShape shape = shape_of(x.shape(), weight, options);
  const Shape result{shape.batch, shape.out_height(), shape.out_width(), shape.out};
  epilogue.offset = fit_batch(epilogue.offset, shape.batch, "offset");
  epilogue.add = fit_batch(epilogue.add, shape.batch, "addend");
  check(!epilogue.add || epilogue.add.shape() == result, "conv2d: {} cannot be added to {}",
        epilogue.add ? epilogue.add.shape().text() : "", result.text());
  count_work(flop_of(shape));
  const Tensor offset = epilogue.offset;
  const Tensor add = recording() && epilogue.add && epilogue.add.tracked() ? epilogue.add : Tensor();
  const Tensor y = x.dtype() == DType::f64 && !Measuring::active()
                       ? convolve_f64(shape, x, weight, bias, epilogue, result)
                       : convolve_f32(shape, x, weight, bias, std::move(epilogue), result);
  return recorded("conv2d", y, {Input(x.history()), weight, bias, offset, add}, [=](const Tensor& dy, Wanted wanted) {
    Tensor dx, dweight, dbias, doffset;
    if (wanted[0]) dx = Tensor::empty(x.shape(), dy.dtype());
    if (wanted[1]) dweight = Tensor::empty(weight.shape(), dy.dtype());
    if (wanted[2]) dbias = Tensor::empty({shape.out}, dy.dtype());
    if (wanted[3]) doffset = Tensor::empty(offset.shape(), dy.dtype());
    count_work((wanted[0] + wanted[1]) * flop_of(shape));
    const Reading read = !wanted[1] || (dy.dtype() == DType::f32 && x.as_map()) ? x : Reading(x.tensor());
    for_float(dy.dtype(), [&]<class T>() {
      const T* gradient = dy.view<T>().data();
      T* dw = dweight ? dweight.edit<T>().data() : nullptr;
      T* db = dbias ? dbias.edit<T>().data() : nullptr;
      if constexpr (std::is_same_v<T, float>) {
        if (dx) kernels::conv2d_data_gradient(shape, stored_weights(weight), gradient, dx.edit<float>().data());
        if (dw || db)
          kernels::conv2d_weight_gradient(shape, dw ? *read.as_map() : kernels::MapReading{}, gradient, dw, db);
      } else {
        if (dx)
          kernels::reference::conv2d_data_gradient<T>(shape, weight.view<T>().data(), gradient, dx.edit<T>().data());
        if (dw || db)
          kernels::reference::conv2d_weight_gradient<T>(shape, dw ? read.tensor().template view<T>().data() : nullptr,
                                                        gradient, dw, db);
      }
      if (doffset) kernels::sum_rows(shape.batch, shape.out, dy.view<T>(), doffset.edit<T>());
    });
    return Grads{dx, dweight, dbias, doffset, wanted[4] ? dy : Tensor()};
  });
}

}  // namespace calotype
