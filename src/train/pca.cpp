#include "train/pca.h"

#include <cmath>

#include "base/random.h"

namespace calotype {
namespace {

/// Where the values of a patch lie in pictures [B, H, W, 3], patches counted row by row, picture by picture.
struct PatchGrid {
  int64_t patch, height, width, count;

  PatchGrid(const Tensor& images, int64_t patch)
      : patch(patch),
        height(images.dim(1)),
        width(images.dim(2)),
        count(images.dim(0) * (height / patch) * (width / patch)) {}
  int64_t size() const { return patch * patch * 3; }
  int64_t place(int64_t number, int64_t i) const {
    const int64_t across = width / patch, down = height / patch, line = patch * 3;
    const int64_t b = number / (down * across), y = number / across % down * patch, x = number % across * patch;
    return ((b * height + y + i / line) * width + x) * 3 + i % line;
  }
};

void orthonormalise(std::vector<std::vector<double>>& vectors) {
  for (size_t i = 0; i < vectors.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      double dot = 0;
      for (size_t k = 0; k < vectors[i].size(); ++k) dot += vectors[i][k] * vectors[j][k];
      for (size_t k = 0; k < vectors[i].size(); ++k) vectors[i][k] -= dot * vectors[j][k];
    }
    double length = 0;
    for (double value : vectors[i]) length += value * value;
    for (double& value : vectors[i]) value /= std::sqrt(length);
  }
}

/// The patches' covariance [size, size] around their mean, which is filled in.
std::vector<double> covariance_of(const Tensor& images, const PatchGrid& grid, std::vector<double>& mean) {
  const int64_t size = grid.size();
  const auto in = images.view<float>();
  for (int64_t n = 0; n < grid.count; ++n)
    for (int64_t i = 0; i < size; ++i) mean[i] += in[grid.place(n, i)] / static_cast<double>(grid.count);
  std::vector<double> covariance(size * size), centred(size);
  for (int64_t n = 0; n < grid.count; ++n) {
    for (int64_t i = 0; i < size; ++i) centred[i] = in[grid.place(n, i)] - mean[i];
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j) covariance[i * size + j] += centred[i] * centred[j];
  }
  for (double& value : covariance) value /= static_cast<double>(grid.count);
  return covariance;
}

}  // namespace

PatchPca fit_patch_pca(const Tensor& images, int64_t patch, int64_t channels) {
  const PatchGrid grid(images, patch);
  const int64_t size = grid.size();
  PatchPca pca{.patch = patch,
               .channels = channels,
               .mean = std::vector<double>(size),
               .components = {},
               .deviations = std::vector<double>(channels)};
  const std::vector<double> covariance = covariance_of(images, grid, pca.mean);
  // Orthogonal iteration: the leading components of pictures' patches are far apart in variance.
  std::vector<std::vector<double>> basis(channels, std::vector<double>(size));
  CounterRng rng(0, 0, 0);
  for (auto& vector : basis)
    for (double& value : vector) value = rng.uniform64() - 0.5;
  orthonormalise(basis);
  for (int round = 0; round < 200; ++round) {
    for (int64_t c = 0; c < channels; ++c) {
      std::vector<double> next(size);
      double variance = 0;
      for (int64_t i = 0; i < size; ++i) {
        for (int64_t j = 0; j < size; ++j) next[i] += covariance[i * size + j] * basis[c][j];
        variance += next[i] * basis[c][i];
      }
      pca.deviations[c] = std::sqrt(variance);
      basis[c] = std::move(next);
    }
    orthonormalise(basis);
  }
  for (const auto& vector : basis) pca.components.insert(pca.components.end(), vector.begin(), vector.end());
  return pca;
}

Tensor PatchPca::code(const Tensor& images) const {
  const PatchGrid grid(images, patch);
  Tensor result = Tensor::empty({images.dim(0), images.dim(1) / patch, images.dim(2) / patch, channels});
  const auto in = images.view<float>();
  const auto out = result.edit<float>();
  for (int64_t n = 0; n < grid.count; ++n)
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t i = 0; i < grid.size(); ++i)
        sum += components[c * grid.size() + i] * (in[grid.place(n, i)] - mean[i]);
      out[n * channels + c] = static_cast<float>(sum / deviations[c]);
    }
  return result;
}

Tensor PatchPca::reconstruct(const Tensor& images) const {
  const PatchGrid grid(images, patch);
  const Tensor codes = code(images);
  const auto in = codes.view<float>();
  Tensor result = Tensor::empty(images.shape());
  const auto out = result.edit<float>();
  for (int64_t n = 0; n < grid.count; ++n)
    for (int64_t i = 0; i < grid.size(); ++i) {
      double value = mean[i];
      for (int64_t c = 0; c < channels; ++c)
        value += components[c * grid.size() + i] * deviations[c] * in[n * channels + c];
      out[grid.place(n, i)] = static_cast<float>(value);
    }
  return result;
}

}  // namespace calotype
