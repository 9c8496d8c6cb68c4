#include <functional>

#include "base/error.h"
#include "check/training_cases.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/attention.h"
#include "ops/conv_variants.h"
#include "ops/embedding.h"
#include "ops/losses.h"
#include "ops/norm.h"
#include "ops/pool.h"
#include "ops/reading.h"
#include "ops/reduce.h"
#include "ops/resize.h"
#include "ops/structure.h"

namespace calotype::checker {
namespace {

/// The inputs of a row: leaves of the history, in the reference's layout.
class Inputs {
 public:
  Inputs(const json& row, const ReferenceTensors& tensors) : id_(row.at("id")), tensors_(tensors) {
    for (const auto& [name, shape] : row.at("inputs").items()) {
      const StoredType type = tensors.type(id_ + "/" + name);
      if (type == StoredType::f32 || type == StoredType::f64)
        leaves_[name] = tensors.tensor(id_ + "/" + name).trainable();
    }
  }
  /// None where the row has no such input.
  Tensor operator[](const std::string& name) const {
    const auto found = leaves_.find(name);
    return found == leaves_.end() ? Tensor() : found->second;
  }
  /// A map, channels last.
  Tensor map(const std::string& name) const { return channels_last((*this)[name]); }
  std::vector<int32_t> integers(const std::string& name) const { return tensors_.integers(id_ + "/" + name); }
  Shape shape(const std::string& name) const { return tensors_.shape(id_ + "/" + name); }
  const std::map<std::string, Tensor>& leaves() const { return leaves_; }

 private:
  std::string id_;
  const ReferenceTensors& tensors_;
  std::map<std::string, Tensor> leaves_;
};

/// From the inputs of a row to its result, in the reference's layout.
using Operator = std::function<Tensor(const Inputs& in, const json& attributes)>;

Padding padding_of(const json& words, const Shape& map, int64_t kernel, int64_t stride) {
  if (words.is_number()) {
    const auto all = words.get<int64_t>();
    return {all, all, all, all};
  }
  if (words.is_object()) return {words.at("top"), words.at("bottom"), words.at("left"), words.at("right")};
  return same_padding(map[2], map[3], kernel, stride);
}

/// The convolution that networks use where it can do it, else the general one.
Tensor convolved(const Inputs& in, const Tensor& weight, const json& attributes) {
  const int64_t kernel = weight.dim(2), stride = attributes.value("stride", int64_t{1});
  const int64_t groups = attributes.value("groups", int64_t{1});
  const Padding padding = padding_of(attributes.value("padding", json(0)), in.shape("x"), kernel, stride);
  const bool even = padding.top == padding.left && padding.bottom == padding.right;
  const bool all = even && padding.top == padding.bottom, two_sides = even && padding.top == 0;
  if (groups != 1 || weight.dim(2) != weight.dim(3) || !(all || two_sides))
    return channels_first(
        padded_conv2d(in.map("x"), weight, in["b"], {.stride = stride, .padding = padding, .groups = groups}));
  return channels_first(conv2d(in.map("x"), weight, in["b"],
                               {.kernel = kernel,
                                .stride = stride,
                                .padding = padding.bottom,
                                .bottom_right = two_sides && padding.bottom > 0}));
}

Tensor transposed_convolution(const Inputs& in, const json& attributes) {
  if (attributes.value("stride", int64_t{1}) != in.shape("w")[2])
    throw Skipped{"transposed convolutions whose stride is not their kernel are not built yet"};
  return channels_first(conv_transpose2d(in.map("x"), in["w"], in["b"]));
}

Tensor normalised_groups(const Inputs& in, const json& attributes) {
  return channels_first(
      group_norm(in.map("x"), in["gamma"], in["beta"], attributes.at("groups"), attributes.at("eps")).tensor());
}

Tensor normalised_groups_silu(const Inputs& in, const json& attributes) {
  return channels_first(
      silu(group_norm(in.map("x"), in["gamma"], in["beta"], attributes.at("groups"), attributes.at("eps"))).tensor());
}

/// q [B, heads, tokens, D]: heads are independent, so they may stand in the batch.
Tensor attended(const Inputs& in, const json& attributes) {
  const auto rows = [&](const char* name) {
    const Tensor x = in[name];
    return x.reshape({x.dim(0) * x.dim(1), x.dim(2), x.dim(3)});
  };
  return attention(rows("q"), rows("k"), rows("v"), {.heads = 1, .causal = attributes.value("causal", false)})
      .reshape(in.shape("q"));
}

Tensor attention_block(const Inputs& in, const json& attributes) {
  const Tensor x = in["x"];
  const Tensor joined =
      attention(linear(x, in["wq"], {}), linear(x, in["wk"], {}), linear(x, in["wv"], {}),
                {.heads = attributes.at("heads").get<int64_t>(), .causal = attributes.value("causal", false)});
  return linear(joined, in["wo"], in["bo"]);
}

Tensor resized(const Inputs& in, const json& attributes, Interpolation interpolation) {
  if (attributes.contains("factor")) {
    if (attributes["factor"] != 2) throw Skipped{"enlarging by anything but two is not built yet"};
    return channels_first(upsample(in.map("x")).tensor());
  }
  const std::vector<int64_t> size = attributes.at("size");
  return channels_first(
      resize(in.map("x"), size.at(0), size.at(1),
             {.interpolation = interpolation, .align_corners = attributes.value("align_corners", false)}));
}

/// [B, C] added to every pixel, as the residual blocks do it: the offset of a convolution, here one that does nothing.
Tensor with_time(const Inputs& in, const json&) {
  const int64_t channels = in.shape("x")[1];
  Tensor identity = Tensor::zeros({channels, channels, 1, 1});
  const std::span<float> values = identity.edit<float>();
  for (int64_t c = 0; c < channels; ++c) values[c * channels + c] = 1;
  return channels_first(conv2d(in.map("x"), identity, {}, {.kernel = 1, .padding = 0}, {.offset = in["t"]}));
}

Tensor embedded(const Inputs& in, const json&) {
  const Shape ids = in.shape("ids");
  std::vector<int64_t> extents(ids.begin(), ids.end());
  extents.push_back(in.shape("table")[1]);
  return embedding(in["table"], in.integers("ids")).reshape(std::span<const int64_t>(extents));
}

/// An operator of x alone.
Operator of_x(Tensor (*function)(const Tensor&)) {
  return [function](const Inputs& in, const json&) { return function(in["x"]); };
}

const std::map<std::string, Operator>& operators() {
  static const std::map<std::string, Operator> kOperators = {
      {"conv2d", [](const Inputs& in, const json& a) { return convolved(in, in["w"], a); }},
      {"conv_transpose2d", transposed_convolution},
      {"weight_standardised_conv2d",
       [](const Inputs& in, const json& a) { return convolved(in, standardised_weight(in["w"], a.at("eps")), a); }},
      {"linear", [](const Inputs& in, const json&) { return linear(in["x"], in["w"], in["b"]); }},
      {"group_norm", normalised_groups},
      {"group_norm_silu", normalised_groups_silu},
      {"layer_norm", [](const Inputs& in,
                        const json& a) { return layer_norm(in["x"], in["gamma"], in["beta"], a.at("eps")).tensor(); }},
      {"batch_norm",
       [](const Inputs& in, const json& a) {
         return channels_first(batch_norm(in.map("x"), in["gamma"], in["beta"], a.at("eps")));
       }},
      {"l2_normalise", of_x(l2_normalise)},
      {"softmax", of_x(softmax)},
      {"attention", attended},
      {"self_attention_block", attention_block},
      {"silu", [](const Inputs& in, const json&) { return silu(in["x"]).tensor(); }},
      {"gelu", of_x(gelu)},
      {"quick_gelu", of_x(quick_gelu)},
      {"relu", of_x(relu)},
      {"sigmoid", of_x(sigmoid)},
      {"tanh", of_x(calotype::tanh)},
      {"leaky_relu",
       [](const Inputs& in, const json& a) {
         if (a.value("slope", 0.2) != 0.2) throw Skipped{"leaky_relu has the slope 0.2 only"};
         return leaky_relu(in["x"]);
       }},
      {"tanh_clamp", of_x(tanh_clamp)},
      {"geglu", of_x(geglu)},
      {"upsample_nearest", [](const Inputs& in, const json& a) { return resized(in, a, Interpolation::nearest); }},
      {"resize_bilinear", [](const Inputs& in, const json& a) { return resized(in, a, Interpolation::bilinear); }},
      {"resize_bicubic", [](const Inputs& in, const json& a) { return resized(in, a, Interpolation::bicubic); }},
      {"max_pool",
       [](const Inputs& in, const json& a) {
         return channels_first(max_pool(in.map("x"), {.kernel = a.at("kernel"), .stride = a.at("stride")}));
       }},
      {"mean", [](const Inputs& in, const json&) { return mean_over_pixels(in.map("x")); }},
      {"concat",
       [](const Inputs& in, const json&) { return channels_first(concat_channels(in.map("a"), in.map("b"))); }},
      {"add_time", with_time},
      {"residual", [](const Inputs& in, const json&) { return in["x"] + silu(linear(in["x"], in["w"], {})).tensor(); }},
      {"reparametrise", [](const Inputs& in, const json&) { return reparametrise(in["mean"], in["logvar"], in["n"]); }},
      {"embedding", embedded},
  };
  return kOperators;
}

void check_operator(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id"), name = row.at("op");
  const auto found = operators().find(name);
  if (found == operators().end()) throw Skipped{"the operator " + name + " is not built yet"};
  const double tolerance = optional_number(row, "tolerance").value_or(5e-6);
  const Inputs inputs(row, tensors);
  const Tensor y = found->second(inputs, row.value("attributes", json::object()));
  findings.measure("y", distance(y, tensors.values(id + "/y")), tolerance);
  if (!tensors.has(id + "/dy")) return;
  const Gradients gradients = backward(y, tensors.tensor(id + "/dy").reshape(y.shape()));
  for (const auto& [input, leaf] : inputs.leaves())
    if (tensors.has(id + "/d" + input))
      findings.measure("d" + input, distance(gradients.of(leaf), tensors.values(id + "/d" + input)), tolerance);
}

}  // namespace

void check_operators(const TrainingFile& file, Report& report) {
  for (const json& row : file.rows) {
    const std::string id = word(row, "id");
    report.run("ops/" + id, [&](Findings& findings) { check_operator(row, file.tensors, findings); }, id);
  }
}

}  // namespace calotype::checker
