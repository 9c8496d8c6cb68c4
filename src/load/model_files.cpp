#include "load/model_files.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/printable.h"
#include "models/clip.h"
#include "models/unet.h"
#include "models/vae.h"
#include "nn/fresh_source.h"
#include "tensor/allocator.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

/// Our names and shapes of a network, as its constructor asks for them. What is not known of heads and groups does not
/// matter to a shape.
template <class Network, class Config>
std::unordered_map<std::string, Shape> shapes_of(const Config& config) {
  const Measuring no_bytes;
  ListingSource list;
  Network(Params(list), config);
  std::unordered_map<std::string, Shape> shapes;
  for (const auto& [name, shape] : list.entries()) shapes.emplace(name, shape);
  return shapes;
}

std::unordered_map<std::string, Shape> shapes_of(const Recognised& found, PartKind part) {
  switch (part) {
    case PartKind::unet: {
      UNetConfig config = found.unet->config;
      config.groups = config.num_heads = 1;
      return shapes_of<UNet>(config);
    }
    case PartKind::vae: {
      VaeConfig config = found.vae->config;
      config.groups = 1;
      return shapes_of<Vae>(config);
    }
    case PartKind::text: {
      TextConfig config = found.text->config;
      config.heads = 1;
      return shapes_of<TextEncoder>(config);
    }
  }
  return {};
}

/// Our shape of a weight that no network asks for, from how it lies.
Shape ours_from(const Shape& stored, const StoredKey& key) {
  std::vector<int64_t> extents(stored.begin(), stored.end());
  if (key.form == Form::conv1x1)
    while (extents.size() > 2 && extents.back() == 1) extents.pop_back();
  if (key.form == Form::transposed && extents.size() == 2) std::swap(extents[0], extents[1]);
  if (key.parts > 1 && !extents.empty()) extents[0] /= key.parts;
  return Shape(extents);
}

bool optional_weight(std::string_view ours) {
  return ours == "text_projection" || ours == "logit_scale";
}

}  // namespace

const char* name_of(PartKind part) {
  switch (part) {
    case PartKind::unet:
      return "unet";
    case PartKind::vae:
      return "vae";
    case PartKind::text:
      return "text";
  }
  return "?";
}

std::string original_prefix(PartKind part, bool clip_l) {
  switch (part) {
    case PartKind::unet:
      return "model.diffusion_model.";
    case PartKind::vae:
      return "first_stage_model.";
    case PartKind::text:
      return clip_l ? "cond_stage_model.transformer." : "cond_stage_model.model.";
  }
  return "";
}

StoredType RelaidTensor::type() const {
  const StoredType first = stretches.front().stored->type;
  const bool same = std::ranges::all_of(stretches, [&](const Stretch& one) { return one.stored->type == first; });
  return same ? first : StoredType::f32;
}

void RelaidTensor::let_go() const {
  for (const Stretch& one : stretches) MappedFile::let_go(one.stored->bytes);
}

ModelFiles::ModelFiles(const fs::path& path, std::string_view variant) : path_(path) {
  std::error_code error;
  if (fs::is_directory(path, error))
    open_folder(variant);
  else
    open_file();
  require(has(PartKind::unet) || has(PartKind::vae) || has(PartKind::text), ErrorKind::bad_file,
          "{}: a UNet, an autoencoder or a text tower was expected, {}", path.string(),
          found_.lora        ? "this is a LoRA: it changes a model and is none"
          : found_.embedding ? "this is an embedding: it is a word for a model"
                             : "there is none");
}

void ModelFiles::open_file() {
  TensorFile file(path_);
  metadata_ = file.metadata();
  files_.push_back(std::make_unique<WeightFiles>(std::vector{std::move(file)}));
  Recognised found = recognise(files_[0]->tensors(), path_.string());
  settings_.push_back(settings_from_metadata(metadata_, path_.string()));
  if (auto beside = settings_beside(path_)) settings_.push_back(std::move(*beside));
  for (const ModelSettings& said : settings_) apply(said, found);
  take(*files_[0], found);
}

void ModelFiles::open_folder(std::string_view variant) {
  settings_.push_back(settings_from_folder(path_));
  for (const char* name : {"unet", "vae", "text_encoder", ""}) {
    if (*name == '\0' && !files_.empty()) break;  // the folder of one part alone
    const fs::path folder = *name == '\0' ? path_ : path_ / name;
    const auto component = component_files(folder, variant);
    if (!component) continue;
    if (component->variant != variant)
      notes_.push_back(
          fmt::format("{}: {} is taken", folder.string(),
                      component->variant.empty() ? "full precision" : "the variant " + component->variant));
    files_.push_back(std::make_unique<WeightFiles>(open_component(*component)));
    Recognised found = recognise(files_.back()->tensors(), folder.string());
    if (*name == '\0') settings_ = {settings_from_component(folder)};
    apply(settings_[0], found);
    take(*files_.back(), found);
  }
}

void ModelFiles::take(const WeightFiles& files, const Recognised& found) {
  const auto part = [&](PartKind kind, const auto& here, auto& all) {
    if (!here || all) return;
    all = here;
    places_[static_cast<size_t>(kind)] = Place{&files, here->layout, here->prefix, here->inner};
  };
  part(PartKind::unet, found.unet, found_.unet);
  part(PartKind::vae, found.vae, found_.vae);
  part(PartKind::text, found.text, found_.text);
  if (found.unet) found_.family = found.family, found_.averaged = found.averaged;
  found_.lora |= found.lora && !found.any_network();
  found_.embedding |= found.embedding && !found.any_network();
}

bool ModelFiles::has(PartKind part) const {
  return places_[static_cast<size_t>(part)].has_value();
}

bool ModelFiles::averaged() const {
  return found_.averaged;
}

KeyMap ModelFiles::keys(PartKind part, const std::string& inner, bool used_alone) const {
  switch (part) {
    case PartKind::unet:
      return unet_keys(found_.unet->config);
    case PartKind::vae:
      return vae_keys(found_.vae->config);
    case PartKind::text:
      break;
  }
  TextConfig config = found_.text->config;
  if (used_alone) config.layers = config.used_layers;
  return text_keys(config, inner);
}

std::vector<RelaidTensor> ModelFiles::relaid(PartKind part, Layout layout, Averages averages) const {
  const Place& place = places_[static_cast<size_t>(part)].value();
  const bool fewer = part == PartKind::text && layout == Layout::diffusers;
  const KeyMap from = keys(part, place.inner, false), to = keys(part, "text_model.", fewer);
  const auto shapes = shapes_of(found_, part);
  std::vector<RelaidTensor> tensors;
  std::unordered_map<std::string, size_t> by_name;
  std::vector<std::string> missing;
  for (const KeyRow& row : to.rows()) {
    const StoredKey& target = row.in(layout);
    if (target.name.empty() || (fewer && optional_weight(row.ours))) continue;
    const KeyRow* source = from.find(row.ours);
    check(source != nullptr, "{}: one of two key maps has it", row.ours);
    const StoredKey& key = source->in(place.layout);
    const StoredTensor* stored = nullptr;
    if (averages == Averages::yes && place.layout == Layout::original)
      stored = place.files->find(ema_key(place.prefix + key.name));
    if (!stored) stored = place.files->find(place.prefix + key.name);
    if (!stored && place.layout == Layout::diffusers && !source->older.empty())
      stored = place.files->find(place.prefix + source->older);
    if (!stored) {
      if (!optional_weight(row.ours)) missing.push_back(place.prefix + key.name);
      continue;
    }
    const auto known = shapes.find(row.ours);
    const Shape ours = known == shapes.end() ? ours_from(stored->shape, key) : known->second;
    const int64_t count = stored->shape.count() / key.parts;
    require(stored->shape.count() == ours.count() * key.parts, ErrorKind::bad_file,
            "{}: {} has the shape {}, {} is expected", path_.string(), printable(stored->name), stored->shape.text(),
            stored_shape(key, ours).text());
    const auto [at, is_new] = by_name.emplace(target.name, tensors.size());
    if (is_new)
      tensors.push_back({.name = target.name,
                         .shape = stored_shape(target, ours),
                         .stretches = std::vector<Stretch>(static_cast<size_t>(target.parts)),
                         .transposed = (target.form == Form::transposed) != (key.form == Form::transposed)});
    tensors[at->second].stretches[static_cast<size_t>(target.part)] = {stored, count * key.part, count, row.ours, ours};
  }
  for (const RelaidTensor& tensor : tensors)
    if (std::ranges::any_of(tensor.stretches, [](const Stretch& one) { return one.stored == nullptr; }))
      missing.push_back(tensor.name);
  require(missing.empty(), ErrorKind::bad_file, "{}: the {} is not whole: {} is missing{}", path_.string(),
          name_of(part), missing.empty() ? "" : printable(missing[0]),
          missing.size() > 1 ? fmt::format(", and {} more", missing.size() - 1) : "");
  return tensors;
}

AdaptedNetwork ModelFiles::network(PartKind part) const {
  if (!has(part)) return {KeyMap({}), {}};
  const auto shapes = shapes_of(found_, part);
  return {keys(part, places_[static_cast<size_t>(part)]->inner, false), {shapes.begin(), shapes.end()}};
}

std::vector<RelaidTensor> ModelFiles::others(std::span<const std::string_view> prefixes) const {
  std::vector<RelaidTensor> tensors;
  for (const auto& files : files_)
    for (const StoredTensor& stored : files->tensors())
      if (std::ranges::any_of(prefixes, [&](std::string_view prefix) { return stored.name.starts_with(prefix); }))
        tensors.push_back({stored.name, stored.shape, {{&stored, 0, stored.shape.count()}}, false});
  return tensors;
}

}  // namespace calotype
