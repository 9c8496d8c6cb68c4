#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/parallel.h"
#include "kernels/attention.h"

namespace calotype::kernels::reference {
namespace {

// Where a head of a picture starts, and how far apart its rows are.
struct Places {
  const AttentionShape& shape;
  int64_t picture, head;

  int64_t row() const { return shape.heads * shape.width; }
  int64_t query(int64_t i) const { return (picture * shape.queries + i) * row() + head * shape.width; }
  int64_t key(int64_t j) const { return (picture % shape.key_batch * shape.keys + j) * row() + head * shape.width; }
  int64_t log_sum(int64_t i) const { return (picture * shape.heads + head) * shape.queries + i; }
  int64_t visible(int64_t i) const { return shape.causal ? std::min(i + 1, shape.keys) : shape.keys; }
};

template <class T>
T dot(const T* a, const T* b, int64_t count) {
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

template <class T>
void attention(const AttentionShape& shape, const T* q, const T* k, const T* v, T* y, T* log_sum) {
  parallel_for(shape.batch * shape.heads, [&](int64_t task) {
    const Places at{shape, task / shape.heads, task % shape.heads};
    std::vector<T> p(shape.keys);
    for (int64_t i = 0; i < shape.queries; ++i) {
      const int64_t visible = at.visible(i);
      T most = -std::numeric_limits<T>::infinity(), sum = 0;
      for (int64_t j = 0; j < visible; ++j) {
        p[j] = shape.scale * dot(q + at.query(i), k + at.key(j), shape.width);
        most = std::max(most, p[j]);
      }
      for (int64_t j = 0; j < visible; ++j) sum += p[j] = std::exp(p[j] - most);
      T* out = y + at.query(i);
      std::fill(out, out + shape.width, T(0));
      for (int64_t j = 0; j < visible; ++j)
        for (int64_t c = 0; c < shape.width; ++c) out[c] += p[j] / sum * v[at.key(j) + c];
      if (log_sum) log_sum[at.log_sum(i)] = most + std::log(sum);
    }
  });
}

template <class T>
void attention_gradient(const AttentionShape& shape, const T* q, const T* k, const T* v, const T* y, const T* log_sum,
                        const T* dy, T* dq, T* dk, T* dv) {
  // One task for all that adds to the gradient of the same keys.
  parallel_for(shape.key_batch * shape.heads, [&](int64_t task) {
    for (int64_t picture = task / shape.heads; picture < shape.batch; picture += shape.key_batch) {
      const Places at{shape, picture, task % shape.heads};
      if (picture < shape.key_batch)
        for (int64_t j = 0; j < shape.keys; ++j) {
          std::fill_n(dk + at.key(j), shape.width, T(0));
          std::fill_n(dv + at.key(j), shape.width, T(0));
        }
      for (int64_t i = 0; i < shape.queries; ++i) {
        const T *query = q + at.query(i), *d = dy + at.query(i);
        T* dquery = dq + at.query(i);
        std::fill_n(dquery, shape.width, T(0));
        const T mean = dot(d, y + at.query(i), shape.width);
        for (int64_t j = 0; j < at.visible(i); ++j) {
          const int64_t key = at.key(j);
          const T p = std::exp(shape.scale * dot(query, k + key, shape.width) - log_sum[at.log_sum(i)]);
          const T dscore = shape.scale * p * (dot(d, v + key, shape.width) - mean);
          for (int64_t c = 0; c < shape.width; ++c) {
            dv[key + c] += p * d[c];
            dk[key + c] += dscore * query[c];
            dquery[c] += dscore * k[key + c];
          }
        }
      }
    }
  });
}

template void attention(const AttentionShape&, const float*, const float*, const float*, float*, float*);
template void attention(const AttentionShape&, const double*, const double*, const double*, double*, double*);
template void attention_gradient(const AttentionShape&, const float*, const float*, const float*, const float*,
                                 const float*, const float*, float*, float*, float*);
template void attention_gradient(const AttentionShape&, const double*, const double*, const double*, const double*,
                                 const double*, const double*, double*, double*, double*);

}  // namespace calotype::kernels::reference
