#include "train/vae_trainer.h"

#include <algorithm>
#include <cmath>

#include "base/output_file.h"
#include "base/parallel.h"
#include "io/contact_sheet.h"
#include "io/pixels.h"
#include "io/png.h"
#include "io/settings.h"
#include "load/write_model.h"
#include "models/vae.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "ops/slope.h"
#include "train/dataset.h"
#include "train/pca.h"
#include "train/whitening.h"

namespace calotype {
namespace {

constexpr uint32_t kCropStream = 10, kNoiseStream = 11;
constexpr int kReach = 8;  // pixels a crop may lie beyond the picture's edge
constexpr int kSheetPictures = 8;
constexpr size_t kCheckedPictures = 64, kWhiteningPictures = 256;

/// A near-linear start: residual branches and the attention begin as nothing, the trunk keeps the variance of what
/// passes through, so that the encoder is at once a fair linear map of its picture.
void start_near_linear(std::vector<NamedTensor>& parameters, uint64_t seed) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    const auto is = [&](const char* part) { return name.find(part) != std::string::npos; };
    const auto values = parameters[i].tensor.edit<float>();
    if (is(".conv2.") || is("attention.to_out.")) std::ranges::fill(values, 0.0f);
    const bool trunk = is("conv_in.") || is("downsample.") || is("upsample.") || is("shortcut.") || is("quant.");
    if (!trunk) continue;
    std::ranges::fill(values, 0.0f);
    if (name.ends_with(".bias")) continue;
    CounterRng(seed, 2, i).normal(values);
    const double fan_in = static_cast<double>(values.size()) / static_cast<double>(parameters[i].tensor.dim(0));
    for (float& value : values) value *= static_cast<float>(1 / std::sqrt(fan_in));
  }
}

/// Windows of pictures at three sizes, most of them small, so that the model sees whole shapes.
Tensor random_crops(const Dataset& data, int64_t batch, int crop, uint64_t seed, int64_t step) {
  std::vector<std::vector<float>> crops(batch);
  parallel_for(batch, [&](int64_t b) {
    CounterRng rng(seed, kCropStream, static_cast<uint64_t>(step * batch + b));
    const size_t index = data.draw(rng);
    const double which = rng.uniform64();
    const int size = which < 0.6 ? 2 * crop : which < 0.85 ? 3 * crop : 4 * crop;
    const int places = size - crop + 2 * kReach + 1;
    const int left = static_cast<int>(rng.below(places)) - kReach, top = static_cast<int>(rng.below(places)) - kReach;
    append_crop(data.picture(index, size), left, top, crop, rng.below(2) == 1, crops[b]);
  });
  std::vector<float> all;
  for (const auto& one : crops) all.insert(all.end(), one.begin(), one.end());
  return Tensor::from<float>(all, {batch, crop, crop, 3});
}

Tensor whole_picture(const Dataset& data, size_t index, int size) {
  std::vector<float> pixels;
  append_crop(data.picture(index, size), 0, 0, size, false, pixels);
  return Tensor::from<float>(pixels, {1, size, size, 3});
}

/// Peak signal to noise ratio of pixels that span [-1, 1].
double decibels(double mean_squared) {
  return 10 * std::log10(4 / mean_squared);
}

}  // namespace

void train_vae(Settings& settings, const TrainWatcher& watcher) {
  const Dataset data(settings.path("data")), held_out(settings.path("held_out"));
  const int64_t batch = settings.integer("batch", 16, 1, 4096);
  const int crop = static_cast<int>(settings.integer("crop", 64, 16, 1024)), size = 2 * crop;
  const double kl_weight = settings.number("kl", 1e-4, 0, 1);
  const int64_t pca_steps = settings.integer("pca_steps", 600, 0, 1'000'000);
  const VaeConfig config{.ch = settings.integer("ch", 32, 8, 1024), .groups = settings.integer("groups", 8, 1, 1024)};

  require(config.ch % config.groups == 0, ErrorKind::bad_file, "{}: groups: {} channels cannot be shared out among {}",
          settings.file().string(), config.ch, config.groups);

  FreshSource source(static_cast<uint64_t>(settings.integer("seed", 0, 0, INT64_MAX)));
  const Vae vae(Params(source), config);
  std::vector<NamedTensor> parameters = source.parameters();
  TrainRun run(settings, parameters, {.beta1 = 0.9, .beta2 = 0.99, .decay = 1e-3},
               {.base = 1e-3, .warmup = 100, .total = 6000, .decay_from = 0.5, .floor = 0.03}, {.cap = 0.998});
  settings.check_all_read();
  require(crop % config.downscale() == 0, ErrorKind::bad_file, "{}: crop: {} is no multiple of {}",
          settings.file().string(), crop, config.downscale());
  start_near_linear(parameters, run.seed());

  // The colours first: group norm otherwise lets the encoder find them last.
  const PatchPca pca =
      fit_patch_pca(random_crops(data, 256, crop, run.seed() + 1, 0), config.downscale(), config.embed_dim);

  const auto step = [&](int64_t number) {
    const Tensor x = random_crops(data, batch, crop, run.seed(), number);
    const Posterior posterior = vae.encode(x);
    Tensor noise = Tensor::empty(posterior.mean.shape());
    CounterRng(run.seed(), kNoiseStream, static_cast<uint64_t>(number)).normal(noise.edit<float>());
    const Tensor y = vae.decode(posterior.sample(noise));
    const double cells = static_cast<double>(noise.count()) / static_cast<double>(batch);
    const Tensor kl = gaussian_divergence(posterior.mean, posterior.log_variance) * (1 / cells);
    const Tensor squared = mean_squared_error(y, x);
    Tensor loss = mean_absolute_error(y, x) + 2 * squared + 0.5 * mean_absolute_slope(y - x) + kl_weight * kl;
    const double pca_weight = 1 - static_cast<double>(number) / static_cast<double>(std::max<int64_t>(1, pca_steps));
    if (pca_weight > 0) loss = loss + pca_weight * mean_squared_error(posterior.mean, pca.code(x));
    return StepResult{loss, {{"psnr", decibels(squared.item())}, {"kl", kl.item()}}};
  };

  const std::vector<size_t> checked = held_out.spread(kCheckedPictures);
  const auto sample = [&](int64_t number) {
    double network = 0, linear = 0;
    ContactSheet sheet(kSheetPictures, 2, size);
    for (size_t i = 0; i < checked.size(); ++i) {
      const Tensor x = whole_picture(held_out, checked[i], size);
      const Tensor y = vae.decode(vae.encode(x).mean);
      network += mean_squared_error(y, x).item() / static_cast<double>(checked.size());
      linear += mean_squared_error(pca.reconstruct(x), x).item() / static_cast<double>(checked.size());
      if (i >= kSheetPictures) continue;
      sheet.put(static_cast<int>(i), 0, image_of(x.view<float>(), size, size, 3, Rounding::nearest));
      sheet.put(static_cast<int>(i), 1, image_of(y.view<float>(), size, size, 3, Rounding::nearest));
    }
    write_png(run.out() / fmt::format("sheet_{:06}.png", number), sheet.image());
    watcher.on_note(fmt::format("step {}: held-out {:.2f} dB, linear autoencoder {:.2f} dB", number, decibels(network),
                                decibels(linear)));
    return std::map<std::string, double>{{"held_out_psnr", decibels(network)}, {"linear_psnr", decibels(linear)}};
  };

  const auto save = [&] {
    std::vector<Tensor> means;
    for (size_t index : data.spread(kWhiteningPictures))
      means.push_back(vae.encode(whole_picture(data, index, size)).mean);
    const auto tensors = whitened(parameters, means, config.scale_factor);
    write_original(run.out() / "vae.safetensors", {{"first_stage_model.", vae_keys(config), tensors}}, DType::f16);
    write_text(run.out() / "vae.yaml", original_yaml({.vae = config}));
  };
  run.train({.step = step, .sample = sample, .save = save}, watcher);
}

}  // namespace calotype
