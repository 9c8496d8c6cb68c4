#include <algorithm>

#include "base/parallel.h"
#include "base/workspace.h"
#include "kernels/winograd.h"
#include "kernels/winograd_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd_forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/winograd-input-inl.h"
#include "kernels/winograd-output-inl.h"
#include "kernels/winograd-weights-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// One convolution, or one data gradient read as a convolution (`turned`). The order of every sum follows from the
/// number of input channels; which schedule runs changes no bits.
class WinogradForward {
 public:
  WinogradForward(const Conv2d& problem, bool turned, int64_t first_row, int64_t end_row)
      : p_(problem),
        kernel_{problem.weight, turned ? problem.shape.in : problem.shape.out,
                turned ? problem.shape.out : problem.shape.in, turned},
        // Sums follow the blocks of the whole map; without them a band has blocks of its own.
        first_tile_(problem.sums ? 0 : first_row / 4),
        blocks_(problem.shape.batch, problem.sums ? problem.shape.height : end_row - first_row, problem.shape.width,
                kForwardTiles),
        begin_(problem.sums ? blocks_.block_at(first_row, problem.shape.height) : 0),
        end_(!problem.sums || end_row == problem.shape.height ? blocks_.count()
                                                              : blocks_.block_at(end_row, problem.shape.height)),
        depths_(divide_up(problem.shape.in, kDeepest)),
        depth_(divide_up(divide_up(problem.shape.in, depths_), 16) * 16) {}

  void run() {
    const int64_t sums = p_.sums && blocks_.pieces() > 1 ? (end_ - begin_) * p_.shape.out * 2 : 0;
    Workspace partial(sums * int64_t{sizeof(double)});
    partial_ = sums ? reinterpret_cast<double*>(partial.floats(2 * sums)) : p_.sums;
    const int64_t weights = weights_offset(depths_, 0);
    if (weights * int64_t{sizeof(float)} <= kSharedWeights && end_ - begin_ >= kFewBlocks) {
      run_by_tiles(weights);
    } else {
      run_by_outputs();
    }
    if (sums) add_sums();
  }

 private:
  static constexpr int64_t kDeepest = 160;  // input channels summed in one accumulator
  static constexpr int64_t kOutputs = 32;   // output channels between two output transforms
  static constexpr int64_t kOutputsOfTask = 64;
  static constexpr int64_t kPad = 16;  // floats that keep the 36 matrices from sharing cache sets
  static constexpr int64_t kSharedWeights = int64_t{32} << 20;  // bytes that the last-level cache is trusted to hold
  static constexpr int64_t kFewBlocks = 8;
  static constexpr int64_t kInputPart = 64;  // channels of one task of the input transform

  TileBlock block_at(int64_t index) const {
    TileBlock block = blocks_[index];
    block.y += first_tile_;
    return block;
  }
  int64_t depth(int64_t d) const { return std::min(depth_, p_.shape.in - d * depth_); }
  int64_t panels() const { return divide_up(p_.shape.out, kPanel); }
  int64_t panel_width(int64_t panel) const { return p_.shape.out - panel * kPanel <= kLanes ? kLanes : kPanel; }

  /// Points of one block: [depths][36][tiles][depth].
  int64_t input_matrix() const { return blocks_.most() * depth_ + kPad; }
  int64_t input_floats() const { return depths_ * 36 * input_matrix(); }
  Points input_points(float* block, int64_t d) const {
    return {block + d * 36 * input_matrix(), input_matrix(), depth_};
  }

  /// Points of the weights: [depths][panels][36][depth][width].
  int64_t weights_offset(int64_t d, int64_t panel) const {
    return (d * panels() + panel) * 36 * (depth_ * kPanel + kPad);
  }
  Points weight_points(float* weights, int64_t panel) const {
    return {weights, depth_ * panel_width(panel) + kPad, panel_width(panel)};
  }

  /// Points of the results: [panels][36][tiles][width].
  int64_t result_floats() const { return 36 * (blocks_.most() * kPanel + kPad); }
  Points result_points(float* results, int64_t panel) const {
    return {results, blocks_.most() * panel_width(panel) + kPad, panel_width(panel)};
  }

  /// The operand of a product that comes from far.
  enum class Far { input, weights };

  /// One of the 36 products of a block with one panel of weights. Each tile asks for its share of what comes next: the
  /// rows of the next tile, or the panel of the next product.
  void multiply(int64_t tiles, int64_t d, int64_t matrix, const Points& input, const Points& weights,
                const Points& results, Far far) const {
    const int vectors = static_cast<int>(weights.row / kLanes);
    const float* panel = weights.data + matrix * weights.matrix;
    const float* next_panel = panel + weights.matrix;
    const int64_t asks = std::max<int64_t>(1, depth(d) / 2);  // of a tile
    for_tiles(tiles, tile_rows(vectors), [&](int64_t first, int count) HWY_ATTR {
      Left left{input.data + matrix * input.matrix + first * input.row, input.row, depth(d)};
      const int64_t bytes = (far == Far::input ? count * input.row : depth(d) * weights.row * count / tiles) * 4;
      left.ahead =
          far == Far::input ? left.data + count * input.row : next_panel + depth(d) * weights.row * first / tiles;
      left.ahead_step = divide_up(bytes, asks);
      multiply_tile(count, vectors, left, panel, results.data + matrix * results.matrix + first * results.row,
                    results.row, d > 0);
    });
  }

  void write(const TileBlock& block, int64_t panel, const Points& results) const {
    double* sums = nullptr;
    if (p_.sums) sums = partial_ + (block.picture * blocks_.pieces() + block.piece - begin_) * p_.shape.out * 2;
    for (int64_t j = 0; j < panel_width(panel) && panel * kPanel + j < p_.shape.out; j += kLanes)
      transform_output(p_, block, panel * kPanel + j, {results.data + j, results.matrix, results.row}, sums);
  }

  /// Few channels: all points of the weights are made once, then each task takes a block of tiles from input to output.
  void run_by_tiles(int64_t weights_floats) {
    Workspace workspace(Workspace::bytes_of_floats(weights_floats));
    float* weights = workspace.floats(weights_floats);
    parallel_for(depths_ * panels(), [&](int64_t task) HWY_ATTR {
      const int64_t d = task / panels(), panel = task % panels();
      transform_weights(kernel_, panel * kPanel, panel_width(panel), d * depth_, depth(d),
                        weight_points(weights + weights_offset(d, panel), panel));
    });
    const int64_t group = kOutputs / kPanel;
    const int64_t scratch = input_floats() + group * result_floats() + kStageFloats;
    parallel_for(end_ - begin_, [&](int64_t task) HWY_ATTR {
      float* input = static_cast<float*>(thread_scratch(scratch * sizeof(float)));
      float* results = input + input_floats();
      float* stage = results + group * result_floats();
      const TileBlock block = block_at(begin_ + task);
      for (int64_t d = 0; d < depths_; ++d)
        transform_input(p_.shape, p_.x, block, d * depth_, d * depth_ + depth(d), input_points(input, d), stage);
      for (int64_t first = 0; first < panels(); first += group) {
        const int64_t last = std::min(panels(), first + group);
        for (int64_t d = 0; d < depths_; ++d)
          for (int64_t matrix = 0; matrix < 36; ++matrix)
            for (int64_t panel = first; panel < last; ++panel)
              multiply(block.tiles(), d, matrix, input_points(input, d),
                       weight_points(weights + weights_offset(d, panel), panel),
                       result_points(results + (panel - first) * result_floats(), panel), Far::weights);
        for (int64_t panel = first; panel < last; ++panel)
          write(block, panel, result_points(results + (panel - first) * result_floats(), panel));
      }
    });
  }

  /// Many channels: the points of a chunk of tiles are made first, then each task makes the points of its weights and
  /// works through the tiles with them.
  void run_by_outputs() {
    const int64_t chunk = blocks_in_chunk();
    Workspace workspace(Workspace::bytes_of_floats(chunk * input_floats()));
    float* input = workspace.floats(chunk * input_floats());
    for (int64_t first = begin_; first < end_; first += chunk) {
      const int64_t count = std::min(chunk, end_ - first);
      transform_chunk(first, count, input);
      multiply_chunk(first, count, input);
    }
  }

  int64_t blocks_in_chunk() const {
    constexpr int64_t kChunkFloats = int64_t{1} << 20, kLeastTiles = 128;
    const int64_t most = std::max(kChunkFloats / input_floats(), divide_up(kLeastTiles, blocks_.most()));
    return divide_up(end_ - begin_, divide_up(end_ - begin_, most));
  }

  void transform_chunk(int64_t first, int64_t count, float* input) const {
    const int64_t parts = divide_up(depth_, kInputPart);
    parallel_for(count * depths_ * parts, [&](int64_t task) HWY_ATTR {
      const int64_t i = task / (depths_ * parts), d = task / parts % depths_, c0 = task % parts * kInputPart;
      const int64_t c1 = std::min(c0 + kInputPart, depth(d));
      if (c0 >= c1) return;
      Points points = input_points(input + i * input_floats(), d);
      points.data += c0;
      transform_input(p_.shape, p_.x, block_at(first + i), d * depth_ + c0, d * depth_ + c1, points,
                      static_cast<float*>(thread_scratch(kStageFloats * sizeof(float))));
    });
  }

  void multiply_chunk(int64_t first, int64_t count, float* input) const {
    const int64_t group = panels() * kPanel / kOutputsOfTask >= 8 ? kOutputsOfTask / kPanel : 1;
    const int64_t groups = divide_up(panels(), group);
    const int64_t ranges = std::clamp<int64_t>(divide_up(8, groups), 1, divide_up(count, 2));
    const int64_t weights_floats = 36 * (depth_ * kPanel + kPad);
    const int64_t kept = depths_ > 1 ? divide_up(count, ranges) : 1;  // blocks whose sums wait for the next depth
    const int64_t scratch = group * (weights_floats + kept * result_floats());
    parallel_for(groups * ranges, [&](int64_t task) HWY_ATTR {
      float* weights = static_cast<float*>(thread_scratch(scratch * sizeof(float)));
      float* results = weights + group * weights_floats;
      const int64_t begin = task % groups * group, end = std::min(panels(), begin + group), range = task / groups;
      const int64_t b0 = part_begin(count, ranges, range), b1 = part_begin(count, ranges, range + 1);
      for (int64_t d = 0; d < depths_; ++d) {
        for (int64_t panel = begin; panel < end; ++panel)
          transform_weights(kernel_, panel * kPanel, panel_width(panel), d * depth_, depth(d),
                            weight_points(weights + (panel - begin) * weights_floats, panel));
        for (int64_t b = b0; b < b1; ++b) {
          const TileBlock block = block_at(first + b);
          float* sums = results + (kept > 1 ? b - b0 : 0) * group * result_floats();
          for (int64_t matrix = 0; matrix < 36; ++matrix)
            for (int64_t panel = begin; panel < end; ++panel)
              multiply(block.tiles(), d, matrix, input_points(input + b * input_floats(), d),
                       weight_points(weights + (panel - begin) * weights_floats, panel),
                       result_points(sums + (panel - begin) * result_floats(), panel), Far::input);
          if (d + 1 < depths_) continue;
          for (int64_t panel = begin; panel < end; ++panel)
            write(block, panel, result_points(sums + (panel - begin) * result_floats(), panel));
        }
      }
    });
  }

  /// Adds the sums of a picture's blocks in their order; those of a later band to what the bands above left.
  void add_sums() const {
    const int64_t values = p_.shape.out * 2;
    for (int64_t picture = 0; picture < p_.shape.batch; ++picture) {
      double* to = p_.sums + picture * values;
      if (begin_ == 0) std::fill_n(to, values, 0.0);
      const int64_t pieces = std::min(blocks_.pieces(), end_ - begin_);
      for (int64_t piece = 0; piece < pieces; ++piece) {
        const double* from = partial_ + (picture * pieces + piece) * values;
        for (int64_t i = 0; i < values; ++i) to[i] += from[i];
      }
    }
  }

  const Conv2d& p_;
  Kernel3x3 kernel_;
  int64_t first_tile_;  // the row of tiles where the blocks begin
  TileBlocks blocks_;
  int64_t begin_, end_;     // the blocks that are made: all, or those of a band
  int64_t depths_, depth_;  // the input channels are summed in `depths_` stretches of `depth_`, the last may be shorter
  double* partial_ = nullptr;
};

void winograd_forward_here(const Conv2d& problem, bool turned, int64_t first_row, int64_t end_row) {
  WinogradForward(problem, turned, first_row, end_row).run();
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

namespace {
/// The bound on channels is where the two were seen to meet; below it the transforms weigh more than the products.
const char* declines(const ConvShape& shape, int64_t in) {
  if (shape.kernel != 3 || shape.stride != 1) return "not 3x3 with stride 1";
  if (shape.top != 1 || shape.bottom != 1 || shape.left != 1 || shape.right != 1) return "padding other than 1";
  if (in < 8) return "fewer than 8 channels to sum over";
  if (shape.height < 2 || shape.width < 2) return "a line of pixels";
  return nullptr;
}
}  // namespace

const char* winograd_declines(const ConvShape& shape) {
  return declines(shape, shape.in);
}
const char* winograd_data_gradient_declines(const ConvShape& shape) {
  return declines(shape, shape.out);
}
const char* winograd_weight_gradient_declines(const ConvShape& shape) {
  return declines(shape, std::min(shape.in, shape.out));
}

void winograd_forward(const Conv2d& problem) {
  CALOTYPE_KERNEL(winograd_forward_here)(problem, false, 0, problem.shape.height);
}

void winograd_forward_rows(const Conv2d& problem, int64_t first, int64_t end) {
  CALOTYPE_KERNEL(winograd_forward_here)(problem, false, first, end);
}

std::vector<int64_t> winograd_row_cuts(const ConvShape& shape) {
  const TileBlocks blocks(1, shape.height, shape.width, kForwardTiles);
  std::vector<int64_t> cuts;
  for (int64_t row = 0; row <= blocks.rows(); ++row) cuts.push_back(blocks.first_pixel(row, shape.height));
  return cuts;
}

void winograd_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx) {
  Conv2d problem{};
  problem.shape = shape;
  std::swap(problem.shape.in, problem.shape.out);
  problem.x.first = dy;
  problem.x.first_channels = shape.out;
  problem.weight = weight;
  problem.y = dx;
  CALOTYPE_KERNEL(winograd_forward_here)(problem, true, 0, problem.shape.height);
}

}  // namespace calotype::kernels
#endif
