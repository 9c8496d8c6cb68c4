#include "kernels/linear.h"

#include <cmath>

#include "kernels/linear_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/bf16-inl.h"
#include "kernels/dispatch.h"
#include "kernels/epilogue-inl.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// Rows of a row-major matrix as the left operand.
struct PlainRows {
  const float* x;
  int64_t width;

  int64_t room(int64_t) const { return 0; }
  void begin(int64_t, int64_t, float*) const {}
  void touch(int64_t row, int64_t k, int64_t steps) const { touch_to_read(x + row * width + k, steps); }
  Left rows(int64_t first, int64_t skip, int64_t count, int64_t k, int64_t steps, float* buffer, float*) const {
    const float* from = x + (first + skip) * width + k;
    // At strides of a multiple of 1 KB the rows of a tile share few sets of the cache.
    if (width % 256 != 0) return {from, width, steps};
    for (int64_t r = 0; r < count; ++r) std::memcpy(buffer + r * (steps + 16), from + r * width, 4 * steps);
    return {buffer, steps + 16, steps};
  }
};

/// The same under a layer norm: a row is measured once a task, and normalised while it is copied.
struct NormedRows {
  const float* x;
  int64_t width;
  RowNorm norm;

  int64_t room(int64_t rows) const { return 2 * rows; }
  void touch(int64_t row, int64_t k, int64_t steps) const { touch_to_read(x + row * width + k, steps); }
  void begin(int64_t first, int64_t count, float* moments) const {
    const float inverse_width = 1.0f / static_cast<float>(std::max<int64_t>(width, 1));
    for (int64_t r = 0; r < count; ++r) {
      const float* row = x + (first + r) * width;
      FloatVec sum = hn::Zero(kFloat);
      for (int64_t i = 0; i < width; i += kLanes) sum = hn::Add(sum, load_some(row + i, width - i));
      const FloatVec mean = hn::Mul(hn::SumOfLanes(kFloat, sum), hn::Set(kFloat, inverse_width));
      FloatVec squares = hn::Zero(kFloat);
      for (int64_t i = 0; i < width; i += kLanes) {
        FloatVec difference = hn::Sub(load_some(row + i, width - i), mean);
        if (i + kLanes > width) difference = hn::IfThenElseZero(hn::FirstN(kFloat, width - i), difference);
        squares = hn::MulAdd(difference, difference, squares);
      }
      const float variance = hn::GetLane(hn::SumOfLanes(kFloat, squares)) * inverse_width;
      moments[2 * r] = hn::GetLane(mean);
      moments[2 * r + 1] = 1.0f / std::sqrt(variance + norm.epsilon);
    }
  }
  Left rows(int64_t first, int64_t skip, int64_t count, int64_t k, int64_t steps, float* buffer, float* moments) const {
    for (int64_t r = 0; r < count; ++r) {
      const float* from = x + (first + skip + r) * width + k;
      const FloatVec mean = hn::Set(kFloat, moments[2 * (skip + r)]);
      const FloatVec scale = hn::Set(kFloat, moments[2 * (skip + r) + 1]);
      float* to = buffer + r * (steps + 16);
      for (int64_t i = 0; i < steps; i += kLanes) {
        const FloatVec gain = load_some(norm.gain + k + i, steps - i);
        const FloatVec bias = norm.bias ? load_some(norm.bias + k + i, steps - i) : hn::Zero(kFloat);
        const FloatVec normal = hn::Mul(hn::Sub(load_some(from + i, steps - i), mean), scale);
        hn::StoreU(hn::MulAdd(normal, gain, bias), kFloat, to + i);
      }
    }
    return {buffer, steps + 16, steps};
  }
};

/// Rows [first, first + count) of a weight matrix of `row_width`, from k on, become columns of a panel; zeros fill it
/// up to `columns`.
inline void rows_to_panel(const Weights& weight, int64_t row_width, int64_t first, int64_t count, int64_t k,
                          int64_t steps, int64_t columns, float* panel, int64_t panel_width, float* buffer) {
  for (int64_t r = 0; r < columns; r += kBlock) {
    const int64_t height = std::clamp<int64_t>(count - r, 0, kBlock);
    const float* from = static_cast<const float*>(weight.data) + (first + r) * row_width + k;
    int64_t stride = row_width;
    if (weight.dtype != DType::f32) {
      for (int64_t i = 0; i < height; ++i)
        widen_weights(weight, (first + r + i) * row_width + k, steps, buffer + i * steps);
      from = buffer;
      stride = steps;
    }
    transpose_to_panel(from, stride, height, steps, kBlock, panel + r, panel_width);
  }
}

#if CALOTYPE_HAS_BF16
/// Rows of another source, rounded to units of bf16. K counts units.
template <class Floats>
struct UnitRows {
  Floats floats;
  int64_t width;

  int64_t room(int64_t rows) const { return floats.room(rows); }
  void begin(int64_t first, int64_t count, float* room) const { floats.begin(first, count, room); }
  void touch(int64_t row, int64_t k, int64_t steps) const {
    floats.touch(row, 2 * k, std::min(2 * steps, width - 2 * k));
  }
  Left rows(int64_t first, int64_t skip, int64_t count, int64_t k, int64_t steps, float* buffer, float* room) const {
    HWY_ALIGN float row[2 * ProductCut::kDepth + 16];
    const int64_t in_floats = std::min(2 * steps, width - 2 * k);
    for (int64_t r = 0; r < count; ++r) {
      const Left left = floats.rows(first, skip + r, 1, 2 * k, in_floats, row, room);
      to_units(left.data, in_floats, buffer + r * (steps + 16));
    }
    return {buffer, steps + 16, steps};
  }
};

/// The same as rows_to_panel, for a panel of bf16. k and steps count units.
inline void rows_to_unit_panel(const Weights& weight, int64_t row_width, int64_t first, int64_t count, int64_t k,
                               int64_t steps, int64_t columns, float* panel, int64_t panel_width, float* buffer) {
  HWY_ALIGN float wide[2 * ProductCut::kDepth];
  const int64_t floats = std::min(2 * steps, row_width - 2 * k);
  for (int64_t r = 0; r < columns; r += kBlock) {
    const int64_t height = std::clamp<int64_t>(count - r, 0, kBlock);
    for (int64_t i = 0; i < height; ++i) {
      const int64_t at = (first + r + i) * row_width + 2 * k;
      float* const units = buffer + i * steps;
      if (weight.dtype == DType::bf16) {
        if (floats % 2 != 0) units[steps - 1] = 0;
        std::memcpy(units, static_cast<const std::byte*>(weight.data) + 2 * at, 2 * floats);
      } else if (weight.dtype == DType::f32) {
        to_units(static_cast<const float*>(weight.data) + at, floats, units);
      } else {
        widen_weights(weight, at, floats, wide);
        to_units(wide, floats, units);
      }
    }
    transpose_to_panel(buffer, steps, height, steps, kBlock, panel + r, panel_width);
  }
}
#endif

/// rows_to_panel for the operands of a product.
template <class Operands>
void fill_panel(const Weights& weight, int64_t row_width, int64_t first, int64_t count, int64_t k, int64_t steps,
                int64_t columns, float* panel, int64_t panel_width, float* buffer) {
#if CALOTYPE_HAS_BF16
  if constexpr (Operands::kPerUnit == 2)
    return rows_to_unit_panel(weight, row_width, first, count, k, steps, columns, panel, panel_width, buffer);
#endif
  rows_to_panel(weight, row_width, first, count, k, steps, columns, panel, panel_width, buffer);
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
  const int64_t columns = geglu ? divide_up(p.out, kLanes) * kPanel : p.out;
  blocked_product<Operands>(p.rows, Operands::units(p.in), columns, source, fill, touch, finish);
}

void linear_all(const Linear& p) {
  if (p.norm.gain)
    linear_from<InF32>(p, NormedRows{p.x, p.in, p.norm});
  else
    linear_from<InF32>(p, PlainRows{p.x, p.in});
}

#if CALOTYPE_HAS_BF16
void linear_in_bf16(const Linear& p) {
  if (p.norm.gain)
    linear_from<InBf16>(p, UnitRows<NormedRows>{{p.x, p.in, p.norm}, p.in});
  else
    linear_from<InBf16>(p, UnitRows<PlainRows>{{p.x, p.in}, p.in});
}
#endif

void linear_data_gradient_all(const LinearDataGradient& p) {
  const auto fill = [&](int64_t column, int64_t width, int64_t k, int64_t steps, float* panel, float* buffer) {
    const int64_t columns = std::min(width, p.in - column);
    if (p.weight.dtype == DType::f32) {
      copy_to_panel(static_cast<const float*>(p.weight.data) + k * p.in + column, p.in, columns, steps, width, panel);
      return;
    }
    for (int64_t i = 0; i < steps; ++i) {
      widen_weights(p.weight, (k + i) * p.in + column, columns, buffer);
      copy_to_panel(buffer, width, columns, 1, width, panel + i * width);
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
