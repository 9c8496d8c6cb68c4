#include "ops/token_merging.h"

#include <algorithm>
#include <numeric>

#include "ops/linear.h"
#include "ops/loops.h"
#include "ops/norm.h"
#include "tensor/history.h"

namespace calotype {
namespace {

/// Rows of x [T, C].
Tensor gathered(const Tensor& x, const std::vector<int32_t>& rows) {
  const int64_t width = x.dim(1);
  Tensor y = Tensor::empty({static_cast<int64_t>(rows.size()), width}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    for_rows(y.dim(0), width,
             [&](int64_t r) { std::copy_n(in.begin() + rows[r] * width, width, out.begin() + r * width); });
  });
  return y;
}

struct Match {
  float likeness;
  int32_t source, target;
};

}  // namespace

TokenMerging::TokenMerging(const Tensor& x, int64_t height, int64_t width, double ratio)
    : tokens_(x.dim(1)), place_(x.dim(0) * x.dim(1)) {
  check(x.shape().rank() == 3 && height * width == tokens_, "token merging: {} is no map of {}x{}", x.shape().text(),
        height, width);
  std::vector<int32_t> sources, targets;
  for (int64_t t = 0; t < tokens_; ++t) {
    const bool first = t / width % 2 == 0 && t % width % 2 == 0;
    (first ? targets : sources).push_back(static_cast<int32_t>(t));
  }
  const auto merged = std::min<int64_t>(static_cast<int64_t>(ratio * static_cast<double>(tokens_)),
                                        static_cast<int64_t>(sources.size()));
  kept_ = tokens_ - merged;
  const Tensor directions = l2_normalise(x);
  for (int64_t b = 0; b < x.dim(0); ++b) {
    const Tensor picture = directions.rows(b, 1).reshape({tokens_, x.dim(2)});
    const Tensor likeness = linear(gathered(picture, sources), gathered(picture, targets), {});  // [sources, targets]
    int32_t* const place = place_.data() + b * tokens_;
    for_float(x.dtype(), [&]<class T>() {
      std::vector<Match> best(sources.size());
      const auto all = likeness.view<T>();
      for_rows(static_cast<int64_t>(sources.size()), static_cast<int64_t>(targets.size()), [&](int64_t s) {
        const auto row = all.subspan(s * targets.size(), targets.size());
        const auto most = std::ranges::max_element(row);
        best[s] = {static_cast<float>(*most), sources[s], targets[most - row.begin()]};
      });
      std::ranges::stable_sort(best, std::ranges::greater(), &Match::likeness);
      std::vector<bool> goes(tokens_);
      for (int64_t i = 0; i < merged; ++i) goes[best[i].source] = true;
      int32_t next = 0;
      for (int64_t t = 0; t < tokens_; ++t)
        if (!goes[t]) place[t] = next++;
      for (int64_t i = 0; i < merged; ++i) place[best[i].source] = place[best[i].target];
    });
  }
}

Tensor TokenMerging::merged(const Tensor& x) const {
  const int64_t batch = x.dim(0), width = x.dim(2);
  Tensor y = Tensor::empty({batch, kept_, width}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    std::ranges::fill(out, T(0));
    std::vector<int32_t> count(kept_);
    for (int64_t b = 0; b < batch; ++b) {
      const int32_t* place = place_.data() + b * tokens_;
      std::ranges::fill(count, 0);
      for (int64_t t = 0; t < tokens_; ++t) {
        ++count[place[t]];
        T* to = out.data() + (b * kept_ + place[t]) * width;
        const T* from = in.data() + (b * tokens_ + t) * width;
        for (int64_t c = 0; c < width; ++c) to[c] += from[c];
      }
      for (int64_t k = 0; k < kept_; ++k)
        for (T& value : out.subspan((b * kept_ + k) * width, width)) value /= static_cast<T>(count[k]);
    }
  });
  return not_differentiable("token merging", y, {x});
}

Tensor TokenMerging::spread(const Tensor& y) const {
  const int64_t batch = y.dim(0), width = y.dim(2);
  Tensor x = Tensor::empty({batch, tokens_, width}, y.dtype());
  for_float(y.dtype(), [&]<class T>() {
    const auto in = y.view<T>();
    const auto out = x.edit<T>();
    for_rows(batch * tokens_, width, [&](int64_t row) {
      const int64_t from = row / tokens_ * kept_ + place_[row];
      std::copy_n(in.begin() + from * width, width, out.begin() + row * width);
    });
  });
  return not_differentiable("token merging", x, {y});
}

}  // namespace calotype
