#include "ops/linear.h"

#include <vector>

#include "kernels/elementwise.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/stored.h"
#include "tensor/work.h"

namespace calotype {
namespace {

struct Sizes {
  int64_t rows, in, out;  // out: rows of the weight
  double flop() const { return 2.0 * static_cast<double>(rows * in) * static_cast<double>(out); }
};

Sizes sizes_of(const Shape& x, const Tensor& weight, const Tensor& bias) {
  const Sizes sizes{x.rows(), x.dim(-1), weight.dim(0)};
  check(weight.count() == sizes.out * sizes.in, "linear: the input's last axis is {}, the weight is {}", sizes.in,
        weight.shape().text());
  check(!bias || bias.count() == sizes.out, "linear: the weight is {}, the bias {}", weight.shape().text(),
        bias.shape().text());
  return sizes;
}

/// The products alone, in f32: everything the kernel can fold in.
Tensor product_f32(const Reading& x, const Tensor& weight, const Tensor& bias, Precision precision, Epilogue epilogue,
                   const Shape& shape) {
  const Sizes sizes = sizes_of(x.shape(), weight, bias);
  const auto norm = x.as_rows();
  const Tensor rows = norm ? x.first() : x.tensor();
  const Tensor wide_bias = widened(bias);
  Tensor y = epilogue.add && epilogue.add.reusable() ? epilogue.add : Tensor::empty(shape);
  for_float(DType::f32, [&]<class T>() {
    kernels::Linear problem{.rows = sizes.rows, .in = sizes.in, .out = shape.dim(-1), .x = rows.view<float>().data()};
    if (norm) problem.norm = *norm;
    problem.weight = stored_weights(weight);
    problem.bias = pointer_or_null<float>(wide_bias);
    problem.offset = pointer_or_null<float>(epilogue.offset);
    if (epilogue.offset) problem.rows_per_offset = sizes.rows / epilogue.offset.dim(0);
    problem.activation = epilogue.activation;
    problem.add = pointer_or_null<float>(epilogue.add);
    problem.precision = precision;
    problem.y = y.edit<float>().data();
    kernels::linear(problem);
  });
  return y;
}

Tensor product_f64(const Reading& x, const Tensor& weight, const Tensor& bias, const Epilogue& epilogue,
                   const Shape& shape) {
  const Sizes sizes = sizes_of(x.shape(), weight, bias);
  const Tensor rows = x.tensor();
  Tensor y = Tensor::empty(shape, DType::f64);
  kernels::reference::linear<double>(sizes.rows, sizes.in, sizes.out, rows.view<double>().data(),
                                     weight.view<double>().data(), pointer_or_null<double>(bias),
                                     y.edit<double>().data());
  if (epilogue.offset) {
    kernels::add_row(epilogue.offset.dim(0), sizes.out, y.view<double>(), epilogue.offset.view<double>(),
                     y.edit<double>());
  }
  return epilogue.add ? y + epilogue.add.detach() : y;
}

}  // namespace

Tensor activated(Tensor x, Activation activation) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::silu:
      return silu(std::move(x)).tensor();
    case Activation::gelu:
      return gelu(x);
    case Activation::quick_gelu:
      return quick_gelu(x);
    case Activation::geglu:
      return geglu(x);
  }
  return x;
}

Tensor linear(const Reading& x, const Tensor& weight, const Tensor& bias, Precision precision, Epilogue epilogue) {
  const Sizes sizes = sizes_of(x.shape(), weight, bias);
  const bool tracked = recording() && (x.tracked() || weight.tracked() || (bias && bias.tracked()) ||
                                       (epilogue.offset && epilogue.offset.tracked()));
  const bool no_kernel = x.dtype() == DType::f64 || (epilogue.activation == Activation::geglu && epilogue.offset);
  if (epilogue.activation != Activation::none && (tracked || no_kernel)) {
    // The gradient needs what went into the activation: so it is an op of its own.
    Tensor y =
        activated(linear(x, weight, bias, precision, {.offset = std::move(epilogue.offset)}), epilogue.activation);
    return epilogue.add ? y + epilogue.add : y;
  }
  std::vector<int64_t> extents(x.shape().begin(), x.shape().end());
  extents.back() = epilogue.activation == Activation::geglu ? sizes.out / 2 : sizes.out;
  const Shape shape(extents);
  if (epilogue.offset)
    check(
        epilogue.offset.dim(0) > 0 && epilogue.offset.dim(-1) == sizes.out && sizes.rows % epilogue.offset.dim(0) == 0,
        "linear: the offset {} does not fit {}", epilogue.offset.shape().text(), shape.text());
  if (epilogue.add && epilogue.add.count() != shape.count()) {
    check(epilogue.add.count() > 0 && shape.count() % epilogue.add.count() == 0, "linear: {} cannot be added to {}",
          epilogue.add.shape().text(), shape.text());
    epilogue.add = repeat(epilogue.add, shape.count() / epilogue.add.count());
  }
  count_work(sizes.flop());
  const Tensor offset = epilogue.offset;
  const Tensor add = recording() && epilogue.add && epilogue.add.tracked() ? epilogue.add : Tensor();
  const Tensor y = x.dtype() == DType::f64 && !Measuring::active()
                       ? product_f64(x, weight, bias, epilogue, shape)
                       : product_f32(x, weight, bias, precision, std::move(epilogue), shape);
  if (!tracked && !add) return y;
  return recorded("linear", y, {Input(x.history()), weight, bias, offset, add}, [=](const Tensor& dy, Wanted wanted) {
    Tensor dx, dweight, dbias, doffset;
    if (wanted[0]) dx = Tensor::empty(x.shape(), dy.dtype());
    if (wanted[1]) dweight = Tensor::empty(weight.shape(), dy.dtype());
    if (wanted[2]) dbias = Tensor::empty({sizes.out}, dy.dtype());
    if (wanted[3]) doffset = Tensor::empty(offset.shape(), dy.dtype());
    count_work((wanted[0] + wanted[1]) * sizes.flop());
    const Tensor rows = wanted[1] ? x.tensor() : Tensor();
    for_float(dy.dtype(), [&]<class T>() {
      const T* gradient = dy.view<T>().data();
      T* dw = dweight ? dweight.edit<T>().data() : nullptr;
      T* db = dbias ? dbias.edit<T>().data() : nullptr;
      if constexpr (std::is_same_v<T, float>) {
        if (dx)
          kernels::linear_data_gradient({.rows = sizes.rows,
                                         .in = sizes.in,
                                         .out = sizes.out,
                                         .dy = gradient,
                                         .weight = stored_weights(weight),
                                         .dx = dx.edit<float>().data(),
                                         .precision = precision});
        if (dw || db)
          kernels::linear_weight_gradient({.rows = sizes.rows,
                                           .in = sizes.in,
                                           .out = sizes.out,
                                           .dy = gradient,
                                           .x = pointer_or_null<float>(rows),
                                           .dweight = dw,
                                           .dbias = db,
                                           .precision = precision});
      } else {
        if (dx)
          kernels::reference::linear_data_gradient<T>(sizes.rows, sizes.in, sizes.out, gradient,
                                                      weight.view<T>().data(), dx.edit<T>().data());
        if (dw || db)
          kernels::reference::linear_weight_gradient<T>(sizes.rows, sizes.in, sizes.out, gradient,
                                                        pointer_or_null<T>(rows), dw, db);
      }
      if (wanted[3]) kernels::sum_rows(offset.dim(0), sizes.out, dy.view<T>(), doffset.edit<T>());
    });
    return Grads{dx, dweight, dbias, doffset, wanted[4] ? dy.reshape(add.shape()) : Tensor()};
  });
}

}  // namespace calotype
