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
  WinogradWeightGradient(const ConvShape& shape, const MapReading& x, const float* dy)
      : shape_(shape),
        x_(x),
        dy_(dy),
        blocks_(shape.batch, shape.height, shape.width, kTiles),
        in_row_(padded(shape.in)),
        out_row_(padded(shape.out)) {}

  void run(float* dweight, float* dbias) {
    const int64_t chunk = blocks_in_chunk();
    const int64_t in = chunk * block_floats(in_row_), out = chunk * block_floats(out_row_);
    const int64_t weights = dweight ? 36 * weight_matrix() : 0, sums = dbias ? 2 * blocks_.count() * shape_.out : 0;
    Workspace workspace(Workspace::bytes_of_floats(in) + Workspace::bytes_of_floats(out) +
                        Workspace::bytes_of_floats(weights) + Workspace::bytes_of_floats(sums));
    in_ = workspace.floats(in);
    out_ = workspace.floats(out);
    weights_ = workspace.floats(weights);
    sums_ = dbias ? reinterpret_cast<double*>(workspace.floats(sums)) : nullptr;
    for (int64_t first = 0; first < blocks_.count(); first += chunk) {
      const int64_t count = std::min(chunk, blocks_.count() - first);
      transform(first, count);
      if (dweight) multiply(first, count);
    }
    if (dweight)
      parallel_for(divide_up(shape_.out, kRowsOfTask), [&](int64_t task) HWY_ATTR {
        const int64_t end = std::min(shape_.out, (task + 1) * kRowsOfTask);
        for (int64_t n = task * kRowsOfTask; n < end; ++n)
          transform_weight_gradient({weights_ + n * in_row_, weight_matrix(), in_row_}, shape_.in,
                                    dweight + n * shape_.in * 9);
      });
    if (dbias)
      for (int64_t n = 0; n < shape_.out; ++n) {
        double sum = 0;
        for (int64_t i = 0; i < blocks_.count(); ++i) sum += sums_[i * shape_.out + n];
        dbias[n] = static_cast<float>(sum);
      }
  }

 private:
  static constexpr int64_t kTiles = 128;         // of a block: what one accumulator sums
  static constexpr int64_t kChannels = 64;       // of one task of a transform
  static constexpr int64_t kOut = 96, kIn = 64;  // channels of one task of the products
  static constexpr int64_t kRowsOfTask = 8;
  static constexpr int64_t kPad = 16;  // floats that keep rows and matrices from sharing cache sets
  static constexpr int64_t kChunkFloats = int64_t{2} << 20;

  static int64_t padded(int64_t channels) { return divide_up(channels, 16) * 16 + kPad; }
  int64_t matrix(int64_t row) const { return blocks_.most() * row + kPad; }
  int64_t block_floats(int64_t row) const { return 36 * matrix(row); }
  int64_t weight_matrix() const { return shape_.out * in_row_ + kPad; }

  int64_t blocks_in_chunk() const {
    const int64_t most = std::max<int64_t>(1, kChunkFloats / (block_floats(in_row_) + block_floats(out_row_)));
    return divide_up(blocks_.count(), divide_up(blocks_.count(), most));
  }

  void transform(int64_t first, int64_t count) const {
    const int64_t in_parts = divide_up(shape_.in, kChannels), out_parts = divide_up(shape_.out, kChannels);
    parallel_for(count * (in_parts + out_parts), [&](int64_t task) HWY_ATTR {
      const int64_t i = task / (in_parts + out_parts), part = task % (in_parts + out_parts);
      const TileBlock block = blocks_[first + i];
      if (part < in_parts) {
        const int64_t c0 = part * kChannels, c1 = std::min(shape_.in, c0 + kChannels);
        transform_input(shape_, x_, block, c0, c1, {in_ + i * block_floats(in_row_) + c0, matrix(in_row_), in_row_},
                        static_cast<float*>(thread_scratch(kStageFloats * sizeof(float))));
      } else {
        const int64_t n0 = (part - in_parts) * kChannels, n1 = std::min(shape_.out, n0 + kChannels);
        transform_output_gradient(shape_, dy_, block, n0, n1,
                                  {out_ + i * block_floats(out_row_) + n0, matrix(out_row_), out_row_},
                                  sums_ ? sums_ + (first + i) * shape_.out : nullptr);
      }
    });
  }

  void multiply(int64_t first, int64_t count) const {
    const int64_t in_parts = divide_up(shape_.in, kIn), out_parts = divide_up(shape_.out, kOut);
    parallel_for(36 * in_parts * out_parts, [&](int64_t task) HWY_ATTR {
      const int64_t point = task / (in_parts * out_parts);
      const int64_t c0 = task / out_parts % in_parts * kIn, c1 = std::min(shape_.in, c0 + kIn);
      const int64_t n0 = task % out_parts * kOut, n1 = std::min(shape_.out, n0 + kOut);
      float* to = weights_ + point * weight_matrix() + n0 * in_row_;
      for (int64_t i = 0; i < count; ++i) {
        Outer outer{};
        outer.left = out_ + i * block_floats(out_row_) + point * matrix(out_row_) + n0;
        outer.left_stride = out_row_;
        outer.right_stride = in_row_;
        outer.run = blocks_[first + i].tiles();
        for (int64_t c = c0; c < c1; c += kPanel) {
          outer.right = in_ + i * block_floats(in_row_) + point * matrix(in_row_) + c;
          outer_rows(n1 - n0, c1 - c <= kLanes ? 1 : 2, outer, to + c, in_row_, first + i > 0);
        }
      }
    });
  }

  const ConvShape& shape_;
  const MapReading& x_;
  const float* dy_;
  TileBlocks blocks_;
  int64_t in_row_, out_row_;              // floats of one tile in a matrix
  float *in_ = nullptr, *out_ = nullptr;  // points of a chunk: [blocks][36][tiles][row]
  float* weights_ = nullptr;              // [36][out][in_row]
  double* sums_ = nullptr;                // [blocks][out]
};

void winograd_weight_gradient_here(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                                   float* dbias) {
  WinogradWeightGradient(shape, x, dy).run(dweight, dbias);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

const char* winograd_weight_gradient_declines(const ConvShape& shape) {
  if (const char* reason = winograd_declines(shape)) return reason;
  return nullptr;
}

void winograd_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                              float* dbias) {
  CALOTYPE_KERNEL(winograd_weight_gradient_here)(shape, x, dy, dweight, dbias);
}

}  // namespace calotype::kernels
#endif
