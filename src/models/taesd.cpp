#include "models/taesd.h"

#include <string>

#include "ops/activation.h"
#include "ops/arithmetic.h"

namespace calotype {
namespace {

std::vector<std::vector<TinyBlock>> make_blocks(const Params& p, const std::vector<int64_t>& counts, int64_t width) {
  std::vector<std::vector<TinyBlock>> all;
  for (size_t level = 0; level < counts.size(); ++level) {
    std::vector<TinyBlock> blocks;
    for (int64_t i = 0; i < counts[level]; ++i) blocks.emplace_back(p / static_cast<int64_t>(level) / i, width);
    all.push_back(std::move(blocks));
  }
  return all;
}

std::vector<Conv2d> make_steps(const Params& p, size_t levels, int64_t width, ConvOptions options) {
  std::vector<Conv2d> steps;
  for (size_t i = 0; i + 1 < levels; ++i)
    steps.emplace_back(p / static_cast<int64_t>(i), width, width, options, WithBias::no);
  return steps;
}

/// Names layers by their place in the original's list.
class Numbered {
 public:
  Numbered(const Tap& tap, const char* half, int first) : tap_(tap), half_(half), next_(first) {}
  void operator()(const Tensor& value, int places = 1) {
    tap_(half_ + std::to_string(next_), value);
    next_ += places;
  }

 private:
  const Tap& tap_;
  std::string half_;
  int next_;
};

}  // namespace

TinyBlock::TinyBlock(const Params& p, int64_t width)
    : conv1(p / "conv1", width, width), conv2(p / "conv2", width, width), conv3(p / "conv3", width, width) {}

Tensor TinyBlock::operator()(const Tensor& x) const {
  return relu(conv3(relu(conv2(relu(conv1(x)))), {.add = x}));
}

TinyEncoder::TinyEncoder(const Params& p, const TinyVaeConfig& c)
    : config(c),
      conv_in(p / "conv_in", 3, c.width),
      blocks(make_blocks(p / "blocks", c.encoder_blocks, c.width)),
      down(make_steps(p / "down", c.encoder_blocks.size(), c.width, {.stride = 2})),
      conv_out(p / "conv_out", c.width, c.latent_channels) {}

Tensor TinyEncoder::operator()(const Tensor& image, const Tap& tap) const {
  Numbered layer(tap, "encoder.", 0);
  Tensor h = conv_in(affine(image, 0.5, 0.5));
  layer(h);
  for (size_t level = 0; level < blocks.size(); ++level) {
    if (level > 0) {
      h = down[level - 1](h);
      layer(h);
    }
    for (const TinyBlock& block : blocks[level]) {
      h = block(h);
      layer(h);
    }
  }
  h = conv_out(h);
  layer(h);
  return h;
}

TinyDecoder::TinyDecoder(const Params& p, const TinyVaeConfig& c)
    : config(c),
      conv_in(p / "conv_in", c.latent_channels, c.width),
      blocks(make_blocks(p / "blocks", c.decoder_blocks, c.width)),
      up(make_steps(p / "up", c.decoder_blocks.size(), c.width, {})),
      conv_out(p / "conv_out", c.width, 3) {}

Tensor TinyDecoder::operator()(const Tensor& latent, const Tap& tap) const {
  Numbered layer(tap, "decoder.", 1);  // 0 is the clamp
  Tensor h = conv_in(tanh_clamp(latent));
  layer(h, 2);  // the activation has a place of its own
  h = relu(h);
  for (size_t level = 0; level < blocks.size(); ++level) {
    for (size_t i = 0; i < blocks[level].size(); ++i) {
      h = blocks[level][i](h);
      // So has the doubling.
      layer(h, i + 1 == blocks[level].size() && level + 1 < blocks.size() ? 2 : 1);
    }
    if (level + 1 == blocks.size()) break;
    h = up[level](upsample(std::move(h)));
    layer(h);
  }
  h = conv_out(h);
  layer(h);
  return affine(h, 2, -1);
}

}  // namespace calotype
