#include "load/adapter_change.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/linear.h"
#include "ops/structure.h"

namespace calotype {
namespace {

constexpr double kNormGuard = 1.19e-7;  // LyCORIS'

Tensor wide(const StoredTensor& stored, const Shape& shape) {
  const std::vector<double> values = values_of(stored);
  Tensor result = Tensor::empty(shape);
  std::ranges::transform(values, result.edit<float>().begin(), [](double x) { return static_cast<float>(x); });
  return result;
}

/// A file's tensor as a matrix: the first axis, and all others together.
Tensor matrix(const StoredTensor& stored) {
  const int64_t rows = stored.shape[0];
  return wide(stored, {rows, stored.shape.count() / rows});
}

/// a b
Tensor product(const Tensor& a, const Tensor& b) {
  return linear(a, transpose(b), {});
}

/// Tucker's form of a convolution's change: sum over p, q of core[p, q, h, w] out[o, p] in[q, i], as [o, i h w].
Tensor tucker(const StoredTensor& core, const Tensor& out, const Tensor& in) {
  const Tensor turned = channels_last(wide(core, core.shape));  // [p, h, w, q]
  const Tensor inner = channels_first(linear(turned, transpose(in), {}));
  return product(out, inner.reshape({core.shape[0], -1}));
}

/// w1 ⊗ w2: row a R + c, column b S + d holds w1[a, b] w2[c, d], where w2 is [R, S].
Tensor kronecker(const Tensor& w1, const Tensor& w2) {
  const int64_t a = w1.dim(0), b = w1.dim(1), c = w2.dim(0), d = w2.dim(1);
  const Tensor outer = product(w1.reshape({a * b, 1}), w2.reshape({1, c * d}));
  const Tensor turned = channels_last(outer.reshape({a, b, c, d}));  // [a, c, d, b]
  return channels_first(turned.reshape({a * c, d, 1, b})).reshape({a * c, b * d});
}

int64_t rank_of(const AdapterModule& module) {
  for (const char* role : {"lora_down", "hada_w1_b", "lokr_w2_b", "lokr_w1_b"})
    if (const StoredTensor* factor = module.find(role)) return factor->shape[0];
  return 0;
}

double scale_of(const AdapterModule& module) {
  const double rank = static_cast<double>(rank_of(module));
  if (!module.alpha || rank == 0) return 1;  // LoKr's is 1 too where both factors are whole
  return *module.alpha / (module.root_of_rank ? std::sqrt(rank) : rank);
}

Tensor low_rank(const AdapterModule& module) {
  const Tensor up = matrix(*module.find("lora_up")), down = matrix(*module.find("lora_down"));
  const StoredTensor* mid = module.find("lora_mid");
  return mid ? tucker(*mid, up, down) : product(up, down);
}

Tensor hadamard_half(const AdapterModule& module, const std::string& half) {
  const Tensor a = matrix(*module.find("hada_w" + half + "_a")), b = matrix(*module.find("hada_w" + half + "_b"));
  const StoredTensor* core = module.find("hada_t" + half);
  return core ? tucker(*core, transpose(a), b) : product(a, b);
}

Tensor kronecker_factor(const AdapterModule& module, const std::string& name) {
  if (const StoredTensor* whole = module.find(name)) return matrix(*whole);
  const Tensor a = matrix(*module.find(name + "_a")), b = matrix(*module.find(name + "_b"));
  const StoredTensor* core = name == "lokr_w2" ? module.find("lokr_t2") : nullptr;
  return core ? tucker(*core, transpose(a), b) : product(a, b);
}

/// What is added at multiplier 1, as a matrix.
Tensor difference(const AdapterModule& module) {
  if (module.find("lora_up")) return low_rank(module) * scale_of(module);
  if (module.find("hada_w1_a")) return hadamard_half(module, "1") * hadamard_half(module, "2") * scale_of(module);
  if (const StoredTensor* diff = module.find("diff")) return matrix(*diff);
  if (const StoredTensor* norm = module.find("w_norm")) return matrix(*norm);
  return kronecker(kronecker_factor(module, "lokr_w1"), kronecker_factor(module, "lokr_w2")) * scale_of(module);
}

/// Each row, or each input column, scaled to length g (Liu et al. 2024, DoRA), by LyCORIS' rule for the multiplier:
/// v (1 + m (g / |v| - 1)). `kernel` places belong to a column of a convolution.
Tensor at_magnitude(Tensor v, const StoredTensor& magnitude, int64_t kernel, double multiplier) {
  const std::vector<double> g = values_of(magnitude);
  const int64_t rows = v.dim(0), columns = v.dim(1);
  const bool by_row = magnitude.shape[0] == rows && static_cast<int64_t>(g.size()) == rows;
  const auto group = [&](int64_t row, int64_t column) { return by_row ? row : column / kernel; };
  std::vector<double> squares(g.size());
  const auto values = v.edit<float>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      squares[group(i, j)] += double{values[i * columns + j]} * values[i * columns + j];
  for (size_t i = 0; i < g.size(); ++i) squares[i] = 1 + multiplier * (g[i] / (std::sqrt(squares[i]) + kNormGuard) - 1);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      values[i * columns + j] = static_cast<float>(values[i * columns + j] * squares[group(i, j)]);
  return v;
}

// What a module says of the weight it changes, and whether it is whole.

class Fit {
 public:
  Fit(const Adapter& adapter, const AdapterModule& module, std::string shown)
      : adapter_(adapter), module_(module), shown_(std::move(shown)) {}

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ErrorKind::bad_file, "{}: {}: {}", adapter_.where, shown_, reason);
  }
  const StoredTensor& need(const std::string& role) const {
    const StoredTensor* found = module_.find(role);
    if (!found) refuse(role + " is missing");
    if (found->shape.rank() < 1 || found->shape.count() == 0)
      refuse(fmt::format("{} is {}, a matrix was expected", role, found->shape.text()));
    return *found;
  }
  int64_t rows(const std::string& role) const { return need(role).shape[0]; }
  int64_t columns(const std::string& role) const { return need(role).shape.count() / rows(role); }
  void same_rank(const std::string& a, int64_t of_a, const std::string& b, int64_t of_b) const {
    if (of_a != of_b) refuse(fmt::format("{} has rank {}, {} has rank {}", a, of_a, b, of_b));
  }
  /// Rows and columns of a core's outer factors, checked against it; returns h w.
  int64_t core(const std::string& role, const std::string& out, int64_t out_rank, const std::string& in,
               int64_t in_rank) const {
    const StoredTensor& tensor = need(role);
    if (tensor.shape.rank() != 4) refuse(fmt::format("{} is {}, four axes were expected", role, tensor.shape.text()));
    same_rank(out, out_rank, role, tensor.shape[0]);
    same_rank(in, in_rank, role, tensor.shape[1]);
    return tensor.shape[2] * tensor.shape[3];
  }

  struct Matrix {
    int64_t rows = 0, columns = 0;
  };

  Matrix low_rank() const {
    const int64_t up = columns("lora_up"), down = rows("lora_down");
    if (!module_.find("lora_mid")) {
      same_rank("lora_down", down, "lora_up", up);
      return {rows("lora_up"), columns("lora_down")};
    }
    return {rows("lora_up"), columns("lora_down") * core("lora_mid", "lora_up", up, "lora_down", down)};
  }

  Matrix factored(const std::string& a, const std::string& b, const std::string& t) const {
    if (!module_.find(t)) {
      same_rank(b, rows(b), a, columns(a));
      return {rows(a), columns(b)};
    }
    return {columns(a), columns(b) * core(t, a, rows(a), b, rows(b))};
  }

  Matrix hadamard() const {
    const Matrix first = factored("hada_w1_a", "hada_w1_b", "hada_t1");
    const Matrix second = factored("hada_w2_a", "hada_w2_b", "hada_t2");
    if (first.rows != second.rows || first.columns != second.columns)
      refuse(fmt::format("its two products are [{}, {}] and [{}, {}]", first.rows, first.columns, second.rows,
                         second.columns));
    return first;
  }

  Matrix kronecker_factor(const std::string& name) const {
    if (module_.find(name)) return {rows(name), columns(name)};
    return factored(name + "_a", name + "_b", name == "lokr_w2" ? "lokr_t2" : "");
  }

  Matrix weight() const {
    if (module_.find("lora_up") || module_.find("lora_down")) return low_rank();
    if (module_.find("hada_w1_a") || module_.find("hada_w1_b")) return hadamard();
    if (module_.find("diff")) return {rows("diff"), columns("diff")};
    if (module_.find("w_norm")) return {rows("w_norm"), columns("w_norm")};
    const Matrix first = kronecker_factor("lokr_w1"), second = kronecker_factor("lokr_w2");
    return {first.rows * second.rows, first.columns * second.columns};
  }

  void numbers() const {
    if (module_.alpha && !std::isfinite(*module_.alpha)) refuse(fmt::format("its alpha is {}", *module_.alpha));
    for (const auto& [role, stored] : module_.tensors)
      if (const int64_t bad = count_not_finite(stored))
        refuse(fmt::format("{} holds {} values that are no finite numbers", role, bad));
  }

  void magnitude(const Shape& weight) const {
    if (!module_.find("dora_scale")) return;
    const StoredTensor& g = need("dora_scale");
    if (weight.rank() < 2) refuse("a dora_scale is for weights of two or more axes, not for " + weight.text());
    const int64_t count = g.shape.count();
    const bool by_row = g.shape[0] == weight[0] && count == weight[0];
    const bool by_column = g.shape[0] == 1 && weight.rank() > 1 && count == weight[1];
    if (!by_row && !by_column)
      refuse(fmt::format("its dora_scale is {}, the weight is {}", g.shape.text(), weight.text()));
  }

 private:
  const Adapter& adapter_;
  const AdapterModule& module_;
  std::string shown_;
};

const char* made_for(int64_t context) {
  return context == 768 ? ": it was made for version 1" : context == 1024 ? ": it was made for version 2" : "";
}

}  // namespace

bool changes_weight(const AdapterModule& module) {
  return std::ranges::any_of(module.tensors, [](const auto& entry) {
    return entry.first != "diff_b" && entry.first != "b_norm" && entry.first != "dora_scale";
  });
}

bool changes_bias(const AdapterModule& module) {
  return module.find("diff_b") || module.find("b_norm");
}

void require_fits(const Adapter& adapter, const AdapterModule& module, const std::string& shown, const Shape& weight,
                  bool reads_context) {
  const Fit fit(adapter, module, shown);
  if (!changes_weight(module) && !changes_bias(module)) fit.refuse("it holds nothing that changes a weight");
  if (changes_weight(module)) {
    const Fit::Matrix change = fit.weight();
    const int64_t rows = weight[0], columns = weight.count() / rows;
    if (reads_context && change.columns != columns)
      fit.refuse(fmt::format("it reads a context of width {}, this model's is {}{}", change.columns, columns,
                             made_for(change.columns)));
    if (change.rows != rows || change.columns != columns)
      fit.refuse(fmt::format("it changes a weight of {} x {}, this model's is {} x {}", change.rows, change.columns,
                             rows, columns));
    fit.magnitude(weight);
  }
  for (const char* role : {"diff_b", "b_norm"})
    if (module.find(role) && fit.need(role).shape.count() != weight[0])
      fit.refuse(fmt::format("its {} has {} values, the bias {}", role, fit.need(role).shape.count(), weight[0]));
  fit.numbers();
}

bool is_plain_low_rank(const AdapterModule& module) {
  return module.find("lora_up") && !module.find("lora_mid") && !module.find("dora_scale");
}

Tensor low_rank_down(const AdapterModule& module) {
  return matrix(*module.find("lora_down"));
}

Tensor low_rank_up(const AdapterModule& module, double multiplier) {
  return matrix(*module.find("lora_up")) * (multiplier * scale_of(module));
}

Tensor changed_weight(const AdapterModule& module, const Tensor& weight, double multiplier) {
  const StoredTensor* magnitude = module.find("dora_scale");
  const Tensor change = difference(module);
  const Tensor flat = weight.reshape(change.shape());
  const Tensor result =
      magnitude ? at_magnitude(flat + change, *magnitude, weight.count() / (weight.dim(0) * weight.dim(1)), multiplier)
                : flat + change * multiplier;
  return result.reshape(weight.shape());
}

Tensor changed_bias(const AdapterModule& module, const Tensor& bias, double multiplier) {
  const StoredTensor* change = module.find("diff_b") ? module.find("diff_b") : module.find("b_norm");
  return bias + wide(*change, bias.shape()) * multiplier;
}

}  // namespace calotype
