#include "ops/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "ops/loops.h"

namespace calotype {
namespace {

/// A linear map of one axis: what each of its results is made of.
struct Taps {
  struct Tap {
    int64_t from;
    double weight;
  };
  int64_t in;
  std::vector<int64_t> first;  // result o is made of taps [first[o], first[o + 1])
  std::vector<Tap> taps;

  int64_t out() const { return int64_t(first.size()) - 1; }
};

/// The same map read the other way round: how gradients go back.
Taps transposed(const Taps& taps) {
  std::vector<std::vector<Taps::Tap>> by_input(taps.in);
  for (int64_t o = 0; o < taps.out(); ++o)
    for (int64_t t = taps.first[o]; t < taps.first[o + 1]; ++t)
      by_input[taps.taps[t].from].push_back({o, taps.taps[t].weight});
  Taps result{.in = taps.out(), .first = {0}, .taps = {}};
  for (const auto& of_input : by_input) {
    result.taps.insert(result.taps.end(), of_input.begin(), of_input.end());
    result.first.push_back(int64_t(result.taps.size()));
  }
  return result;
}

/// Keys' kernel at the four neighbours of a place `t` behind the second of them.
std::array<double, 4> cubic_weights(double t) {
  constexpr double kA = -0.75;
  const auto near = [](double d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; };
  const auto far = [](double d) { return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

/// Every pixel under the kernel, which is as wide as a result's share of the input where that is more than a pixel.
void add_antialiased(Taps& taps, int64_t o, int64_t in, int64_t out, bool cubic) {
  const double scale = double(in) / double(out), shrink = std::max(scale, 1.0);
  const double reach = (cubic ? 2 : 1) * shrink, centre = (double(o) + 0.5) * scale;
  const auto first = std::max<int64_t>(0, int64_t(centre - reach + 0.5));
  const auto last = std::min<int64_t>(in, int64_t(centre + reach + 0.5));
  const size_t begin = taps.taps.size();
  double sum = 0;
  for (int64_t i = first; i < last; ++i) {
    const double d = std::abs((double(i) - centre + 0.5) / shrink);
    constexpr double kA = -0.5;
    const double weight = !cubic  ? std::max(0.0, 1 - d)
                          : d < 1 ? ((kA + 2) * d - (kA + 3)) * d * d + 1
                          : d < 2 ? ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA
                                  : 0;
    taps.taps.push_back({i, weight});
    sum += weight;
  }
  for (size_t t = begin; t < taps.taps.size(); ++t) taps.taps[t].weight /= sum;
}

/// Between pixels: two or four neighbours.
void add_neighbours(Taps& taps, int64_t o, int64_t in, int64_t out, const ResizeOptions& options) {
  double place = options.align_corners ? (out > 1 ? double(o) * double(in - 1) / double(out - 1) : 0)
                                       : (double(o) + 0.5) * double(in) / double(out) - 0.5;
  const auto inside = [in](int64_t i) { return std::clamp<int64_t>(i, 0, in - 1); };
  if (options.interpolation == Interpolation::bilinear) {
    place = std::clamp(place, 0.0, double(in - 1));
    const auto before = int64_t(place);
    const double t = place - double(before);
    taps.taps.push_back({before, 1 - t});
    taps.taps.push_back({inside(before + 1), t});
  } else {
    const auto before = int64_t(std::floor(place));
    const auto weights = cubic_weights(place - double(before));
    for (int64_t i = 0; i < 4; ++i) taps.taps.push_back({inside(before - 1 + i), weights[i]});
  }
}

Taps make_taps(int64_t in, int64_t out, const ResizeOptions& options) {
  Taps result{.in = in, .first = {0}, .taps = {}};
  for (int64_t o = 0; o < out; ++o) {
    if (options.interpolation == Interpolation::nearest) {
      const float scale = float(in) / float(out);
      result.taps.push_back({std::min(in - 1, int64_t(float(o) * scale)), 1});
    } else if (options.interpolation == Interpolation::area) {
      const int64_t first = o * in / out, last = ((o + 1) * in + out - 1) / out;
      for (int64_t i = first; i < last; ++i) result.taps.push_back({i, 1 / double(last - first)});
    } else if (options.antialias) {
      add_antialiased(result, o, in, out, options.interpolation == Interpolation::bicubic);
    } else {
      add_neighbours(result, o, in, out, options);
    }
    result.first.push_back(int64_t(result.taps.size()));
  }
  return result;
}

/// y[a, o, :] = sum of weight * x[a, from, :] over o's taps; x [outer, in, inner].
template <class T>
void apply(const Taps& taps, int64_t outer, int64_t inner, std::span<const T> x, std::span<T> y) {
  for_rows(outer * taps.out(), inner, [&](int64_t row) {
    const int64_t a = row / taps.out(), o = row % taps.out();
    T* to = y.data() + row * inner;
    std::fill_n(to, inner, T(0));
    for (int64_t t = taps.first[o]; t < taps.first[o + 1]; ++t) {
      const T* from = x.data() + (a * taps.in + taps.taps[t].from) * inner;
      const T weight = T(taps.taps[t].weight);
      for (int64_t i = 0; i < inner; ++i) to[i] += weight * from[i];
    }
  });
}

/// Rows by one map, columns by another: [B, H, W, C] -> [B, H', W', C].
Tensor apply_both(const Taps& rows, const Taps& columns, const Tensor& x) {
  const int64_t batch = x.dim(0), channels = x.dim(3);
  Tensor half = Tensor::empty({batch, rows.out(), columns.in, channels}, x.dtype());
  Tensor y = Tensor::empty({batch, rows.out(), columns.out(), channels}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    apply<T>(rows, batch, columns.in * channels, x.view<T>(), half.edit<T>());
    apply<T>(columns, batch * rows.out(), channels, half.view<T>(), y.edit<T>());
  });
  return y;
}

}  // namespace

Tensor resize(const Tensor& x, int64_t height, int64_t width, const ResizeOptions& options) {
  check(x.shape().rank() == 4 && x.dim(1) > 0 && x.dim(2) > 0 && height > 0 && width > 0, "resize: {} to {} by {}",
        x.shape().text(), height, width);
  const bool between =
      options.interpolation == Interpolation::bilinear || options.interpolation == Interpolation::bicubic;
  check(between || !options.align_corners, "resize: nearest and area have no corners to align");
  check(!options.antialias || (between && !options.align_corners),
        "resize: antialiasing is for bilinear and bicubic, without aligned corners");
  const Taps rows = make_taps(x.dim(1), height, options), columns = make_taps(x.dim(2), width, options);
  return recorded("resize", apply_both(rows, columns, x), {x}, [rows, columns](const Tensor& dy, Wanted) {
    return Grads{apply_both(transposed(rows), transposed(columns), dy)};
  });
}

}  // namespace calotype
