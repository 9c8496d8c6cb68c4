#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <regex>

#include "base/error.h"
#include "check/configurations.h"
#include "check/network_case.h"
#include "load/formula_source.h"
#include "models/clip.h"
#include "models/dpt.h"
#include "models/unet.h"
#include "models/vae.h"
#include "ops/embedding.h"
#include "ops/structure.h"
#include "tensor/history.h"

namespace calotype::checker {
namespace {

/// What a block does with its inputs, in our layout.
using Block = std::function<Tensor(const std::map<std::string, Tensor>& inputs)>;

/// A network in which the block occurs, for its keys.
UNetConfig unet_around(int64_t groups, bool linear) {
  UNetConfig config;
  config.channel_mult = {1, 2};
  config.attention_resolutions = {1};
  config.groups = groups;
  config.use_linear_in_transformer = linear;
  return config;
}

class BlockMaker {
 public:
  explicit BlockMaker(const json& row)
      : words_(row.value("arguments", json::object())), prefix_("block." + row.at("block").get<std::string>() + ".") {
    groups_ = static_cast<int64_t>(optional_number(words_, "groups").value_or(32));
  }

  Block make(const std::string& what) {
    if (what == "res") return res();
    if (what == "transformer") return transformer();
    if (what == "unet_down")
      return convolution(unet_keys(unet_around(groups_, true)), "down.0.downsample.", "op.weight", {.stride = 2});
    if (what == "unet_up") return doubled(unet_keys(unet_around(groups_, true)), "up.1.upsample.");
    if (what == "vae_res") return vae_res();
    if (what == "vae_attn") return vae_attention();
    if (what == "vae_down")
      return convolution(vae_keys({}), "encoder.down.0.downsample.", "conv.weight",
                         {.stride = 2, .padding = 1, .bottom_right = true});
    if (what == "vae_up") return doubled(vae_keys({}), "decoder.up.1.upsample.");
    if (what == "clip") return clip();
    if (what == "dpt_fusion") return fusion();
    if (what == "std_conv") return standardised_convolution();
    throw Skipped{"there is no block " + what + " here"};
  }

 private:
  int64_t integer(const char* key) const {
    const std::optional<double> value = optional_number(words_, key);
    require(value.has_value(), ErrorKind::bad_file, "{}: the argument {} is missing", prefix_, key);
    return static_cast<int64_t>(*value);
  }
  int64_t integer(const char* key, int64_t fallback) const {
    return static_cast<int64_t>(optional_number(words_, key).value_or(static_cast<double>(fallback)));
  }
  /// Channels that go in are called one or the other.
  int64_t channels() const { return words_.contains("in_channels") ? integer("in_channels") : integer("channels"); }
  FormulaSource source(const KeyMap& whole, const std::string& ours, const std::string& sample,
                       const std::string& sample_original) const {
    return {block_keys(whole, ours, sample, sample_original), prefix_};
  }

  Block res() const {
    UNetConfig config = unet_around(groups_, true);
    // A block of the way up has a shortcut's key too.
    FormulaSource weights = source(unet_keys(config), "up.0.res.0.", "norm1.weight", "in_layers.0.weight");
    config.model_channels = integer("emb_channels") / 4;
    const ResBlock block(Params(weights), channels(), integer("out_channels", channels()), config);
    return [block](const auto& inputs) { return block(inputs.at("x"), inputs.at("emb")); };
  }

  Block transformer() const {
    const bool linear = words_.value("use_linear", true);
    UNetConfig config = unet_around(groups_, linear);
    FormulaSource weights = source(unet_keys(config), "mid.transformer.", "norm.weight", "norm.weight");
    config.num_heads = integer("n_heads");
    config.context_dim = integer("context_dim", channels());
    const SpatialTransformer block(Params(weights), channels(), !words_.value("disable_self_attn", false), config);
    return [block](const auto& inputs) { return block(inputs.at("x"), inputs.at("context"), {}); };
  }

  Block convolution(const KeyMap& whole, const std::string& ours, const std::string& sample,
                    ConvOptions options) const {
    FormulaSource weights = source(whole, ours, "weight", sample);
    const Conv2d layer(Params(weights), channels(), integer("out_channels", channels()), options);
    return [layer](const auto& inputs) { return layer(inputs.at("x")); };
  }

  Block doubled(const KeyMap& whole, const std::string& ours) const {
    FormulaSource weights = source(whole, ours, "weight", "conv.weight");
    const Conv2d layer(Params(weights), channels(), integer("out_channels", channels()));
    return [layer](const auto& inputs) { return layer(upsample(inputs.at("x"))); };
  }

  Block vae_res() const {
    FormulaSource weights = source(vae_keys({}), "encoder.down.1.res.0.", "norm1.weight", "norm1.weight");
    const VaeResBlock block(Params(weights), channels(), integer("out_channels", channels()), groups_);
    return [block](const auto& inputs) { return block(inputs.at("x")); };
  }

  Block vae_attention() const {
    FormulaSource weights = source(vae_keys({}), "encoder.mid.attention.", "norm.weight", "norm.weight");
    const VaeAttention block(Params(weights), channels(), groups_);
    return [block](const auto& inputs) { return block(inputs.at("x")); };
  }

  Block clip() const {
    FormulaSource weights = source(text_keys({}), "blocks.0.", "norm1.weight", "ln_1.weight");
    const std::string activation = word(words_, "activation", "gelu");
    const ClipBlock block(Params(weights), integer("width"), integer("heads"),
                          integer("mlp_width", 4 * integer("width")),
                          activation == "gelu" ? TextActivation::gelu : TextActivation::quick_gelu);
    return
        [block, causal = words_.value("causal", false)](const auto& inputs) { return block(inputs.at("x"), causal); };
  }

  Block fusion() const {
    FormulaSource weights = source(depth_keys({}), "fusion.0.", "out.weight", "out_conv.weight");
    const Fusion block(Params(weights), integer("features"), true);
    return [block](const auto& inputs) {
      const auto skip = inputs.find("skip");
      return block(inputs.at("x"), skip == inputs.end() ? Tensor() : skip->second);
    };
  }

  Block standardised_convolution() const {
    FormulaSource weights = source(depth_keys({}), "stem.conv.", "weight", "weight");
    const StandardisedConv layer(Params(weights), integer("i"), integer("o"), integer("kernel"), integer("stride", 1));
    return [layer](const auto& inputs) { return layer(inputs.at("x")); };
  }

  json words_;
  std::string prefix_;
  int64_t groups_ = 32;
};

/// `slack` is what a correct implementation may be off at one place, beside the RMS.
void compare(const std::string& what, const Tensor& got, const ReferenceTensors& tensors, Findings& findings,
             double slack = 0) {
  const double tolerance = network_tolerance("blocks", "").f32;
  const std::vector<double> want = tensors.values(what), values = reference_values(got);
  findings.measure(what, relative_l2(values, want), tolerance);
  findings.measure("greatest difference of " + what, greatest_beside_rms(values, want),
                   std::max(10 * tolerance, slack));
}

/// An angle is a product of f32, so near the greatest time a last place of the frequency is a last place of the angle:
/// between two right ways to take the exponential, sine and cosine move by that much. Beside the waves' RMS of
/// 1/sqrt 2.
double last_place_of_angles(std::span<const double> times) {
  float greatest = 0;
  for (const double time : times) greatest = std::max(greatest, std::abs(static_cast<float>(time)));
  return (std::nextafter(greatest, HUGE_VALF) - greatest) * std::numbers::sqrt2;
}

/// What the faint input of a block is multiplied by: "out_faint is for x times 0.001, ..".
double faint_factor(const json& row) {
  const std::string text = word(row, "faint");
  std::smatch match;
  require(std::regex_search(text, match, std::regex("times ([0-9.eE+-]*[0-9])")), ErrorKind::bad_file,
          "the block does not say how faint its input is");
  return std::stod(match[1]);
}

void check_block(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const std::string name = row.at("block");
  const Block block = BlockMaker(row).make(row.at("what"));
  std::map<std::string, Tensor> inputs;
  for (const auto& [key, words] : row.at("inputs").items())
    inputs[key] = maps_from_reference(reference_input(tensors, name + ".in." + key, words));
  compare(name + ".out", block(inputs), tensors, findings);
  if (!tensors.has(name + ".out_faint")) return;
  const auto factor = static_cast<float>(faint_factor(row));
  inputs["x"] = inputs.at("x").clone();
  for (float& value : inputs["x"].edit<float>()) value *= factor;
  compare(name + ".out_faint", block(inputs), tensors, findings);
}

constexpr std::string_view kWaves = "time_embedding_";

}  // namespace

void check_blocks(const std::filesystem::path& file, const json& row, const Request& request, Report& report) {
  const std::string group = word(row, "case", "blocks");
  if (request.precision != kernels::Precision::f32)
    return report.skip(group, "half precision is not judged on single blocks");
  const NoGrad inference;
  const ReferenceTensors tensors(file);
  for (const json& block : row.at("blocks")) {
    report.run(
        group + "/" + word(block, "block"), [&](Findings& findings) { check_block(block, tensors, findings); }, group);
  }
  for (const StoredTensor& stored : tensors.all()) {
    if (!stored.name.starts_with(kWaves) || !tensors.has("time_embedding.in.timesteps")) continue;
    report.run(
        group + "/" + stored.name,
        [&](Findings& findings) {
          const std::vector<double> times = tensors.values("time_embedding.in.timesteps");
          compare(stored.name, sinusoid(times, stored.shape.dim(-1)), tensors, findings, last_place_of_angles(times));
        },
        group);
  }
}

}  // namespace calotype::checker
