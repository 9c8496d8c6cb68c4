#include "cli/inspection.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/mapped_file.h"
#include "cli/display.h"
#include "diffusion/prediction.h"
#include "io/folder.h"
#include "io/picture.h"
#include "io/printable.h"
#include "io/settings.h"
#include "load/stable_diffusion.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

template <class Values>
std::string joined(const Values& values, const char* between) {
  std::string text;
  for (const auto& value : values) text += fmt::format("{}{}", text.empty() ? "" : between, value);
  return text;
}

/// Counts a part's tensors, and notes what it lacks and what it used.
template <class Config>
PartReport report(const char* name, const std::string& where, const WeightFiles& files, const FoundPart<Config>& part,
                  const KeyMap& keys, std::set<std::string_view>& used) {
  PartReport result;
  result.name = name;
  result.where = where;
  result.layout = name_of(part.layout);
  for (const KeyRow& row : keys.rows()) {
    const StoredKey& key = row.in(part.layout);
    if (key.name.empty()) continue;
    const StoredTensor* stored = files.find(part.prefix + key.name);
    if (!stored && part.layout == Layout::diffusers && !row.older.empty()) stored = files.find(part.prefix + row.older);
    if (!stored) {
      if (key.part == 0) result.missing.push_back(part.prefix + key.name);
      continue;
    }
    if (!used.insert(stored->name).second) continue;
    ++result.tensors;
    result.parameters += stored->shape.count();
    ++result.types[std::string(name_of(stored->type))];
  }
  return result;
}

std::string described(const UNetConfig& config) {
  return fmt::format("{} channels in, width {}, multipliers {}, context {}, groups {}, {}", config.in_channels,
                     config.model_channels, joined(config.channel_mult, ","), config.context_dim, config.groups,
                     config.num_heads > 0 ? fmt::format("{} heads", config.num_heads)
                                          : fmt::format("heads of {}", config.num_head_channels));
}

std::string described(const VaeConfig& config) {
  return fmt::format("{} pixels a cell, width {}, multipliers {}, groups {}, scale factor {}", config.downscale(),
                     config.ch, joined(config.ch_mult, ","), config.groups, config.scale_factor);
}

std::string described(const TextConfig& config) {
  return fmt::format("width {}, {} of {} blocks used, {} heads, {} tokens, padding id {}", config.width,
                     config.used_layers, config.layers, config.heads, config.context_length, config.padding_id);
}

std::string described(const ImageTowerConfig& config) {
  return fmt::format("width {}, {} blocks, {} heads, patches of {} in {} pixels", config.width, config.layers,
                     config.heads, config.patch_size, config.image_size);
}

std::string described(const DepthConfig& config) {
  return fmt::format(
      "width {}, {} blocks of which {} and {} are read, {} heads, stages of {} channels, trained on {} pixels",
      config.width, config.layers, config.taps[0], config.taps[1], config.heads, joined(config.stage_channels, ","),
      config.trained_size);
}

std::string described(const TinyVaeConfig& config) {
  return fmt::format("width {}, {} latent channels", config.width, config.latent_channels);
}

/// All networks among the tensors of one file or component.
void add_parts(Inspection& found, const WeightFiles& files, const Recognised& recognised, const std::string& where) {
  std::set<std::string_view> used;
  const auto add = [&](const char* name, const auto& part, const auto& keys_of) {
    if (!part) return;
    PartReport row = report(name, where, files, *part, keys_of(*part), used);
    row.configuration = described(part->config);
    found.parts.push_back(std::move(row));
  };
  add("UNet", recognised.unet, [](const auto& part) { return unet_keys(part.config); });
  add("autoencoder", recognised.vae, [](const auto& part) { return vae_keys(part.config); });
  add("text tower", recognised.text, [](const auto& part) { return text_keys(part.config, part.inner); });
  add("image tower", recognised.image, [](const auto& part) { return image_tower_keys(part.config); });
  add("depth net", recognised.depth, [](const auto& part) { return depth_keys(part.config); });
  add("small encoder", recognised.tiny_encoder, [](const auto& part) { return tiny_encoder_keys(part.config); });
  add("small decoder", recognised.tiny_decoder, [](const auto& part) { return tiny_decoder_keys(part.config); });
  for (const StoredTensor& tensor : files.tensors()) {
    if (!used.contains(tensor.name)) found.left_over.push_back(tensor.name);
    if (const int64_t count = count_not_a_number(tensor)) found.not_a_number[tensor.name] = count;
  }
}

std::string kind_of(const Recognised& found) {
  if (found.lora) return "LoRA: it changes a model and is none";
  if (found.embedding) return "textual inversion: a word for a model";
  if (found.control_net) return "ControlNet";
  if (found.unet) return fmt::format("model, {}", kind_of_model(found.family, found.unet->config));
  if (found.vae) return "autoencoder";
  if (found.text || found.image)
    return found.text && found.image ? "CLIP pair" : found.text ? "text tower" : "image tower";
  if (found.depth) return "depth net, DPT-hybrid of MiDaS";
  if (found.tiny_encoder || found.tiny_decoder) return "small autoencoder of previews (TAESD)";
  return "nothing that is known here";
}

void inspect_file(Inspection& found, const fs::path& path) {
  const TensorFile file(path);
  found.container = name_of(file.container());
  found.metadata = file.metadata();
  const WeightFiles files({file});
  Recognised recognised = recognise(files.tensors(), path.string());
  apply(settings_from_metadata(found.metadata, path.string()), recognised);
  if (const auto beside = settings_beside(path)) apply(*beside, recognised);
  found.kind = kind_of(recognised);
  add_parts(found, files, recognised, path.filename().string());
}

void inspect_folder(Inspection& found, const fs::path& path) {
  const ModelSettings settings = settings_from_folder(path);
  found.kind = "diffusers folder, " + pipeline_class(path);
  for (const char* name : {"unet", "vae", "text_encoder", "image_encoder", "depth_estimator"}) {
    const auto component = component_files(path / name);
    if (!component) continue;
    const WeightFiles files = open_component(*component);
    Recognised recognised = recognise(files.tensors(), (path / name).string());
    apply(settings, recognised);
    add_parts(found, files, recognised, name);
  }
}

/// Opens it as drawing would, to say what comes of that.
void try_to_open(Inspection& found, const fs::path& path) {
  try {
    const StableDiffusion model = open_stable_diffusion(path);
    if (model.turbo) found.kind += ", turbo: 1 to 4 steps without guidance";
    found.prediction = name_of(model.prediction);
    found.prediction_source = model.prediction_source;
    found.noise = fmt::format("{} betas {} to {}, {} steps{}", model.noise.beta_schedule, model.noise.beta_start,
                              model.noise.beta_end, model.noise.train_steps,
                              model.noise.zero_terminal_snr ? ", zero signal at the last" : "");
    found.native_size = model.native_size();
  } catch (const Error& error) {
    found.problem = error.what();
  }
}

std::string megabytes(int64_t bytes) {
  return bytes < 10'000'000 ? fmt::format("{:.2f} MB", bytes / 1e6) : fmt::format("{:.0f} MB", bytes / 1e6);
}

std::string shortened(const std::vector<std::string>& names) {
  std::string text;
  constexpr size_t kShown = 10;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "" : ", ") + printable(names[i]);
  return names.size() > kShown ? text + fmt::format(" and {} more", names.size() - kShown) : text;
}

}  // namespace

Inspection inspect_path(const fs::path& path) {
  Inspection found;
  found.path = path.string();
  std::error_code error;
  if (fs::is_directory(path, error)) {
    require(is_diffusers_folder(path), ErrorKind::bad_file,
            "{}: a folder with a model_index.json was expected, this has none", path.string());
    inspect_folder(found, path);
    try_to_open(found, path);
    return found;
  }
  const MappedFile file(path);
  found.bytes = static_cast<int64_t>(file.bytes().size());
  if (is_picture(file.bytes())) {
    const Image image = read_image(path);
    found.kind = fmt::format("picture, {}x{}", image.width, image.height);
    found.parameters = read_parameters(path);
    return found;
  }
  inspect_file(found, path);
  if (!found.parts.empty() && found.parts.front().name == "UNet") try_to_open(found, path);
  return found;
}

void require_numbers(const fs::path& path) {
  const Inspection found = inspect_path(path);
  if (found.not_a_number.empty()) return;
  const auto& [name, count] = *found.not_a_number.begin();
  fail(ErrorKind::bad_file, "{}: {}: {} values are not numbers, so nothing can be drawn with it; the file is damaged",
       path.string(), printable(name), count);
}

std::string to_text(const Inspection& found) {
  std::string text = fmt::format("{}: {}", printable(found.path), found.kind);
  if (found.bytes > 0) text += fmt::format(", {}", megabytes(found.bytes));
  if (!found.container.empty()) text += ", " + found.container;
  text += '\n';
  if (!found.parameters.empty()) text += printable_lines(found.parameters);
  for (const PartReport& part : found.parts) {
    text += fmt::format("\n{} in {} ({} layout)\n  {}\n  {} parameters in {} tensors:", part.name,
                        printable(part.where), part.layout, part.configuration, part.parameters, part.tensors);
    for (const auto& [type, count] : part.types) text += fmt::format(" {} {}", count, type);
    text += '\n';
    if (!part.missing.empty()) text += fmt::format("  missing: {}\n", shortened(part.missing));
  }
  if (!found.prediction.empty())
    text += fmt::format("\npredicts {} ({})\ntrained with {}\ndraws {} pixels a side by itself\n", found.prediction,
                        found.prediction_source, found.noise, found.native_size);
  if (!found.not_a_number.empty()) {
    const auto& [name, count] = *found.not_a_number.begin();
    text += fmt::format("\nwarning: {}: {} values are not numbers", printable(name), count);
    if (const size_t more = found.not_a_number.size() - 1) text += fmt::format("; so in {} more tensors", more);
    text += '\n';
  }
  if (!found.left_over.empty())
    text += fmt::format("\nleft over: {} tensors: {}\n", found.left_over.size(), shortened(found.left_over));
  if (!found.problem.empty()) text += fmt::format("\nnothing can be drawn with it: {}\n", found.problem);
  return text;
}

std::string to_json(const Inspection& found) {
  nlohmann::ordered_json object{{"path", as_utf8(found.path)}, {"kind", found.kind}, {"bytes", found.bytes}};
  if (!found.container.empty()) object["container"] = found.container;
  object["parts"] = nlohmann::ordered_json::array();
  for (const PartReport& part : found.parts)
    object["parts"].push_back({{"name", part.name},
                               {"where", as_utf8(part.where)},
                               {"layout", part.layout},
                               {"configuration", part.configuration},
                               {"tensors", part.tensors},
                               {"parameters", part.parameters},
                               {"types", part.types},
                               {"missing", part.missing}});
  if (!found.prediction.empty()) {
    object["prediction"] = found.prediction;
    object["prediction_source"] = as_utf8(found.prediction_source);
    object["noise"] = found.noise;
    object["native_size"] = found.native_size;
  }
  object["not_a_number"] = found.not_a_number;
  object["left_over"] = found.left_over;
  object["problem"] = as_utf8(found.problem);
  for (const auto& [key, value] : found.metadata) object["metadata"][as_utf8(key)] = as_utf8(value);
  if (!found.parameters.empty()) object["parameters"] = found.parameters;
  return object.dump(2) + '\n';
}

}  // namespace calotype::cli
