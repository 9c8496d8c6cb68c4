#include "io/adapter.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "io/json.h"
#include "io/tensor_file.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Ending {
  std::string_view text, role, instead = {};  // `instead` goes to the module's name
};

// Longer endings first where one ends another.
constexpr Ending kEndings[] = {
    {".lora_linear_layer.down.weight", "lora_down"},
    {".lora_linear_layer.up.weight", "lora_up"},
    {".lora_A.default.weight", "lora_down"},
    {".lora_B.default.weight", "lora_up"},
    {".lora_A.weight", "lora_down"},
    {".lora_B.weight", "lora_up"},
    {".lora_magnitude_vector.default.weight", "dora_scale"},
    {".lora_magnitude_vector.weight", "dora_scale"},
    {".lora_magnitude_vector", "dora_scale"},
    {".lora_down.weight", "lora_down"},
    {".lora_up.weight", "lora_up"},
    {".lora_mid.weight", "lora_mid"},
    {".lora.down.weight", "lora_down"},
    {".lora.up.weight", "lora_up"},
    {"_out_lora.down.weight", "lora_down", "_out.0"},  // the first diffusers releases
    {"_out_lora.up.weight", "lora_up", "_out.0"},
    {"_lora.down.weight", "lora_down"},
    {"_lora.up.weight", "lora_up"},
    {".alpha", "alpha"},
    {".dora_scale", "dora_scale"},
    {".hada_w1_a", "hada_w1_a"},
    {".hada_w1_b", "hada_w1_b"},
    {".hada_w2_a", "hada_w2_a"},
    {".hada_w2_b", "hada_w2_b"},
    {".hada_t1", "hada_t1"},
    {".hada_t2", "hada_t2"},
    {".lokr_w1_a", "lokr_w1_a"},
    {".lokr_w1_b", "lokr_w1_b"},
    {".lokr_w2_a", "lokr_w2_a"},
    {".lokr_w2_b", "lokr_w2_b"},
    {".lokr_w1", "lokr_w1"},
    {".lokr_w2", "lokr_w2"},
    {".lokr_t2", "lokr_t2"},
    {".diff_b", "diff_b"},
    {".diff", "diff"},
    {".w_norm", "w_norm"},
    {".b_norm", "b_norm"},
};

struct Beginning {
  std::string_view text;
  AdapterPart part;
};

constexpr Beginning kBeginnings[] = {
    {"lora_unet_", AdapterPart::unet},
    {"lora_te1_", AdapterPart::text},
    {"lora_te_", AdapterPart::text},
    {"lycoris_", AdapterPart::unsaid},
    {"unet.", AdapterPart::unet},
    {"text_encoder.", AdapterPart::text},
    {"model.diffusion_model.", AdapterPart::unet},
    {"diffusion_model.", AdapterPart::unet},
    {"cond_stage_model.model.", AdapterPart::text},
};

std::string_view without(std::string_view text, std::string_view beginning) {
  return text.starts_with(beginning) ? text.substr(beginning.size()) : text;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

void name_module(AdapterModule& module) {
  std::string_view rest = without(module.name, "base_model.model.");
  for (const Beginning& beginning : kBeginnings)
    if (rest.starts_with(beginning.text)) {
      module.part = beginning.part;
      rest = rest.substr(beginning.text.size());
      break;
    }
  module.path = replaced(replaced(std::string(rest), ".processor.", "."), ".", "_");
  if (module.part != AdapterPart::text) return;
  // The first diffusers releases named the text tower's layers like the UNet's.
  constexpr std::pair<std::string_view, std::string_view> kOlder[] = {{"attn_to_q", "attn_q_proj"},
                                                                      {"attn_to_k", "attn_k_proj"},
                                                                      {"attn_to_v", "attn_v_proj"},
                                                                      {"attn_to_out_0", "attn_out_proj"}};
  for (const auto& [older, name] : kOlder) module.path = replaced(module.path, older, name);
}

double alpha_of(const StoredTensor& stored, const std::string& where, const std::string& module) {
  require(stored.shape.count() == 1, ErrorKind::bad_file, "{}: {}: one number was expected as alpha, the file has {}",
          where, module, stored.shape.text());
  return values_of(stored)[0];
}

void sort_tensors(std::span<const StoredTensor> tensors, Adapter& adapter) {
  std::map<std::string, AdapterModule> modules;
  for (const StoredTensor& stored : tensors) {
    const auto ending =
        std::ranges::find_if(kEndings, [&](const Ending& known) { return stored.name.ends_with(known.text); });
    if (ending == std::end(kEndings)) {
      adapter.unknown.push_back(stored.name);
      continue;
    }
    const std::string name =
        stored.name.substr(0, stored.name.size() - ending->text.size()) + std::string(ending->instead);
    AdapterModule& module = modules[name];
    module.name = name;
    if (ending->role == "alpha")
      module.alpha = alpha_of(stored, adapter.where, name);
    else
      require(module.tensors.emplace(std::string(ending->role), stored).second, ErrorKind::bad_file,
              "{}: {}: it has {} twice", adapter.where, name, ending->role);
  }
  for (auto& [name, module] : modules) {
    name_module(module);
    adapter.modules.push_back(std::move(module));
  }
}

/// The words of a PEFT configuration, as `adapter_config.json` and the metadata of diffusers' files have them.
class PeftWords {
 public:
  PeftWords(const json& words, std::string prefix, std::string where)
      : words_(words), prefix_(std::move(prefix)), where_(std::move(where)) {}

  void apply(AdapterModule& module) const {
    if (module.alpha || !module.find("lora_down")) return;
    module.alpha = number_for(module.path);
    const json& root = word("use_rslora");
    module.root_of_rank = root.is_boolean() && root.get<bool>();
  }

 private:
  const json& word(const char* name) const {
    static const json nothing;
    const auto found = words_.find(prefix_ + name);
    return found == words_.end() ? nothing : *found;
  }
  std::optional<double> number(const json& value) const {
    if (value.is_null()) return std::nullopt;
    require(value.is_number(), ErrorKind::bad_file, "{}: a number was expected as lora_alpha, found {}", where_,
            value.dump(-1, ' ', true).substr(0, 40));
    return value.get<double>();
  }
  /// A pattern names a module by its last parts.
  std::optional<double> number_for(const std::string& path) const {
    if (const json& patterns = word("alpha_pattern"); patterns.is_object())
      for (const auto& [pattern, value] : patterns.items()) {
        const std::string flat = replaced(pattern, ".", "_");
        if (path == flat || path.ends_with("_" + flat)) return number(value);
      }
    return number(word("lora_alpha"));
  }

  const json& words_;
  std::string prefix_, where_;
};

void apply_words(const json& words, Adapter& adapter) {
  require(words.is_object(), ErrorKind::bad_file, "{}: its adapter's configuration is no JSON object", adapter.where);
  for (AdapterModule& module : adapter.modules) {
    const char* prefix = module.part == AdapterPart::text ? "text_encoder." : "unet.";
    const bool prefixed = words.contains(std::string(prefix) + "lora_alpha");
    PeftWords(words, prefixed ? prefix : "", adapter.where).apply(module);
  }
}

fs::path weights_in(const fs::path& folder) {
  for (const char* name : {"adapter_model.safetensors", "pytorch_lora_weights.safetensors", "adapter_model.bin"})
    if (fs::exists(folder / name)) return folder / name;
  fail(ErrorKind::bad_file, "{}: a folder with adapter_model.safetensors was expected, this has none", folder.string());
}

}  // namespace

const StoredTensor* AdapterModule::find(std::string_view role) const {
  const auto found = tensors.find(role);
  return found == tensors.end() ? nullptr : &found->second;
}

Adapter read_adapter(const fs::path& path) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const TensorFile file(folder ? weights_in(path) : path);
  Adapter adapter{.name = path.stem().string(),
                  .where = path.string(),
                  .metadata = file.metadata(),
                  .modules = {},
                  .unknown = {},
                  .owner = file.owner()};
  sort_tensors(file.tensors(), adapter);
  require(!adapter.modules.empty(), ErrorKind::bad_file,
          "{}: a LoRA or one of its relatives was expected, this has none of their tensors; calotype inspect tells "
          "what it is",
          adapter.where);
  if (const auto words = adapter.metadata.find("lora_adapter_metadata"); words != adapter.metadata.end())
    apply_words(parse_json(words->second, adapter.where), adapter);
  if (const fs::path beside = path / "adapter_config.json"; folder && fs::exists(beside))
    apply_words(read_json(beside), adapter);
  return adapter;
}

}  // namespace calotype
