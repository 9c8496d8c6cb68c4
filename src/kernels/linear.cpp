#include "kernels/linear.h"

#include "kernels/linear_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/bf16-inl.h"
#include "kernels/dispatch.h"
#include "kernels/epilogue-inl.h"
#include "kernels/left-inl.h"
#include "kernels/product-inl.h"
#include "kernels/weights-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// Columns of the panels: under geglu each is one vector of values and one of gates.
int64_t panel_columns(const Linear& p) {
  return p.activation == Activation::geglu ? divide_up(p.out, kLanes) * kPanel : p.out;
}

template <class Operands, class Source>
void linear_from(const Linear& p, const Source& source) {
  const bool geglu = p.activation == Activation::geglu;
  const auto fill = [&](int64_t column, int64_t width, int64_t k, int64_t steps, float* panel, float* buffer) {
    if (!geglu)
      return fill_panel<Operands>(p.weight, p.in, column, p.out - column, k, steps, width, panel, width, buffer);
    const int64_t first = column / 2, count = p.out - first;
    fill_panel<Operands>(p.weight, p.in, first, count, k, steps, kLanes, panel, kPanel, buffer);
    fill_panel<Operands>(p.weight, p.in, p.out + first, count, k, steps, kLanes, panel + kLanes, kPanel, buffer);
  };
  const auto at = [](const float* base, int64_t skip) { return base ? base + skip : nullptr; };
  const auto touch = [&](const FinishedTile& t) {
    const int64_t at = t.row * p.out + (geglu ? t.column / 2 : t.column), floats = geglu ? kLanes : t.width;
    touch_to_write(p.y + at, p.out, t.count, floats);
    if (p.add && p.add != p.y) touch_to_write(p.add + at, p.out, t.count, floats);
  };
  const auto finish = [&](const FinishedTile& t) {
    const int64_t column = geglu ? t.column / 2 : t.column, columns = p.out - column;
    Epilogue e{at(p.bias, column), nullptr, at(p.add, t.row * p.out + column), p.y + t.row * p.out + column, p.out};
    if (geglu) return finish_geglu_rows(e, at(p.bias, p.out + column), t.sums, t.count, columns);
    for (int64_t r = 0; r < t.count;) {  // rows that share an offset at a time
      int64_t rows = t.count - r;
      if (p.offset) {
        const int64_t group = (t.row + r) / p.rows_per_offset;
        rows = std::min(rows, (group + 1) * p.rows_per_offset - (t.row + r));
        e.offset = p.offset + group * p.out + column;
      }
      const float* sums = t.sums + r * t.width;
      switch (p.activation) {
        case Activation::silu:
          finish_rows<Activation::silu>(e, sums, t.width, rows, columns);
          break;
        case Activation::gelu:
          finish_rows<Activation::gelu>(e, sums, t.width, rows, columns);
          break;
        case Activation::quick_gelu:
          finish_rows<Activation::quick_gelu>(e, sums, t.width, rows, columns);
          break;
        default:
          finish_rows<Activation::none>(e, sums, t.width, rows, columns);
      }
      r += rows;
      e.add = at(e.add, rows * p.out);
      e.y += rows * p.out;
    }
  };
  blocked_product<Operands>(p.rows, Operands::units(p.in), panel_columns(p), source, fill, touch, finish);
}

/// Tasks that a row takes part in.
template <class Operands>
int64_t column_tasks(const Linear& p) {
  return ProductCut(p.rows, Operands::units(p.in), panel_columns(p)).column_tasks;
}

void linear_all(const Linear& p) {
  if (p.rows <= 0 || p.out <= 0) return;
  if (p.norm.gain || (rows_collide(p.in) && column_tasks<InF32>(p) > 2))
    linear_from<InF32>(p, ReadyRows<InF32>(p.rows, p.in, p.x, p.norm).rows());
  else
    linear_from<InF32>(p, PlainRows{p.x, p.in});
}

#if CALOTYPE_HAS_BF16
void linear_in_bf16(const Linear& p) {
  if (p.rows <= 0 || p.out <= 0) return;
  if (p.norm.gain || column_tasks<InBf16>(p) > 2)
    linear_from<InBf16>(p, ReadyRows<InBf16>(p.rows, p.in, p.x, p.norm).rows());
  else
    linear_from<InBf16>(p, RoundedRows{p.x, p.in});
}
#endif

void linear_data_gradient_all(const LinearDataGradient& p) {
  const auto fill = [&](int64_t column, int64_t width, int64_t k, int64_t steps, float* panel, float* buffer) {
    const int64_t columns = std::min(width, p.in - column);
    constexpr int64_t kAhead = 16;  // a row of a panel is a line or two of the cache, far from the next
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t at = (k + i) * p.in + column;
      if (i + kAhead < steps) fetch_weights(p.weight, at + kAhead * p.in, columns);
      const float* row = buffer;
      if (p.weight.dtype == DType::f32)
        row = static_cast<const float*>(p.weight.data) + at;
      else
        widen_weights(p.weight, at, columns, buffer);
      copy_to_panel(row, width, columns, 1, width, panel + i * width);
    }
  };
  const auto touch = [&](const FinishedTile& t) {
    touch_to_write(p.dx + t.row * p.in + t.column, p.in, t.count, t.width);
  };
  const auto finish = [&](const FinishedTile& t) {
    float* const dx = p.dx + t.row * p.in + t.column;
    finish_rows<Activation::none>({nullptr, nullptr, p.accumulate ? dx : nullptr, dx, p.in}, t.sums, t.width, t.count,
                                  p.in - t.column);
  };
  blocked_product<InF32>(p.rows, p.out, p.in, PlainRows{p.dy, p.out}, fill, touch, finish);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

const char* name_of(Precision precision) {
  return precision == Precision::bf16 ? "bf16" : "f32";
}

Precision in_use(Precision asked) {
  return isa() == Isa::avx512_bf16 ? asked : Precision::f32;
}

const char* unless_bf16(Precision asked) {
  if (asked != Precision::bf16) return "f32 is asked for";
  return in_use(asked) == Precision::bf16 ? nullptr : "this instruction set has no products of bf16";
}

namespace {

using Run = void (*)(const Linear&);
constexpr Entry<Linear, Run> kForward[] = {
    {"scalar", unless_scalar<Linear>, scalar::linear},
#if defined(__x86_64__)
    {"bf16", [](const Linear& problem) { return unless_bf16(problem.precision); }, N_AVX3::linear_in_bf16},
#endif
    {"f32", takes_all<Linear>, [](const Linear& problem) { CALOTYPE_KERNEL(linear_all)(problem); }}};

}  // namespace

void linear(const Linear& problem) {
  chosen(kForward, problem).run(problem);
}

std::vector<KernelChoice> linear_choices(const Linear& problem) {
  return choices(kForward, problem);
}

void linear_data_gradient(const LinearDataGradient& problem) {
  if (isa() == Isa::scalar) return scalar::linear_data_gradient(problem);
  CALOTYPE_KERNEL(linear_data_gradient_all)(problem);
}

}  // namespace calotype::kernels
#endif
