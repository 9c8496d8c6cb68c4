#include "train/clip_trainer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/output_file.h"
#include "io/settings.h"
#include "load/write_model.h"
#include "models/clip.h"
#include "ops/losses.h"
#include "ops/norm.h"
#include "train/picture_batch.h"
#include "train/ranking.h"

namespace calotype {
namespace {

constexpr uint32_t kNameStream = 20, kVariantStream = 21;
constexpr double kFirstScale = 2.6592600369327783;    // ln(1 / 0.07)
constexpr double kGreatestScale = 4.605170185988092;  // ln 100
constexpr size_t kRankedNames = 100;

/// Indices of the pictures of each name.
std::vector<std::vector<size_t>> by_name(const Dataset& data) {
  std::map<std::string, std::vector<size_t>> groups;
  for (size_t i = 0; i < data.size(); ++i) groups[data.samples()[i].name].push_back(i);
  std::vector<std::vector<size_t>> result;
  for (auto& [name, indices] : groups) result.push_back(std::move(indices));
  return result;
}

}  // namespace

void train_clip(Settings& settings, const TrainWatcher& watcher) {
  const Dataset data(settings.path("data")), plain(settings.path("plain"));
  const int64_t batch = settings.integer("batch", 256, 2, 65536);
  const int64_t tokens = settings.integer("tokens", 40, 8, 77);
  const int64_t width = settings.integer("width", 128, 8, 8192), layers = settings.integer("layers", 4, 2, 100);
  const int64_t heads = settings.integer("heads", 4, 1, 128);
  const ImageTowerConfig image_config{.image_size = settings.integer("size", 64, 8, 1024),
                                      .patch_size = settings.integer("patch", 8, 1, 256),
                                      .width = width,
                                      .layers = layers,
                                      .heads = heads,
                                      .mlp_width = 4 * width,
                                      .projection_width = width};
  const TextConfig text_config{.width = width,
                               .layers = layers,
                               .used_layers = layers - 1,
                               .heads = heads,
                               .mlp_width = 4 * width,
                               .projection_width = width};
  require(width % heads == 0 && image_config.image_size % image_config.patch_size == 0, ErrorKind::bad_file,
          "{}: heads divides width, and patch divides size", settings.file().string());

  FreshSource source(static_cast<uint64_t>(settings.integer("seed", 0, 0, INT64_MAX)));
  const TextEncoder text(Params(source), text_config);
  const ImageTower image(Params(source) / "image", image_config);
  Tensor scale = source.get("logit_scale", {}, Init::zeros());
  scale.edit<float>()[0] = static_cast<float>(kFirstScale);
  const std::vector<NamedTensor> parameters = source.parameters();
  TrainRun run(settings, parameters,
               {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-6, .decay = 0.1, .decay_matrices_only = true},
               {.base = 1e-3, .warmup = 100, .total = 1500, .decay_from = 0, .floor = 0}, {.cap = 0.99});
  std::optional<Dataset> judged;
  if (const std::string folder = settings.word("judged", ""); !folder.empty()) judged.emplace(settings.path("judged"));
  settings.check_all_read();

  const int size = static_cast<int>(image_config.image_size);
  const std::vector<Image> pictures = load_pictures(data, size), plain_pictures = load_pictures(plain, size);
  const std::vector<std::vector<size_t>> names = by_name(data);
  require(static_cast<int64_t>(names.size()) >= batch, ErrorKind::bad_file,
          "{}: a batch of {} distinct names, the data has {}", settings.file().string(), batch, names.size());

  // A batch never holds a name twice: two right answers would be trained to be wrong.
  const auto step = [&](int64_t number) {
    scale.edit<float>()[0] = std::min(scale.view<float>()[0], static_cast<float>(kGreatestScale));
    CounterRng order(run.seed(), kNameStream, static_cast<uint64_t>(number));
    CounterRng variant(run.seed(), kVariantStream, static_cast<uint64_t>(number));
    const std::vector<int64_t> shuffled = order.permutation(static_cast<int64_t>(names.size()));
    std::vector<const Image*> chosen;
    std::vector<std::string> captions;
    for (int64_t b = 0; b < batch; ++b) {
      const auto& variants = names[shuffled[b]];
      const size_t index = variants[variant.below(variants.size())];
      chosen.push_back(&pictures[index]);
      captions.push_back(data.samples()[index].text);
    }
    const Tensor loss =
        contrastive(image(clip_batch(chosen)), text.pooled(caption_ids(captions, tokens), tokens), scale);
    return StepResult{loss, {{"scale", std::exp(scale.item())}}};
  };

  const auto ranked = [&](const Dataset& shown, const std::vector<Image>& images, size_t count) {
    std::vector<const Image*> chosen;
    std::vector<std::string> said;
    for (const size_t index : shown.spread(count)) {
      chosen.push_back(&images[index]);
      said.push_back(shown.samples()[index].name);
    }
    return rank(image(clip_batch(chosen)), text.pooled(caption_ids(said, tokens), tokens));
  };
  const auto sample = [&](int64_t number) {
    std::map<std::string, double> numbers;
    const auto report = [&](const std::string& what, const Dataset& shown, const std::vector<Image>& images,
                            size_t count) {
      const Ranking ranking = ranked(shown, images, count);
      watcher.on_note(fmt::format("step {}: {}: the right name is first for {:.0f} %, in the first five for {:.0f} %",
                                  number, what, 100 * ranking.first, 100 * ranking.first_five));
      numbers[what + "_recall_1"] = ranking.first;
      numbers[what + "_recall_5"] = ranking.first_five;
    };
    report("plain", plain, plain_pictures, kRankedNames);
    if (judged) report("judged", *judged, load_pictures(*judged, size), judged->size());
    return numbers;
  };

  const auto save = [&] {
    write_original(run.out() / "text.safetensors", {{"cond_stage_model.model.", text_keys(text_config), parameters}},
                   DType::f16);
    write_text(run.out() / "text.yaml", original_yaml({.text = text_config}));
    write_original(run.out() / "clip.safetensors",
                   {{"", text_keys(text_config), parameters}, {"", image_tower_keys(image_config), parameters}},
                   DType::f16);
  };
  run.train({.step = step, .sample = sample, .save = save}, watcher);
}

}  // namespace calotype
