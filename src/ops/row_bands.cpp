#include "ops/row_bands.h"

#include <algorithm>

#include "kernels/conv2d_rows.h"
#include "kernels/norm.h"
#include "ops/stored.h"
#include "tensor/history.h"
#include "tensor/work.h"

namespace calotype {
namespace {

/// Where row 0 of the map would lie, of which there are only rows from `first` on.
template <class Pointer>
Pointer whole(Pointer rows, int64_t first, int64_t width, int64_t channels) {
  return rows - first * width * channels;
}

bool makes_bands(const kernels::ConvShape& shape) {
  return kernels::conv2d_row_cuts(shape).size() > 2;
}

}  // namespace

RowBand RowBand::part(RowRange range) const {
  check(range.first >= first && range.end <= first + rows.dim(1), "a band of rows {} to {} has no rows {} to {}", first,
        first + rows.dim(1), range.first, range.end);
  const int64_t width = rows.dim(2), channels = rows.dim(3);
  const Tensor lines = rows.reshape({rows.dim(1), width, channels}).rows(range.first - first, range.count());
  return {lines.reshape({1, range.count(), width, channels}), range.first, height};
}

FoldedNorm fold_norm(const Tensor& sums, int64_t pixels, const Tensor& gain, const Tensor& bias, int64_t groups,
                     double epsilon) {
  const int64_t channels = sums.dim(1);
  FoldedNorm norm{Tensor::empty({1, channels}), Tensor::empty({1, channels})};
  const Tensor wide_gain = widened(gain), wide_bias = widened(bias);
  for_float(DType::f32, [&]<class T>() {
    kernels::fold_group_norm({.batch = 1, .pixels = pixels, .channels = channels, .groups = groups},
                             {.first = sums.view<double>().data(), .first_channels = channels},
                             wide_gain.view<float>().data(), wide_bias.view<float>().data(), epsilon,
                             norm.scale.edit<float>().data(), norm.shift.edit<float>().data());
  });
  return norm;
}

std::vector<int64_t> row_cuts(int64_t height, int64_t width, int64_t in, int64_t out) {
  return kernels::conv2d_row_cuts({.batch = 1, .height = height, .width = width, .in = in, .out = out});
}

RowRange widened_to_cuts(RowRange range, const std::vector<int64_t>& cuts) {
  return {*std::prev(std::ranges::upper_bound(cuts, range.first)), *std::ranges::lower_bound(cuts, range.end)};
}

RowRange widened_to_steps(RowRange range, const std::vector<int64_t>& cuts) {
  if (cuts.size() <= 2) return widened_to_cuts(range, cuts);
  const int64_t step = kernels::kBandStep;
  return {range.first / step * step, std::min((range.end + step - 1) / step * step, cuts.back())};
}

RowBand conv2d_rows(const BandReading& x, const Tensor& weight, const Tensor& bias, RowRange rows, const RowBand* add,
                    Tensor* sums) {
  const int64_t height = x.height(), width = x.width(), in = x.band.rows.dim(3), out = weight.dim(0);
  check(!recording() || !weight.tracked(), "conv2d_rows has no gradient");
  check(x.band.rows.dim(0) == 1 && weight.count() == out * in * 9, "conv2d_rows: {} and a weight of {}",
        x.band.rows.shape().text(), weight.shape().text());
  kernels::Conv2d problem{};
  problem.shape = {.batch = 1, .height = height, .width = width, .in = in, .out = out};
  count_work(18.0 * static_cast<double>(rows.count() * width * out) * static_cast<double>(in));
  const Tensor wide_bias = widened(bias);
  RowBand y{Tensor::empty({1, rows.count(), width, out}), rows.first, height};
  // Without bands in the kernel the rows that are read are a picture of their own, whose padding is what it has too
  // few; whole maps are made by any.
  const bool banded = rows.count() == height || makes_bands(problem.shape);
  check(banded || !sums, "conv2d_rows: no statistics from a kernel without bands");
  check(banded || !x.doubled, "conv2d_rows: no doubling by a kernel without bands");
  const RowRange read{std::max<int64_t>(rows.first - 1, 0), std::min(rows.end + 1, height)};
  const RowBand source = banded ? x.band : x.band.part(read);
  for_float(DType::f32, [&]<class T>() {
    const float* from = source.rows.view<float>().data();
    float* to = y.rows.edit<float>().data();
    const float* addend = add ? add->rows.view<float>().data() : nullptr;
    if (banded) {
      from = whole(from, source.first, source.rows.dim(2), in);
      to = whole(to, y.first, width, out);
      if (add) addend = whole(addend, add->first, width, out);
    } else {
      problem.shape.height = read.count();
      problem.shape.top = 1 - (rows.first - read.first);
      problem.shape.bottom = 1 - (read.end - rows.end);
      if (add) addend += (rows.first - add->first) * width * out;
    }
    problem.x = {.first = from,
                 .first_channels = in,
                 .scale = x.norm ? x.norm->scale.view<float>().data() : nullptr,
                 .shift = x.norm ? x.norm->shift.view<float>().data() : nullptr,
                 .doubled = x.doubled,
                 .silu = x.norm != nullptr};
    problem.weight = stored_weights(weight);
    problem.bias = wide_bias ? wide_bias.view<float>().data() : nullptr;
    problem.add = addend;
    problem.y = to;
    problem.sums = sums ? sums->edit<double>().data() : nullptr;
    if (banded)
      kernels::conv2d_rows(problem, rows.first, rows.end);
    else
      kernels::conv2d(problem);
  });
  return y;
}

}  // namespace calotype
