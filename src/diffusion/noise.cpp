#include "diffusion/noise.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>

#include "base/device_random.h"
#include "base/numpy_random.h"
#include "diffusion/brownian.h"
#include "ops/structure.h"
#include "tensor/history.h"

namespace calotype {
namespace {

template <class Generator>
std::function<void(std::span<float>)> filled_by(Generator generator) {
  return [generator = std::move(generator)](std::span<float> out) mutable { generator.normal(out); };
}

std::function<void(std::span<float>)> generator_of(uint64_t seed, NoiseSource source) {
  switch (source) {
    case NoiseSource::torch_cpu:
      return filled_by(Rng(seed));
    case NoiseSource::torch_cuda:
      return filled_by(DeviceRng(seed));
    case NoiseSource::numpy:
      break;
  }
  return filled_by(NumpyRng(seed));
}

}  // namespace

const char* name_of(NoiseSource source) {
  switch (source) {
    case NoiseSource::torch_cpu:
      return "torch-cpu";
    case NoiseSource::torch_cuda:
      return "torch-cuda";
    case NoiseSource::numpy:
      return "numpy";
  }
  return "?";
}

std::optional<NoiseSource> noise_source_from(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "torch-cpu" || lower == "cpu") return NoiseSource::torch_cpu;
  if (lower == "torch-cuda" || lower == "cuda" || lower == "gpu" || lower == "nv" || lower == "philox")
    return NoiseSource::torch_cuda;
  if (lower == "numpy") return NoiseSource::numpy;
  return std::nullopt;
}

Noise Noise::per_picture(std::span<const uint64_t> seeds, NoiseSource source) {
  Noise noise;
  noise.source_ = source;
  noise.seeds_.assign(seeds.begin(), seeds.end());
  for (const uint64_t seed : seeds) noise.generators_.push_back(generator_of(seed, source));
  return noise;
}

Noise Noise::per_picture(uint64_t seed, int pictures, NoiseSource source) {
  std::vector<uint64_t> seeds(pictures);
  std::iota(seeds.begin(), seeds.end(), seed);
  return per_picture(seeds, source);
}

Noise Noise::whole_batch(uint64_t seed, NoiseSource source) {
  Noise noise = per_picture(seed, 1, source);
  noise.whole_ = true;
  return noise;
}

Noise Noise::begun_anew(uint64_t delta) const {
  Noise noise = *this;
  for (size_t i = 0; i < seeds_.size(); ++i) noise.generators_[i] = generator_of(seeds_[i] + delta, source_);
  return noise;
}

Tensor Noise::draw(const Shape& shape) {
  check(shape.rank() == 4, "noise: draws [B,H,W,C], not {}", shape.text());
  check(whole_ || shape[0] <= static_cast<int64_t>(generators_.size()), "noise: {} generators for {}",
        generators_.size(), shape.text());
  Tensor drawn = Tensor::empty({shape[0], shape[3], shape[1], shape[2]});
  for_float(DType::f32, [&]<class T>() {
    const std::span<float> values = drawn.edit<float>();
    if (whole_) return generators_[0](values);
    const size_t each = values.size() / std::max<size_t>(shape[0], 1);
    for (int64_t b = 0; b < shape[0]; ++b) generators_[b](values.subspan(b * each, each));
  });
  return channels_last(drawn);
}

void Noise::serve(Sampling& run, const Shape& shape) {
  run.draw = [this, shape] { return draw(shape); };
  if (!run.options.brownian) return;
  double low = HUGE_VAL, high = 0;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i)
    for (const Level& level : {run.plan.steps[i].from, run.plan.steps[i].to}) {
      if (level.noise > 0) low = std::min(low, level.sigma());
      high = std::max(high, level.sigma());
    }
  const auto path =
      std::make_shared<BrownianNoise>(whole_ ? BrownianNoise(seeds_[0], low, high) : BrownianNoise(seeds_, low, high));
  run.between = [path, shape](double sigma, double next) { return path->between(sigma, next, shape); };
}

std::optional<uint64_t> later_seed_delta(Recipe recipe, uint64_t asked) {
  if (recipe == Recipe::comfyui) return 1;
  if (recipe == Recipe::web_ui && asked != 0) return asked;
  return std::nullopt;
}

Tensor varied(const Tensor& noise, const Tensor& other, double strength) {
  check(noise.shape() == other.shape() && noise.shape().rank() == 4, "varied: {} and {}", noise.shape().text(),
        other.shape().text());
  Tensor result = Tensor::empty(noise.shape());
  const int64_t height = noise.dim(1), columns = noise.dim(2) * noise.dim(3), each = height * columns;
  for_float(DType::f32, [&]<class T>() {
    for (int64_t b = 0; b < noise.dim(0); ++b) {
      const auto x = noise.view<float>().subspan(b * each, each), y = other.view<float>().subspan(b * each, each);
      const auto out = result.edit<float>().subspan(b * each, each);
      std::vector<double> cosines(columns);
      for (int64_t c = 0; c < columns; ++c) {
        double xy = 0, xx = 0, yy = 0;
        for (int64_t i = c; i < each; i += columns)
          xy += double{x[i]} * y[i], xx += double{x[i]} * x[i], yy += double{y[i]} * y[i];
        cosines[c] = xy / std::sqrt(xx * yy);
      }
      const double mean = std::accumulate(cosines.begin(), cosines.end(), 0.0) / static_cast<double>(columns);
      for (int64_t c = 0; c < columns; ++c) {
        double a = strength, d = 1 - strength;  // nearly equal noises: the reference has its weights exchanged
        if (!(mean > 0.9995)) {
          const double angle = std::acos(cosines[c]), sine = std::sin(angle);
          a = std::sin((1 - strength) * angle) / sine;
          d = std::sin(strength * angle) / sine;
        }
        for (int64_t i = c; i < each; i += columns) out[i] = static_cast<float>(a * x[i] + d * y[i]);
      }
    }
  });
  return result;
}

}  // namespace calotype
