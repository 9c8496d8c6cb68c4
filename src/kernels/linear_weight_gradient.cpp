#include <optional>

#include "base/workspace.h"
#include "kernels/linear.h"
#include "kernels/linear_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_weight_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/epilogue-inl.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// How dyᵀ x is cut. K is the rows: long, so their sum is cut into ranges where out x in gives too few tasks. Ranges
/// follow from the shape, and their sums are added in order: the bits do not depend on the threads.
struct OuterCut {
  int64_t out_chunk, out_tasks, in_chunk, in_tasks, range, ranges;

  OuterCut(int64_t rows, int64_t in, int64_t out) {
    constexpr int64_t kIns = 320, kSums = 80 << 10, kTasks = 16, kShortest = 512;
    in_tasks = std::max<int64_t>(1, divide_up(in, kIns));
    in_chunk = std::max<int64_t>(kPanel, round_up(divide_up(in, in_tasks), kPanel));
    in_tasks = std::max<int64_t>(1, divide_up(in, in_chunk));
    out_tasks = std::max<int64_t>(1, divide_up(out, std::min<int64_t>(kSums / in_chunk, 1024)));
    out_chunk = std::max<int64_t>(1, round_up(divide_up(out, out_tasks), kTileRows));
    out_tasks = std::max<int64_t>(1, divide_up(out, out_chunk));
    ranges = std::clamp<int64_t>(kTasks / (out_tasks * in_tasks), 1, std::max<int64_t>(1, rows / kShortest));
    range = round_up(divide_up(rows, ranges), 64);
    ranges = std::max<int64_t>(1, range == 0 ? 1 : divide_up(rows, range));
  }
};

void linear_weight_gradient_all(const LinearWeightGradient& p) {
  if (p.out <= 0) return;
  constexpr int64_t kSteps = 128;  // of K between two visits to the sums
  const OuterCut cut(p.rows, p.in, p.out);
  const int64_t weights = p.dweight ? p.out * p.in : 0, floats = weights + (p.dbias ? p.out : 0);
  // One range writes the result itself. More need a place that all threads see; it is small beside dy and x.
  const int64_t part_floats = cut.ranges > 1 ? cut.ranges * floats : 0;
  std::optional<Workspace> workspace;
  if (part_floats > 0) workspace.emplace(Workspace::bytes_of_floats(part_floats));
  float* const parts = workspace ? workspace->floats(part_floats) : nullptr;

  const int64_t in_tasks = p.dweight ? cut.in_tasks : 1;
  parallel_for(cut.out_tasks * in_tasks * cut.ranges, [&](int64_t task) {
    const int64_t range = task / (cut.out_tasks * in_tasks);
    const int64_t first_out = task % cut.out_tasks * cut.out_chunk;
    const int64_t first_in = task / cut.out_tasks % in_tasks * cut.in_chunk;
    const int64_t outs = std::min(cut.out_chunk, p.out - first_out);
    const int64_t ins = p.dweight ? std::min(cut.in_chunk, p.in - first_in) : 0;
    const int64_t first_row = range * cut.range, end_row = std::min(p.rows, first_row + cut.range);
    float* const part = parts ? parts + range * floats : nullptr;
    float* const dweight = part ? part : p.dweight;
    float* const dbias = p.dbias ? (part ? part + weights : p.dbias) : nullptr;

    // Operands are read in place where that keeps them together, else copied: columns of a wide matrix lie far apart.
    const bool copy_left = outs != p.out || p.out % 256 == 0,
               copy_right = ins != p.in || p.in % kLanes != 0 || (p.in % 64 == 0 && p.in > 2 * kPanel);
    const int64_t panels = divide_up(ins, kPanel), padded = panels * kPanel;
    auto* const sums = static_cast<float*>(thread_scratch(4 * (outs * padded + kSteps * (padded + outs + 16))));
    float* const right_buffer = sums + outs * padded;
    float* const left_buffer = right_buffer + kSteps * padded;

    for (int64_t r = first_row; r < end_row || r == first_row; r += kSteps) {
      const int64_t steps = std::clamp<int64_t>(end_row - r, 0, kSteps);
      const bool more = r > first_row;
      const float* left = p.dy + r * p.out + first_out;
      const float* right = p.x + r * p.in + first_in;
      int64_t left_stride = p.out;
      if (copy_left) {
        for (int64_t k = 0; k < steps; ++k) std::memcpy(left_buffer + k * (outs + 16), left + k * p.out, 4 * outs);
        left = left_buffer;
        left_stride = outs + 16;
      }
      if (dbias && first_in == 0) add_rows(left, left_stride, steps, outs, dbias + first_out, more);
      for (int64_t j = 0; j < ins; j += kPanel) {
        const int64_t columns = ins - j;
        const int vectors = columns <= kLanes ? 1 : 2;
        Outer operands{left, left_stride, 0, right + j, p.in, 0, steps};
        if (copy_right) {
          float* const panel = right_buffer + j * kSteps;
          copy_to_panel(right + j, p.in, columns, steps, vectors * kLanes, panel);
          operands.right = panel;
          operands.right_stride = vectors * kLanes;
        }
        outer_rows(outs, vectors, operands, sums + j * outs, vectors * kLanes, more);
      }
    }
    for (int64_t j = 0; j < ins; j += kPanel) {
      const int64_t width = ins - j <= kLanes ? kLanes : kPanel;
      float* const to = dweight + first_out * p.in + first_in + j;
      finish_rows<Activation::none>({nullptr, nullptr, nullptr, to, p.in}, sums + j * outs, width, outs, ins - j);
    }
  });

  if (!parts) return;
  constexpr int64_t kFloats = 8192;
  parallel_for(divide_up(floats, kFloats), [&](int64_t task) {
    const int64_t end = std::min(floats, (task + 1) * kFloats);
    for (int64_t i = task * kFloats; i < end; i += kLanes) {
      const int64_t count = std::min(kLanes, end - i);
      FloatVec sum = load_some(parts + i, count);
      for (int64_t range = 1; range < cut.ranges; ++range)
        sum = hn::Add(sum, load_some(parts + range * floats + i, count));
      HWY_ALIGN float total[kLanes];
      hn::Store(sum, kFloat, total);
      for (int64_t j = 0; j < count; ++j) {
        if (i + j < weights)
          p.dweight[i + j] = total[j];
        else
          p.dbias[i + j - weights] = total[j];
      }
    }
  });
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

void linear_weight_gradient(const LinearWeightGradient& problem) {
  if (isa() == Isa::scalar) return scalar::linear_weight_gradient(problem);
  CALOTYPE_KERNEL(linear_weight_gradient_all)(problem);
}

}  // namespace calotype::kernels
#endif
