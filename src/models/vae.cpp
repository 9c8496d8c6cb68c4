#include "models/vae.h"

#include "models/vae_bands.h"
#include "nn/in_place.h"

#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "ops/structure.h"

namespace calotype {
namespace {

constexpr double kNormEpsilon = 1e-6;

std::vector<VaeLevel> make_down(const Params& p, const VaeConfig& config) {
  std::vector<VaeLevel> levels;
  int64_t width = config.ch;
  for (int64_t l = 0; l < config.levels(); ++l) {
    VaeLevel level;
    for (int64_t i = 0; i < config.num_res_blocks; ++i) {
      level.res.emplace_back(p / l / "res" / i, width, config.channels(l), config.groups);
      width = config.channels(l);
    }
    if (l + 1 < config.levels())
      level.resample.emplace(p / l / "downsample", width, width,
                             ConvOptions{.stride = 2, .padding = 1, .bottom_right = true});
    levels.push_back(std::move(level));
  }
  return levels;
}

std::vector<VaeLevel> make_up(const Params& p, const VaeConfig& config) {
  std::vector<VaeLevel> levels(config.levels());
  int64_t width = config.channels(config.levels() - 1);
  for (int64_t l = config.levels() - 1; l >= 0; --l) {
    for (int64_t i = 0; i <= config.num_res_blocks; ++i) {
      levels[l].res.emplace_back(p / l / "res" / i, width, config.channels(l), config.groups);
      width = config.channels(l);
    }
    if (l > 0) levels[l].resample.emplace(p / l / "upsample", width, width);
  }
  return levels;
}

}  // namespace

VaeResBlock::VaeResBlock(const Params& p, int64_t in, int64_t out, int64_t groups)
    : norm1(p / "norm1", in, groups, kNormEpsilon),
      conv1(p / "conv1", in, out),
      norm2(p / "norm2", out, groups, kNormEpsilon),
      conv2(p / "conv2", out, out) {
  if (in != out) shortcut.emplace(p / "shortcut", in, out);
}

Tensor VaeResBlock::operator()(Tensor x) const {
  const Tensor h = conv1(silu(norm1(x)));
  if (shortcut) x = in_place_of(std::move(x), *shortcut);
  return conv2(silu(norm2(h)), {.add = std::move(x)});
}

VaeAttention::VaeAttention(const Params& p, int64_t channels, int64_t groups)
    : norm(p / "norm", channels, groups, kNormEpsilon), attention(p, channels, channels, 1, WithBias::yes) {}

Tensor VaeAttention::operator()(Tensor x) const {
  const Shape shape = x.shape();
  const Tensor tokens = norm(x).tensor().reshape({shape[0], shape[1] * shape[2], shape[3]});
  Tensor straight = std::move(x).reshape(tokens.shape());
  x = Tensor();
  return attention.self(tokens, {.add = std::move(straight)}).reshape(shape);
}

VaeMiddle::VaeMiddle(const Params& p, int64_t channels, int64_t groups)
    : res1(p / "res1", channels, channels, groups),
      attention(p / "attention", channels, groups),
      res2(p / "res2", channels, channels, groups) {}

Tensor VaeMiddle::operator()(Tensor x, const Tap& tap) const {
  Tensor h = res1(std::move(x));
  tap("block_1", h);
  h = attention(std::move(h));
  tap("attn_1", h);
  h = res2(std::move(h));
  tap("block_2", h);
  return h;
}

VaeEncoder::VaeEncoder(const Params& p, const VaeConfig& c)
    : conv_in(p / "conv_in", c.in_channels, c.ch),
      down(make_down(p / "down", c)),
      mid(p / "mid", c.channels(c.levels() - 1), c.groups),
      norm_out(p / "norm_out", c.channels(c.levels() - 1), c.groups, kNormEpsilon),
      conv_out(p / "conv_out", c.channels(c.levels() - 1), 2 * c.z_channels) {}

Tensor VaeEncoder::operator()(const Tensor& image, const Tap& tap) const {
  Tensor h = conv_in(image);
  tap("conv_in", h);
  for (size_t l = 0; l < down.size(); ++l) {
    for (const VaeResBlock& res : down[l].res) h = res(std::move(h));
    if (down[l].resample) h = (*down[l].resample)(h);
    tap("down." + std::to_string(l), h);
  }
  h = mid(std::move(h), tap / "mid");
  h = conv_out(silu(norm_out(std::move(h))));
  tap("conv_out", h);
  return h;
}

VaeDecoder::VaeDecoder(const Params& p, const VaeConfig& c)
    : conv_in(p / "conv_in", c.z_channels, c.channels(c.levels() - 1)),
      mid(p / "mid", c.channels(c.levels() - 1), c.groups),
      up(make_up(p / "up", c)),
      norm_out(p / "norm_out", c.ch, c.groups, kNormEpsilon),
      conv_out(p / "conv_out", c.ch, c.out_ch) {}

Tensor VaeDecoder::operator()(const Tensor& z, const DecodePlan& plan, const Tap& tap) const {
  Tensor h = conv_in(z);
  tap("conv_in", h);
  h = mid(std::move(h), tap / "mid");
  const auto banded = static_cast<size_t>(plan.banded_levels);
  for (size_t l = up.size(); l-- > 0;) {
    if (l < banded) {
      h = run_in_bands(level_in_bands(l), h, plan.band_rows);
      if (l == 0) return h;
    } else {
      for (const VaeResBlock& res : up[l].res) h = res(std::move(h));
    }
    if (l > banded) h = (*up[l].resample)(upsample(std::move(h)));
    tap("up." + std::to_string(l), h);
  }
  return conv_out(silu(norm_out(std::move(h))));
}

BandedLevel VaeDecoder::level_in_bands(size_t level) const {
  check(level + 1 < up.size(), "vae: level {} has none before it to be doubled", level);
  return {*up[level + 1].resample, up[level].res, level == 0 ? &norm_out : nullptr, level == 0 ? &conv_out : nullptr};
}

Tensor Posterior::sample(const Tensor& noise) const {
  return reparametrise(mean, log_variance, noise);
}

Vae::Vae(const Params& p, const VaeConfig& c)
    : config(c),
      encoder(p / "encoder", c),
      quant(p / "quant", 2 * c.z_channels, 2 * c.embed_dim),
      post_quant(p / "post_quant", c.embed_dim, c.z_channels),
      decoder(p / "decoder", c) {}

Posterior Vae::encode(const Tensor& image, const Tap& tap) const {
  const Tensor moments = quant(encoder(image, tap / "encoder"));
  return {slice_channels(moments, 0, config.embed_dim), slice_channels(moments, config.embed_dim, config.embed_dim)};
}

Tensor Vae::decode(const Tensor& z, const DecodePlan& plan, const Tap& tap) const {
  const Tensor h = post_quant(z);
  tap("post_quant_conv", h);
  return decoder(h, plan, tap / "decoder");
}

}  // namespace calotype
