// What attention and its gradient share: heads cut into blocks, packed for the register tile. Included once per
// instruction set.
#if defined(CALOTYPE_KERNELS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_ATTENTION_INL_H_
#undef CALOTYPE_KERNELS_ATTENTION_INL_H_
#else
#define CALOTYPE_KERNELS_ATTENTION_INL_H_
#endif

#include <algorithm>

#include "kernels/attention.h"
#include "kernels/panel-inl.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr float kLog2E = 1.44269504f;
constexpr float kLn2 = 0.693147181f;

/// Whole vectors that hold `extent` floats.
constexpr int64_t padded(int64_t extent) {
  return (extent + kLanes - 1) / kLanes * kLanes;
}

/// Distance of rows of `extent` floats in scratch: a cache line more than they need, so that they do not all fall into
/// the same sets of the cache.
constexpr int64_t spaced(int64_t extent) {
  return (extent + 15) / 16 * 16 + 16;
}

/// Depth of a product that leaves a panel in the nearest cache.
constexpr int64_t kDepth = 256;

/// Calls body(first column, vectors) for each panel of a matrix of `columns`.
template <class Body>
HWY_INLINE void for_panels(int64_t columns, const Body& body) {
  for (int64_t p = 0; p < columns; p += kPanel) body(p, columns - p > kLanes ? 2 : 1);
}

/// A right operand in panels of `depth` units. Only the last panel may be of one vector.
struct Panels {
  float* data;
  int64_t depth;

  float* at(int64_t column) const { return data + column * depth; }
};

/// The columns of whole panels that hold the first `count` of `columns`.
constexpr int64_t whole_panels(int64_t count, int64_t columns) {
  return std::min(columns, (count + kPanel - 1) / kPanel * kPanel);
}

/// Rows become columns: the right operand of a product with their transpose. padded(rows) * units(depth) floats.
template <class Operands>
void pack_transposed(const float* from, int64_t stride, int64_t rows, int64_t depth, float* panels) {
  for_panels(rows, [&](int64_t p, int vectors) {
    Operands::pack_across(from + p * stride, stride, std::min(vectors * kLanes, rows - p), depth, vectors * kLanes,
                          Panels{panels, Operands::units(depth)}.at(p));
  });
}

/// Rows stay rows: units(rows) * padded(columns) floats.
template <class Operands>
void pack_straight(const float* from, int64_t stride, int64_t rows, int64_t columns, float* panels) {
  for_panels(columns, [&](int64_t p, int vectors) {
    Operands::pack_along(from + p, stride, std::min(vectors * kLanes, columns - p), rows, vectors * kLanes,
                         Panels{panels, Operands::units(rows)}.at(p));
  });
}

/// c [rows, columns] (+)= left [rows, depth] times the first `depth` units of the panels. Writes whole vectors of c.
template <class Operands>
void multiply_packed(int64_t rows, int64_t columns, int64_t depth, const Panels& panels, const float* left,
                     int64_t left_stride, float* c, int64_t c_stride, bool accumulate) {
  for (int64_t k = 0; k < depth; k += kDepth)
    for_panels(columns, [&](int64_t p, int vectors) {
      multiply_rows<Operands>(rows, vectors, {left + k, left_stride, std::min(kDepth, depth - k)},
                              panels.at(p) + k * vectors * kLanes, c + p, c_stride, accumulate || k > 0);
    });
}

/// to[r][i] = from[r][i] * factor; zeros from `width` to the padded width.
inline void copy_scaled(const float* from, int64_t stride, int64_t rows, int64_t width, float factor, float* to,
                        int64_t to_stride) {
  const FloatVec scale = hn::Set(kFloat, factor);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < width; i += kLanes)
      hn::StoreU(hn::Mul(load_first(from + r * stride + i, std::min(kLanes, width - i)), scale), kFloat,
                 to + r * to_stride + i);
}

/// How many of `count` keys from `first_key` on a query may look at.
HWY_INLINE int64_t visible_keys(const AttentionShape& shape, int64_t query, int64_t first_key, int64_t count) {
  return shape.causal ? std::clamp<int64_t>(query + 1 - first_key, 0, count) : count;
}

/// Hands out aligned stretches of a task's scratch space.
class Scratch {
 public:
  explicit Scratch(float* space) : next_(space) {}
  float* take(int64_t floats) {
    float* taken = next_;
    next_ += (floats + 15) / 16 * 16;
    return taken;
  }
  int64_t taken(const float* start) const { return next_ - start; }

 private:
  float* next_;
};

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
