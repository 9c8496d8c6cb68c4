#include "models/vae_bands.h"

#include <algorithm>
#include <vector>

#include "nn/in_place.h"
#include "ops/row_bands.h"

namespace calotype {
namespace {

/// A chain of convolutions: map k + 1 is links[k] of map k, plus map k - 1 where a residual block ends there.
class Chain {
 public:
  Chain(const BandedLevel& level, const Tensor& x, int64_t band_rows)
      : input_{x, 0, x.dim(1)}, height_(2 * x.dim(1)), width_(2 * x.dim(2)), band_rows_(band_rows) {
    links_.push_back({.conv = &level.resample});
    for (const VaeResBlock& block : level.blocks) {
      links_.push_back({.conv = &block.conv1, .norm = &block.norm1});
      links_.push_back({.conv = &block.conv2, .norm = &block.norm2, .ends = &block});
    }
    if (level.conv_out) links_.push_back({.conv = level.conv_out, .norm = level.norm_out});
    cuts_ = row_cuts(height_, width_, x.dim(3), level.resample.weight.dim(0));
  }

  bool can_be_cut() const { return cuts_.size() > 2; }

  Tensor run() {
    for (size_t k = 0; k < links_.size(); ++k)
      if (const GroupNorm* norm = links_[k].norm)
        links_[k].folded =
            fold_norm(sums_of(k), height_ * width_, norm->weight, norm->bias, norm->groups, norm->epsilon);
    const size_t last = links_.size();
    Tensor result = Tensor::empty({1, height_, width_, links_.back().conv->weight.dim(0)});
    for (const RowRange rows : bands()) {
      const RowBand band = map(last, rows, nullptr);
      for_float(result.dtype(), [&]<class T>() {
        std::ranges::copy(band.rows.view<T>(), result.edit<T>().begin() + rows.first * width_ * result.dim(3));
      });
    }
    return result;
  }

 private:
  struct Link {
    const Conv2d* conv;
    const GroupNorm* norm = nullptr;    // before the convolution, with SiLU
    const VaeResBlock* ends = nullptr;  // the block whose input is added
    FoldedNorm folded = {};
  };

  std::vector<RowRange> bands() const {
    std::vector<RowRange> all;
    for (int64_t first = 0; first < height_; first = all.back().end)
      all.push_back({first, widened_to_cuts({first, std::min(first + band_rows_, height_)}, cuts_).end});
    return all;
  }

  /// The channel sums of map k.
  Tensor sums_of(size_t k) const {
    Tensor sums = Tensor::zeros({1, links_[k - 1].conv->weight.dim(0), 2}, DType::f64);
    for (const RowRange rows : bands()) map(k, rows, &sums);
    return sums;
  }

  /// Rows of map k, made from the input on.
  RowBand map(size_t k, RowRange rows, Tensor* sums) const {
    std::vector<RowRange> needed(k + 1);
    needed[k] = rows;
    for (size_t i = k; i-- > 1;)
      needed[i] = widened_to_steps(
          {std::max<int64_t>(needed[i + 1].first - 1, 0), std::min(needed[i + 1].end + 1, height_)}, cuts_);
    RowBand before, current = input_;
    for (size_t i = 0; i < k; ++i) {
      const Link& link = links_[i];
      RowBand added;
      if (link.ends) added = straight(*link.ends, std::move(before));
      before = RowBand();
      RowBand next = conv2d_rows({.band = current, .norm = link.norm ? &link.folded : nullptr, .doubled = i == 0},
                                 link.conv->weight, link.conv->bias, needed[i + 1], link.ends ? &added : nullptr,
                                 i + 1 == k ? sums : nullptr);
      before = i == 0 ? RowBand() : std::move(current);
      current = std::move(next);
    }
    return current;
  }

  static RowBand straight(const VaeResBlock& block, RowBand x) {
    if (block.shortcut) x.rows = in_place_of(std::move(x.rows), *block.shortcut);
    return x;
  }

  std::vector<Link> links_;
  RowBand input_;
  int64_t height_, width_;  // of all maps but the input
  int64_t band_rows_;
  std::vector<int64_t> cuts_;
};

}  // namespace

Tensor run_in_bands(const BandedLevel& level, const Tensor& x, int64_t band_rows) {
  return Chain(level, x, band_rows).run();
}

bool runs_in_bands(const BandedLevel& level, const Tensor& x) {
  return x.dim(0) == 1 && Chain(level, x, 1).can_be_cut();
}

}  // namespace calotype
