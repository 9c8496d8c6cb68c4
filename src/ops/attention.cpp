#include "ops/attention.h"

#include <cmath>

#include "kernels/attention.h"
#include "ops/arithmetic.h"
#include "ops/stored.h"
#include "tensor/work.h"

namespace calotype {
namespace {

kernels::AttentionShape shape_of(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  check(q.shape().rank() == 3 && k.shape().rank() == 3 && k.shape() == v.shape() && q.dim(2) == k.dim(2) &&
            options.heads > 0 && q.dim(2) % options.heads == 0 && k.dim(0) > 0 && q.dim(0) % k.dim(0) == 0,
        "attention: q {}, k {}, v {} and {} heads do not fit", q.shape().text(), k.shape().text(), v.shape().text(),
        options.heads);
  const int64_t width = q.dim(2) / options.heads;
  return {.batch = q.dim(0),
          .key_batch = k.dim(0),
          .heads = options.heads,
          .queries = q.dim(1),
          .keys = k.dim(1),
          .width = width,
          .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width))),
          .causal = options.causal};
}

/// One of the products of queries and keys, or of probabilities and values; what a causal mask hides counts too.
double product_flop(const kernels::AttentionShape& s) {
  return 2.0 * static_cast<double>(s.batch * s.heads * s.queries) * static_cast<double>(s.keys * s.width);
}

}  // namespace

Tensor attention(const Tensor& query, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  const Tensor q = query.dim(0) < k.dim(0) ? repeat(query, k.dim(0) / query.dim(0)) : query;
  const kernels::AttentionShape shape = shape_of(q, k, v, options);
  const bool tracked = recording() && (q.tracked() || k.tracked() || v.tracked());
  count_work(2 * product_flop(shape));
  Tensor y = Tensor::empty(q.shape(), q.dtype());
  Tensor log_sum = tracked ? Tensor::empty({shape.batch, shape.heads, shape.queries}, q.dtype()) : Tensor();
  for_float(q.dtype(), [&]<class T>() {
    const T *qs = q.view<T>().data(), *ks = k.view<T>().data(), *vs = v.view<T>().data();
    T* sums = log_sum ? log_sum.edit<T>().data() : nullptr;
    if constexpr (std::is_same_v<T, float>)
      kernels::attention(shape, qs, ks, vs, y.edit<T>().data(), sums, options.precision);
    else
      kernels::reference::attention<T>(shape, qs, ks, vs, y.edit<T>().data(), sums);
  });
  return recorded("attention", y, {q, k, v},
                  [shape, q = q.detach(), k = k.detach(), v = v.detach(), y, log_sum](const Tensor& dy, Wanted) {
                    count_work(5 * product_flop(shape));
                    Tensor dq = Tensor::empty(q.shape(), dy.dtype());
                    Tensor dk = Tensor::empty(k.shape(), dy.dtype()), dv = Tensor::empty(k.shape(), dy.dtype());
                    for_float(dy.dtype(), [&]<class T>() {
                      const auto run = [&](auto&& gradient) {
                        gradient(shape, q.view<T>().data(), k.view<T>().data(), v.view<T>().data(), y.view<T>().data(),
                                 log_sum.view<T>().data(), dy.view<T>().data(), dq.edit<T>().data(),
                                 dk.edit<T>().data(), dv.edit<T>().data());
                      };
                      if constexpr (std::is_same_v<T, float>)
                        run(kernels::attention_gradient);
                      else
                        run(kernels::reference::attention_gradient<T>);
                    });
                    return Grads{dq, dk, dv};
                  });
}

}  // namespace calotype
