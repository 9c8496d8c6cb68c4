#include "train/unet_trainer.h"

#include <algorithm>
#include <fstream>

#include "base/output_file.h"
#include "diffusion/guidance.h"
#include "diffusion/noise.h"
#include "diffusion/samplers.h"
#include "io/contact_sheet.h"
#include "io/pixels.h"
#include "io/png.h"
#include "io/settings.h"
#include "load/file_source.h"
#include "load/stable_diffusion.h"
#include "load/write_model.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "ops/stored.h"
#include "ops/structure.h"
#include "train/latent_cache.h"
#include "train/picture_batch.h"

namespace calotype {
namespace {

constexpr uint32_t kDrawStream = 30, kNoiseStream = 31;
constexpr size_t kCheckedPictures = 64;
constexpr int kQuarters = 4;

/// What a step learns from: pictures, times, noise and captions, all functions of the step's number.
struct Batch {
  Tensor clean, noise, context;
  std::vector<Level> levels;

  std::vector<double> times() const {
    std::vector<double> times;
    for (const Level& level : levels) times.push_back(level.time);
    return times;
  }
};

struct Objective {
  const NoiseSchedule schedule;
  const Prediction prediction;

  Tensor loss(const UNet& unet, const Batch& batch) const {
    const Tensor x = add_noise(batch.clean, batch.noise, batch.levels);
    const Tensor output = unet({.x = x, .times = batch.times(), .context = batch.context});
    return mean_squared_error(output, target(prediction, batch.clean, batch.noise, batch.levels));
  }
};

/// Noise of unit variance; `offset` adds one number a picture and channel, so that its mean is learned too.
Tensor training_noise(const Shape& shape, double offset, uint64_t seed, uint64_t index) {
  Tensor noise = Tensor::empty(shape);
  CounterRng rng(seed, kNoiseStream, index);
  rng.normal(noise.edit<float>());
  if (offset == 0) return noise;
  std::vector<float> means(shape[0] * shape[3]);
  rng.normal(means);
  const auto values = noise.edit<float>();
  const int64_t picture = shape[1] * shape[2] * shape[3];
  for (size_t i = 0; i < values.size(); ++i)
    values[i] += static_cast<float>(offset) * means[i / picture * shape[3] + i % shape[3]];
  return noise;
}

/// A time of the schedule, evenly drawn where the shift is 1; a greater one draws noisy times more often (Esser et al.
/// 2024, section 5.3.2): u becomes shift u / (1 + (shift - 1) u).
int shifted_time(CounterRng& rng, double shift, int times) {
  if (shift == 1) return static_cast<int>(rng.below(times));
  const double u = rng.uniform64();
  return std::min(static_cast<int>(shift * u / (1 + (shift - 1) * u) * times), times - 1);
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  require(file.good(), ErrorKind::bad_file, "{}: cannot be opened", path.string());
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

/// Pictures for a list of prompts, drawn as a user would draw them, all from seed 0.
Image draw_sheet(const UNet& unet, const Vae& vae, const TextEncoder& text, const Objective& objective,
                 std::span<const std::string> prompts, int size, double guidance) {
  constexpr int kColumns = 8, kSteps = 20;
  ContactSheet sheet(kColumns, static_cast<int>(prompts.size() + kColumns - 1) / kColumns, size);
  const Sampler& sampler = *sampler_named("ddim").sampler;
  PlanRequest request = default_request(sampler, Recipe::diffusers, kSteps);
  request.spacing = Spacing::trailing;
  const Plan plan = make_plan(objective.schedule, sampler.family, request);
  const Tensor nothing = text(caption_ids(std::vector<std::string>{""}, text.config.context_length));
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Tensor wanted = text(caption_ids(prompts.subspan(i, 1), text.config.context_length));
    const Tensor contexts = stack_pictures(std::vector<Tensor>{nothing, wanted});
    const Network network = [&](const Tensor& x, double time) {
      const Tensor out = unet({.x = x, .times = {time}, .context = contexts});
      return guided(out.rows(0, 1), out.rows(1, 1), guidance);
    };
    Noise noise = Noise::whole_batch(0);
    const int64_t cells = size / vae.config.downscale();
    const Tensor x = first_state(plan, noise.draw({1, cells, cells, vae.config.embed_dim}));
    const Sampling sampling{.plan = plan,
                            .denoise = denoiser(network, objective.prediction),
                            .draw = {},
                            .options = sampler.diffusers,
                            .on_step = {},
                            .after_step = {}};
    const Tensor picture = vae.decode(sampler.run(sampling, x) * (1 / vae.config.scale_factor));
    sheet.put(static_cast<int>(i) % kColumns, static_cast<int>(i) / kColumns,
              image_of(picture.view<float>(), size, size, 3, Rounding::nearest));
  }
  return sheet.image();
}

/// Tells a file from what it was before it was written anew.
std::string fingerprint(const std::filesystem::path& path) {
  return fmt::format("{} {} {}\n", std::filesystem::absolute(path).string(), std::filesystem::file_size(path),
                     std::filesystem::last_write_time(path).time_since_epoch().count());
}

/// Fills a network that is to be trained with the weights of a file, which must be of the same shapes.
void copy_weights(const std::filesystem::path& path, const UNetConfig& config, std::vector<NamedTensor> parameters) {
  const WeightFiles files({TensorFile(path)});
  FileSource source(files, unet_keys(config), Layout::original, "model.diffusion_model.");
  for (NamedTensor& parameter : parameters) {
    const Tensor stored = widened(source.get(parameter.name, parameter.tensor.shape(), Init::zeros()));
    std::ranges::copy(stored.view<float>(), parameter.tensor.edit<float>().begin());
  }
  source.check_complete(path.string(), "UNet");
}

}  // namespace

void train_unet(Settings& settings, const TrainWatcher& watcher) {
  const Dataset data(settings.path("data")), held_out(settings.path("held_out"));
  const std::filesystem::path vae_file = settings.path("vae"), text_file = settings.path("text");
  const std::unique_ptr<Vae> vae = open_vae(vae_file);
  const std::unique_ptr<TextEncoder> text = open_text_encoder(text_file);
  const int64_t batch = settings.integer("batch", 32, 1, 4096);
  const int size = static_cast<int>(settings.integer("size", 128, 8, 4096));
  require(size % vae->config.downscale() == 0, ErrorKind::bad_file, "{}: size: {} is no multiple of {}",
          settings.file().string(), size, vae->config.downscale());
  const std::string word = settings.word("prediction", "v");
  const auto prediction = prediction_from(word);
  require(prediction.has_value(), ErrorKind::bad_file, "{}: prediction: v or eps was expected, not {}",
          settings.file().string(), word);
  const bool zero_terminal = settings.flag("zero_terminal_snr", *prediction == Prediction::v_prediction);
  const double offset = settings.number("noise_offset", 0, 0, 1),
               dropout = settings.number("caption_dropout", 0.1, 0, 1),
               time_shift = settings.number("time_shift", 1, 0.01, 100);
  const double guidance = settings.number("guidance", 4, 0, 100);
  const UNetConfig config{.in_channels = vae->config.embed_dim,
                          .out_channels = vae->config.embed_dim,
                          .model_channels = settings.integer("model_channels", 48, 8, 4096),
                          .channel_mult = {1, 2, 2, 2},
                          .num_head_channels = settings.integer("num_head_channels", 16, 1, 4096),
                          .context_dim = text->config.width,
                          .groups = settings.integer("groups", 8, 1, 1024)};
  const auto shares = [&](const char* key, int64_t among) {
    require(config.model_channels % among == 0, ErrorKind::bad_file, "{}: {}: model_channels {} is no multiple of {}",
            settings.file().string(), key, config.model_channels, among);
  };
  shares("groups", config.groups);
  shares("num_head_channels", config.num_head_channels);
  const std::vector<std::string> prompts = lines_of(settings.path("prompts"));

  FreshSource source(static_cast<uint64_t>(settings.integer("seed", 0, 0, INT64_MAX)));
  const UNet unet(Params(source), config);
  const std::vector<NamedTensor> parameters = source.parameters();
  if (const std::string start = settings.word("start", ""); !start.empty())
    copy_weights(settings.path("start"), config, parameters);
  TrainRun run(settings, parameters, {.beta1 = 0.9, .beta2 = 0.99, .decay = 0.01},
               {.base = 1e-3, .warmup = 200, .total = 15000, .decay_from = 0.6, .floor = 0},
               {.kind = EmaDecay::Kind::power, .cap = 0.999, .power = 0.75});
  settings.check_all_read();

  const std::string models = fingerprint(vae_file) + fingerprint(text_file) + fmt::format("size {}", size);
  const LatentCache seen(data, *vae, *text, size, watcher, run.out() / "seen.cache",
                         models + fingerprint(settings.path("data") / "metadata.jsonl"));
  const LatentCache unseen(held_out, *vae, *text, size, watcher, run.out() / "unseen.cache",
                           models + fingerprint(settings.path("held_out") / "metadata.jsonl"));
  const Objective objective{NoiseSchedule::stable_diffusion(zero_terminal), *prediction};

  const auto step = [&](int64_t number) {
    std::vector<size_t> pictures, captions;
    std::vector<Level> levels;
    for (int64_t b = 0; b < batch; ++b) {
      CounterRng rng(run.seed(), kDrawStream, static_cast<uint64_t>(number * batch + b));
      pictures.push_back(data.draw(rng));
      captions.push_back(rng.uniform64() < dropout ? LatentCache::kNoCaption : pictures.back());
      levels.push_back(objective.schedule.at(shifted_time(rng, time_shift, objective.schedule.size())));
    }
    const Tensor clean = seen.latents(pictures);
    const Tensor noise = training_noise(clean.shape(), offset, run.seed(), static_cast<uint64_t>(number));
    return StepResult{objective.loss(unet, {clean, noise, seen.contexts(captions), levels})};
  };

  // The same pictures, times and noise at every check: quarter q holds times from q / 4 to (q + 1) / 4 of the schedule.
  const auto checked_loss = [&](const LatentCache& cache, const Dataset& pictures, int quarter, bool with_caption) {
    const std::vector<size_t> indices = pictures.spread(kCheckedPictures);
    std::vector<size_t> captions;
    std::vector<Level> levels;
    const size_t count = indices.size();
    const int span = objective.schedule.size() / kQuarters;
    for (size_t i = 0; i < count; ++i) {
      captions.push_back(with_caption ? indices[i] : LatentCache::kNoCaption);
      levels.push_back(objective.schedule.at(quarter * span + static_cast<int>((2 * i + 1) * span / (2 * count))));
    }
    const Tensor clean = cache.latents(indices);
    return objective
        .loss(unet,
              {clean, training_noise(clean.shape(), 0, run.seed() + 1, quarter), cache.contexts(captions), levels})
        .item();
  };
  const auto sample = [&](int64_t number) {
    std::map<std::string, double> numbers{{"seen", 0}, {"unseen", 0}, {"without_caption", 0}};
    for (int quarter = 0; quarter < kQuarters; ++quarter) {
      const double loss = checked_loss(seen, data, quarter, true);
      numbers[fmt::format("quarter_{}", quarter + 1)] = loss;
      numbers["seen"] += loss / kQuarters;
      numbers["without_caption"] += checked_loss(seen, data, quarter, false) / kQuarters;
      numbers["unseen"] += checked_loss(unseen, held_out, quarter, true) / kQuarters;
    }
    write_png(run.out() / fmt::format("sheet_{:06}.png", number),
              draw_sheet(unet, *vae, *text, objective, prompts, size, guidance));
    watcher.on_note(
        fmt::format("step {}: loss of seen pictures {:.4f}, without their captions {:.4f}, of unseen ones {:.4f}",
                    number, numbers["seen"], numbers["without_caption"], numbers["unseen"]));
    return numbers;
  };

  const auto save = [&] {
    write_original(run.out() / "unet.safetensors", {{"model.diffusion_model.", unet_keys(config), parameters}},
                   DType::f16);
    write_text(run.out() / "unet.yaml",
               original_yaml({.unet = config,
                              .prediction = *prediction,
                              .latent_size = size / vae->config.downscale(),
                              .zero_terminal_snr = zero_terminal,
                              .vae_path = std::filesystem::relative(vae_file, run.out()).string(),
                              .text_path = std::filesystem::relative(text_file, run.out()).string()}));
  };
  run.train({.step = step, .sample = sample, .save = save}, watcher);
}

}  // namespace calotype
