#include "cli/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/adapter_uses.h"
#include "cli/inspection.h"
#include "cli/interrupt.h"
#include "cli/model_hash.h"
#include "cli/output_names.h"
#include "io/printable.h"
#include "pipeline/decode.h"
#include "pipeline/draw.h"
#include "pipeline/finite.h"
#include "pipeline/latents.h"
#include "pipeline/memory.h"
#include "pipeline/parameters.h"

namespace calotype::cli {
namespace {

/// How each run fits into memory: what is the same for all runs of a size is found out once.
class MemoryPlans {
 public:
  explicit MemoryPlans(const MemoryLimit& limit) : limit_(limit) {}
  const MemoryPlan& of(const StableDiffusion& model, const Settled& run) {
    const auto [known, is_new] =
        known_.try_emplace({run.request.width, run.request.height, run.pictures(), run.guided});
    if (is_new) known->second = plan_memory(model, run, limit_);
    return known->second;
  }

 private:
  MemoryLimit limit_;
  std::map<std::array<int64_t, 4>, MemoryPlan> known_;
};

/// Draws all wishes and writes each picture as soon as it is done.
class Drawer {
 public:
  Drawer(StableDiffusion model, const DrawingOptions& given, Display& display, PictureWriter& writer,
         MemoryPlans& plans, int64_t count)
      : given_(given), display_(display), writer_(writer), plans_(plans), count_(count) {
    use(std::move(model), {});
    if (!given.output.no_metadata) hash_.emplace(given.model_path());
    watcher_.on_phase = [this](const char* phase) {
      stop_if_interrupted();
      display_.phase(phase);
    };
    watcher_.on_step = [this](const Progress& at) {
      stop_if_interrupted();
      preview_->show(at, display_);
      display_.step(static_cast<int64_t>(at.index) + 1, static_cast<int64_t>(at.count));
    };
    watcher_.on_warning = [this](const std::string& line) {
      if (warned_.insert(line).second) display_.note("calotype: warning: " + line);  // once, not for every picture
    };
  }

  /// The adapters are those that a wish's prompts ask for: the model is opened anew where they are not the last's.
  void draw(const Wish& wish, const std::vector<AdapterTag>& adapters) {
    if (adapters != adapters_) use(open_model(given_, display_, adapters), adapters);
    for (int64_t first = 0; first < wish.count; first += given_.batch_size) {
      const int64_t some = std::min(given_.batch_size, wish.count - first);
      if (count_ > 1)
        display_.set_prefix(some == 1 ? fmt::format("picture {}/{}", drawn_ + 1, count_)
                                      : fmt::format("pictures {}-{}/{}", drawn_ + 1, drawn_ + some, count_));
      Settled run = wish.settle(model_, first, some);
      run.memory = plans_.of(model_, run);
      draw_together(run, wish.stem);
    }
  }

 private:
  void draw_together(const Settled& run, const std::string& stem) {
    preview_->restart();
    const Tensor latents = draw_latents(model_, run, watcher_);
    for (int64_t i = 0; i < run.pictures(); ++i, ++drawn_) {
      const std::string parameters = write_infotext(described(run, i));
      const Tensor latent = latents.rows(i, 1);
      writer_.write_latent(latent, model_.vae->config.scale_factor, parameters);
      watcher_.phase("decode");
      const Image image = finished_picture(model_, run, latent, i);
      watcher_.phase("save");
      display_.clear();
      const std::string path = writer_.write(image, parameters, stem);
      if (!given_.run.quiet)
        display_.note(fmt::format("{}: seed {}, {}x{}, {}", path, run.request.seeds[i], image.width, image.height,
                                  run.sampler->title));
    }
  }

  /// The parameters of a picture, with the hash of the model's file where the web interface has it.
  Infotext described(const Settled& run, int64_t index) {
    Infotext text = parameters_of(model_, run, index);
    const std::string hash = hash_ ? hash_->short_text() : "";
    const auto model = std::ranges::find(text.settings, "Model", [](const auto& setting) { return setting.first; });
    if (!hash.empty()) text.settings.emplace(model, "Model hash", hash);
    return text;
  }

  void use(StableDiffusion model, const std::vector<AdapterTag>& adapters) {
    preview_.reset();
    model_ = std::move(model);
    adapters_ = adapters;
    preview_.emplace(given_.preview, *model_.vae);
    for (const std::string& note : adapter_notes(model_.adapters, given_.run.verbose))
      if (warned_.insert(note).second) display_.note(note);
  }

  StableDiffusion model_;
  std::vector<AdapterTag> adapters_;  // of the prompts, with which the model was opened
  const DrawingOptions& given_;
  Display& display_;
  PictureWriter& writer_;
  MemoryPlans& plans_;
  std::optional<Previewer> preview_;  // of the model's autoencoder
  Watcher watcher_;
  std::optional<ModelHash> hash_;
  int64_t count_, drawn_ = 0;
  std::set<std::string> warned_;
};

void decode_file(const DrawingOptions& given, const std::string& asked_recipe, Display& display) {
  const Latent file = read_latent(given.load_latent);
  PictureWriter writer(given.output, file.batch);
  const StableDiffusion model = open_model(given, display);
  const Tensor latents =
      from_latent_file(file, model.vae->config.scale_factor, model.vae->config.embed_dim, given.load_latent);
  constexpr int64_t kMostSide = 16384;  // as for what is drawn
  const int64_t cell = model.vae->config.downscale();
  require(file.height <= kMostSide / cell && file.width <= kMostSide / cell, ErrorKind::bad_file,
          "{}: {}x{} cells make a picture of {}x{} pixels; a side has at most {}", printable(given.load_latent),
          file.width, file.height, file.width * cell, file.height * cell, kMostSide);
  const DecodePlan plan = plan_decoding(model, file.height, file.width, given.memory_limit());
  const auto recipe = recipe_from(asked_recipe);
  require(recipe.has_value(), ErrorKind::bad_input,
          "recipe: there is none named '{}'; there are diffusers, web_ui, ldm", printable(asked_recipe, 40));
  const auto parameters = file.metadata.find("parameters");
  for (int64_t i = 0; i < file.batch; ++i) {
    stop_if_interrupted();
    display.phase("decode");
    const Image image = decode_latent(*model.vae, latents.rows(i, 1), *recipe, {}, plan);
    display.clear();
    writer.write(image, parameters == file.metadata.end() ? "" : parameters->second);
  }
  writer.finish();
}

void draw_all(const DrawingOptions& given, const std::vector<Wish>& wishes, const Announce& announce,
              Display& display) {
  int64_t count = 0;
  for (const Wish& wish : wishes) count += wish.count;
  PictureWriter writer(given.output, count);
  StableDiffusion model = open_model(given, display);
  MemoryPlans plans(given.memory_limit());
  std::vector<std::vector<AdapterTag>> adapters;
  std::vector<Settled> runs;
  std::vector<int64_t> counts;
  for (const Wish& wish : wishes) {
    Settled run = wish.settle(model, 0, std::min(given.batch_size, wish.count));
    plans.of(model, run);
    if (!run.adapters.empty() && std::ranges::find(adapters, run.adapters) == adapters.end())
      open_model(given, display, run.adapters);  // what is wrong with an adapter shows before anything is drawn
    adapters.push_back(run.adapters);
    if (!announce) continue;
    runs.push_back(std::move(run));
    counts.push_back(wish.count);
  }
  if (announce && !given.run.quiet) announce(model, runs, counts, display);
  Drawer drawer(std::move(model), given, display, writer, plans, count);
  for (size_t i = 0; i < wishes.size(); ++i) drawer.draw(wishes[i], adapters[i]);
  writer.finish();
}

/// Refuses names that would cost the user a file, before anything is read or made.
void check_files(const DrawingOptions& given, const MoreFiles& more) {
  const bool previews = given.preview.to_file();
  const std::string none;
  std::vector<NamedFile> outputs = {{"output", given.output.output},
                                    {"save_latent", given.output.save_latent},
                                    {"sheet", given.output.sheet},
                                    {"preview_path", previews ? given.preview.path : none}};
  outputs.insert(outputs.end(), more.outputs.begin(), more.outputs.end());
  std::vector<NamedFile> inputs = {
      {"model", given.model},         {"model_config", given.model_config}, {"vae", given.vae},
      {"taesd", given.preview.taesd}, {"load_latent", given.load_latent},   {"prompt_file", given.prompt_file}};
  inputs.insert(inputs.end(), more.inputs.begin(), more.inputs.end());
  require_apart(outputs, inputs);
  given.preview.check();
}

/// Runs `work` with threads, progress and files as the options say.
void run_with(const DrawingOptions& given, const MoreFiles& more, const std::function<void(Display&)>& work) {
  given.run.apply();
  Display display(given.run.quiet ? DisplayStyle::none : display_style(given.run.progress));
  check_files(given, more);
  try {
    work(display);
  } catch (const NotFinite&) {
    if (!given.vae.empty()) require_numbers(given.vae);
    require_numbers(given.model_path());
    throw;
  }
  display.clear();
  if (given.run.verbose) display.note(display.summary());
}

}  // namespace

namespace {

/// Of a list with an entry a picture, those from `first` on.
template <class T>
void keep_part(std::vector<T>& list, int64_t first, int64_t count) {
  if (!list.empty()) list = {list.begin() + first, list.begin() + first + count};
}

}  // namespace

TextToImage part_of(const TextToImage& request, int64_t first, int64_t count) {
  TextToImage part = request;
  part.seed = request.seed + first;
  part.subseed = request.subseed + first;
  part.batch_count = count;
  for (auto* texts : {&part.prompts, &part.negative_prompts}) keep_part(*texts, first, count);
  keep_part(part.wildcard_seeds, first, count);
  return part;
}

void draw_wishes(const DrawingOptions& options, const MoreFiles& more, const std::function<std::vector<Wish>()>& wishes,
                 const Announce& announce) {
  run_with(options, more, [&](Display& display) { draw_all(options, wishes(), announce, display); });
}

void decode_latents(const DrawingOptions& options, const std::string& recipe) {
  run_with(options, {}, [&](Display& display) { decode_file(options, recipe, display); });
}

}  // namespace calotype::cli
