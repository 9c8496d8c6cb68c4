#include <algorithm>

#include "base/parallel.h"
#include "base/workspace.h"
#include "kernels/winograd.h"
#include "kernels/winograd_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd_weight_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/winograd-gradient-inl.h"
#include "kernels/winograd-input-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// dweight = Gᵀ [sum over tiles of (A dy Aᵀ) (Bᵀ x B)] G: 36 products [out, tiles] [tiles, in]. A block of tiles is one
/// stretch of a sum; stretches are added in their order, so bits depend on the shape alone.
class WinogradWeightGradient {
 public:
  WinogradWeightGradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight, float* dbias)
      : shape_(shape),
        x_(x),
        dy_(dy),
        dweight_(dweight),
        dbias_(dbias),
        in_row_(padded(shape.in)),
        out_row_(padded(shape.out)),
        few_channels_(weight_floats() <= kFewWeights && shape.batch * shape.height * shape.width >= kManyPixels),
        blocks_(shape.batch, shape.height, shape.width, few_channels_ ? kFewTiles : kTiles) {}

  void run() {
    const int64_t ranges = few_channels_ ? std::clamp<int64_t>(kFewWeights * 4 / weight_floats(), 1,
                                                               std::min<int64_t>(blocks_.count(), 16))
                                         : 1;
    const int64_t chunk = few_channels_ ? 0 : blocks_in_chunk();
    const int64_t points = chunk * (block_floats(in_row_) + block_floats(out_row_));
    const int64_t bias = dbias_ ? 2 * blocks_.count() * shape_.out : 0;
    Workspace workspace(Workspace::bytes_of_floats(ranges * weight_floats()) + Workspace::bytes_of_floats(points) +
                        Workspace::bytes_of_floats(bias));
    float* weights = workspace.floats(ranges * weight_floats());
    bias_ = dbias_ ? reinterpret_cast<double*>(workspace.floats(bias)) : nullptr;
    if (few_channels_)
      run_by_tiles(ranges, weights);
    else
      run_by_points(chunk, workspace.floats(points), weights);
    write_weights(ranges, weights);
    if (dbias_) write_bias();
  }

 private:
  static constexpr int64_t kTiles = 128, kFewTiles = 64;    // of a block: what one accumulator sums
  static constexpr int64_t kFewWeights = int64_t{1} << 18;  // floats of one range's sums
  static constexpr int64_t kManyPixels = int64_t{1} << 14;
  static constexpr int64_t kChannels = 64;       // of one task of a transform
  static constexpr int64_t kOut = 96, kIn = 64;  // channels of one task of the products
  static constexpr int64_t kPad = 16;            // floats that keep rows and matrices from sharing cache sets
  static constexpr int64_t kChunkFloats = int64_t{2} << 20;

  static int64_t padded(int64_t channels) { return divide_up(channels, 16) * 16 + kPad; }

  /// Points of one block, of either side: [36][tiles][row].
  int64_t matrix(int64_t row) const { return blocks_.most() * row + kPad; }
  int64_t block_floats(int64_t row) const { return 36 * matrix(row); }
  /// Points of the gradient: [36][out][in_row].
  int64_t weight_matrix() const { return shape_.out * in_row_ + kPad; }
  int64_t weight_floats() const { return 36 * weight_matrix(); }

  void transform_in(int64_t block, int64_t c0, int64_t c1, float* points, float* stage) const {
    transform_input(shape_, x_, blocks_[block], c0, c1, {points + c0, matrix(in_row_), in_row_}, stage);
  }
  void transform_out(int64_t block, int64_t n0, int64_t n1, float* points) const {
    transform_output_gradient(shape_, dy_, blocks_[block], n0, n1, {points + n0, matrix(out_row_), out_row_},
                              bias_ ? bias_ + block * shape_.out : nullptr);
  }

  /// What one block adds to channels [n0, n1) x [c0, c1) of one of the 36 matrices of the gradient.
  void multiply(int64_t block, int64_t point, int64_t n0, int64_t n1, int64_t c0, int64_t c1, const float* in,
                const float* out, float* weights, bool accumulate) const {
    Outer outer{};
    outer.left = out + point * matrix(out_row_) + n0;
    outer.left_stride = out_row_;
    outer.right_stride = in_row_;
    outer.run = blocks_[block].tiles();
    for (int64_t c = c0; c < c1; c += kPanel) {
      outer.right = in + point * matrix(in_row_) + c;
      outer_rows(n1 - n0, c1 - c <= kLanes ? 1 : 2, outer, weights + point * weight_matrix() + n0 * in_row_ + c,
                 in_row_, accumulate);
    }
  }

  /// Few channels: each task takes a range of blocks from maps to its own sums, all in its cache.
  void run_by_tiles(int64_t ranges, float* weights) const {
    const int64_t in_floats = block_floats(in_row_), out_floats = block_floats(out_row_);
    parallel_for(ranges, [&](int64_t range) HWY_ATTR {
      float* in = static_cast<float*>(thread_scratch((in_floats + out_floats + kStageFloats) * sizeof(float)));
      float *out = in + in_floats, *stage = out + out_floats;
      const int64_t first = part_begin(blocks_.count(), ranges, range);
      const int64_t last = part_begin(blocks_.count(), ranges, range + 1);
      for (int64_t block = first; block < last; ++block) {
        transform_in(block, 0, shape_.in, in, stage);
        transform_out(block, 0, shape_.out, out);
        for (int64_t point = 0; point < 36; ++point)
          multiply(block, point, 0, shape_.out, 0, shape_.in, in, out, weights + range * weight_floats(),
                   block > first);
      }
    });
  }

  /// Many channels: the points of a chunk of blocks are made first, then each task adds them up for some channels of
  /// one of the 36 matrices.
  void run_by_points(int64_t chunk, float* points, float* weights) const {
    const int64_t in_floats = block_floats(in_row_), out_floats = block_floats(out_row_);
    float *in = points, *out = points + chunk * in_floats;
    const int64_t in_parts = divide_up(shape_.in, kChannels), out_parts = divide_up(shape_.out, kChannels);
    const int64_t columns = divide_up(shape_.in, kIn), rows = divide_up(shape_.out, kOut);
    for (int64_t first = 0; first < blocks_.count(); first += chunk) {
      const int64_t count = std::min(chunk, blocks_.count() - first);
      parallel_for(count * (in_parts + out_parts), [&](int64_t task) HWY_ATTR {
        const int64_t i = task / (in_parts + out_parts), part = task % (in_parts + out_parts);
        if (part < in_parts) {
          const int64_t c0 = part * kChannels;
          transform_in(first + i, c0, std::min(shape_.in, c0 + kChannels), in + i * in_floats,
                       static_cast<float*>(thread_scratch(kStageFloats * sizeof(float))));
        } else {
          const int64_t n0 = (part - in_parts) * kChannels;
          transform_out(first + i, n0, std::min(shape_.out, n0 + kChannels), out + i * out_floats);
        }
      });
      if (!dweight_) continue;
      parallel_for(36 * columns * rows, [&](int64_t task) HWY_ATTR {
        const int64_t point = task / (columns * rows);
        const int64_t c0 = task / rows % columns * kIn, n0 = task % rows * kOut;
        for (int64_t i = 0; i < count; ++i)
          multiply(first + i, point, n0, std::min(shape_.out, n0 + kOut), c0, std::min(shape_.in, c0 + kIn),
                   in + i * in_floats, out + i * out_floats, weights, first + i > 0);
      });
    }
  }

  int64_t blocks_in_chunk() const {
    const int64_t most = std::max<int64_t>(1, kChunkFloats / (block_floats(in_row_) + block_floats(out_row_)));
    return divide_up(blocks_.count(), divide_up(blocks_.count(), most));
  }

  void write_weights(int64_t ranges, const float* weights) const {
    if (!dweight_) return;
    constexpr int64_t kRows = 8;  // of a task
    parallel_for(divide_up(shape_.out, kRows), [&](int64_t task) HWY_ATTR {
      for (int64_t n = task * kRows; n < std::min(shape_.out, (task + 1) * kRows); ++n)
        transform_weight_gradient(weights + n * in_row_, weight_matrix(), ranges, weight_floats(), shape_.in,
                                  dweight_ + n * shape_.in * 9);
    });
  }

  void write_bias() const {
    for (int64_t n = 0; n < shape_.out; ++n) {
      double sum = 0;
      for (int64_t i = 0; i < blocks_.count(); ++i) sum += bias_[i * shape_.out + n];
      dbias_[n] = static_cast<float>(sum);
    }
  }

  const ConvShape& shape_;
  const MapReading& x_;
  const float* dy_;
  float *dweight_, *dbias_;
  int64_t in_row_, out_row_;  // floats of one tile in a matrix
  bool few_channels_;
  TileBlocks blocks_;
  double* bias_ = nullptr;  // [blocks][out]
};

void winograd_weight_gradient_here(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                                   float* dbias) {
  WinogradWeightGradient(shape, x, dy, dweight, dbias).run();
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

void winograd_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                              float* dbias) {
  CALOTYPE_KERNEL(winograd_weight_gradient_here)(shape, x, dy, dweight, dbias);
}

}  // namespace calotype::kernels
#endif
