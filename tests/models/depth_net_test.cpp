#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "io/key_map.h"
#include "models/dpt.h"
#include "models/taesd.h"
#include "tensor/backward.h"
#include "tensor/history.h"

namespace calotype {
namespace {

/// Element i of a tensor by its name alone, in [-1, 1).
double by_name(const std::string& name, int64_t i) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  uint32_t x = hash + static_cast<uint32_t>(i) * 0x9E3779B9u;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  x ^= x >> 16;
  return 2.0 * x / 4294967296.0 - 1;
}

/// Weights that are a function of their original names and places: what the numbers below were computed from.
class NamedSource : public ParamSource {
 public:
  explicit NamedSource(KeyMap keys) : keys_(std::move(keys)) {}

  Tensor get(const std::string& path, const Shape& shape, Init) override {
    const KeyRow* row = keys_.find(path);
    check(row != nullptr, "{} has no key", path);
    const StoredKey& key = row->original;
    const Shape stored = stored_shape(key, shape);
    double offset = 0, scale = std::sqrt(3.0 * static_cast<double>(stored[0]) / static_cast<double>(stored.count()));
    if (key.name.ends_with("pos_embed") || key.name.ends_with("cls_token")) scale = 0.5;
    if (stored.rank() == 1) scale = 0.1, offset = key.name.ends_with(".weight") ? 1 : 0;
    Tensor result = Tensor::empty(shape);
    const int64_t first = key.part * shape.count();
    for (int64_t i = 0; i < shape.count(); ++i)
      result.edit<float>()[i] = static_cast<float>(offset + scale * by_name(key.name, first + i));
    // Keeps the last ReLU alive.
    if (key.name == "scratch.output_conv.4.bias") result.edit<float>()[0] = 0.5f;
    return result;
  }

 private:
  KeyMap keys_;
};

DepthConfig tiny_config() {
  return {.trained_size = 64,
          .stem_channels = 16,
          .stage_depths = {1, 1, 2},
          .stage_channels = {32, 64, 128},
          .groups = 4,
          .width = 48,
          .layers = 4,
          .heads = 4,
          .mlp_width = 192,
          .taps = {2, 3},
          .features = 16};
}

/// The picture that is called "input": planes of red, green and blue.
Tensor input(int64_t height, int64_t width) {
  Tensor image = Tensor::empty({1, height, width, 3});
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t i = 0; i < height * width; ++i)
      image.edit<float>()[i * 3 + c] = static_cast<float>(by_name("input", c * height * width + i));
  return image;
}

void expect_values(const Tensor& got, std::initializer_list<double> first, double sum, double squares) {
  const auto values = got.view<float>();
  size_t i = 0;
  for (const double want : first) {
    EXPECT_NEAR(values[i], want, 1e-4) << i;
    ++i;
  }
  double all = 0, all_squares = 0;
  for (const float value : values) all += value, all_squares += double{value} * value;
  EXPECT_NEAR(all, sum, 1e-4 * std::abs(sum));
  EXPECT_NEAR(all_squares, squares, 1e-4 * squares);
}

// The numbers are the reference implementation's, made with the weights above (tolerance: 1e-4, as there).
TEST(DepthNet, GivesTheReferencesMap) {
  const NoGrad inference;
  EXPECT_NEAR(by_name("a", 0), -0.153862963, 1e-8);
  NamedSource source(depth_keys(tiny_config()));
  const DepthNet net(Params(source), tiny_config());
  expect_values(net(input(64, 64)), {0.532982, 0.251797, 0.205999, 0.250628, 0.469603, 0.633362}, 3145.25495,
                4880.97249);
  expect_values(net(input(64, 96)), {0.524164, 0.348896, 0.049646, 0.129471, 0.219647, 0.315601}, 3497.45997,
                5377.10905);
}

TEST(DepthNet, BatchesAreThePicturesOneByOne) {
  const NoGrad inference;
  NamedSource source(depth_keys(tiny_config()));
  const DepthNet net(Params(source), tiny_config());
  const Tensor a = input(64, 64);
  Tensor both = Tensor::empty({2, 64, 64, 3});
  for (int64_t i = 0; i < a.count(); ++i) {
    both.edit<float>()[i] = -a.view<float>()[i];
    both.edit<float>()[a.count() + i] = a.view<float>()[i];
  }
  const Tensor alone = net(a), together = net(both);
  EXPECT_TRUE(std::ranges::equal(alone.view<float>(), together.view<float>().subspan(alone.count())));
}

TEST(DepthNet, TellsEverySideThatDoesNotFit) {
  NamedSource source(depth_keys(tiny_config()));
  const DepthNet net(Params(source), tiny_config());
  EXPECT_THROW(net(Tensor::zeros({1, 64, 48, 3})), Error);
}

TEST(TinyVae, GoesDownAndUpByEight) {
  const NoGrad inference;
  const TinyVaeConfig config{.width = 8};
  NamedSource down(tiny_encoder_keys(config)), up(tiny_decoder_keys(config));
  const TinyEncoder encoder(Params(down), config);
  const TinyDecoder decoder(Params(up), config);
  const Tensor latent = encoder(input(32, 24));
  EXPECT_EQ(latent.shape(), (Shape{1, 4, 3, 4}));
  EXPECT_EQ(decoder(latent).shape(), (Shape{1, 32, 24, 3}));
}

}  // namespace
}  // namespace calotype
