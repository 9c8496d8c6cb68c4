#include "ops/activation.h"

#include "kernels/activation.h"

namespace calotype {

// A macro and not a template: each kernel's name stands for overloads for f32 and f64.
#define CALOTYPE_ACTIVATION(NAME)                                                                                  \
  Tensor NAME(const Tensor& x) {                                                                                   \
    Tensor y = Tensor::empty(x.shape(), x.dtype());                                                                \
    for_float(x.dtype(), [&]<class T>() { kernels::NAME(x.view<T>(), y.edit<T>()); });                             \
    return recorded(#NAME, y, {x}, [x = x.detach()](const Tensor& dy, Wanted) {                                    \
      Tensor dx = Tensor::empty(x.shape(), x.dtype());                                                             \
      for_float(x.dtype(), [&]<class T>() { kernels::NAME##_gradient(x.view<T>(), dy.view<T>(), dx.edit<T>()); }); \
      return Grads{dx};                                                                                            \
    });                                                                                                            \
  }

CALOTYPE_ACTIVATION(gelu)
CALOTYPE_ACTIVATION(quick_gelu)
CALOTYPE_ACTIVATION(sigmoid)
CALOTYPE_ACTIVATION(relu)
CALOTYPE_ACTIVATION(leaky_relu)
CALOTYPE_ACTIVATION(tanh)
CALOTYPE_ACTIVATION(tanh_clamp)
#undef CALOTYPE_ACTIVATION

Tensor geglu(const Tensor& x) {
  check(x.dim(-1) % 2 == 0, "geglu: {} has no two halves", x.shape().text());
  const int64_t width = x.dim(-1) / 2;
  std::vector<int64_t> extents(x.shape().begin(), x.shape().end());
  extents.back() = width;
  Tensor y = Tensor::empty(Shape(extents), x.dtype());
  for_float(x.dtype(), [&]<class T>() { kernels::geglu(width, x.view<T>(), y.edit<T>()); });
  return recorded("geglu", y, {x}, [x = x.detach(), width](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    for_float(x.dtype(), [&]<class T>() { kernels::geglu_gradient(width, x.view<T>(), dy.view<T>(), dx.edit<T>()); });
    return Grads{dx};
  });
}

}  // namespace calotype
