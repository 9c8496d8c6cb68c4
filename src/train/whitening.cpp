#include "train/whitening.h"

#include <algorithm>
#include <cmath>

namespace calotype {
namespace {

/// New latent = (old - mean) * factor, by channel.
struct Change {
  std::vector<double> mean, factor;
};

Change change_for(std::span<const Tensor> latents, double scale_factor) {
  const int64_t channels = latents[0].dim(-1);
  std::vector<double> sum(channels), squares(channels);
  double count = 0;
  for (const Tensor& latent : latents) {
    const auto values = latent.view<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      sum[i % channels] += values[i];
      squares[i % channels] += static_cast<double>(values[i]) * values[i];
    }
    count += static_cast<double>(values.size()) / static_cast<double>(channels);
  }
  Change change;
  for (int64_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / count;
    change.mean.push_back(mean);
    change.factor.push_back(1 / (std::sqrt(squares[c] / count - mean * mean) * scale_factor));
  }
  return change;
}

/// The rows of means first, then those of log-variances.
void change_quant(const Change& change, bool weight, std::span<float> values) {
  const size_t channels = change.mean.size(), row = values.size() / (2 * channels);
  for (size_t c = 0; c < channels; ++c) {
    if (weight) {
      for (size_t i = 0; i < row; ++i) values[c * row + i] *= static_cast<float>(change.factor[c]);
    } else {
      values[c] = static_cast<float>((values[c] - change.mean[c]) * change.factor[c]);
      values[channels + c] += static_cast<float>(2 * std::log(change.factor[c]));
    }
  }
}

void change_post_quant(const Change& change, std::span<const float> old_weight, bool weight, std::span<float> values) {
  const size_t channels = change.mean.size();
  for (size_t i = 0; i < old_weight.size(); ++i) {
    const size_t c = i % channels;
    if (weight)
      values[i] /= static_cast<float>(change.factor[c]);
    else
      values[i / channels] += old_weight[i] * static_cast<float>(change.mean[c]);
  }
}

}  // namespace

std::vector<NamedTensor> whitened(const std::vector<NamedTensor>& vae, std::span<const Tensor> means,
                                  double scale_factor) {
  const Change change = change_for(means, scale_factor);
  const Tensor post_weight = std::ranges::find(vae, "post_quant.weight", &NamedTensor::name)->tensor;
  std::vector<NamedTensor> result;
  for (const NamedTensor& named : vae) {
    result.push_back({named.name, named.tensor.clone()});
    const auto values = result.back().tensor.edit<float>();
    const bool weight = named.name.ends_with(".weight");
    if (named.name.starts_with("quant.")) change_quant(change, weight, values);
    if (named.name.starts_with("post_quant.")) change_post_quant(change, post_weight.view<float>(), weight, values);
  }
  return result;
}

}  // namespace calotype
