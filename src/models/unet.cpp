#include "models/unet.h"

#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/structure.h"
#include "ops/token_merging.h"

namespace calotype {
namespace {

constexpr double kResNormEpsilon = 1e-5;
constexpr double kTransformerNormEpsilon = 1e-6;

/// The input channels of the up path's residual blocks: what comes from below, plus the skip that was pushed when the
/// way down stood at this point.
std::vector<int64_t> skip_channels(const UNetConfig& config) {
  std::vector<int64_t> pushed{config.model_channels};
  for (int64_t level = 0; level < config.levels(); ++level) {
    for (int64_t i = 0; i < config.num_res_blocks; ++i) pushed.push_back(config.channels(level));
    if (level + 1 < config.levels()) pushed.push_back(config.channels(level));
  }
  return pushed;
}

std::vector<UNet::Level> make_down(const Params& p, const UNetConfig& config) {
  std::vector<UNet::Level> levels;
  int64_t width = config.model_channels;
  for (int64_t l = 0; l < config.levels(); ++l) {
    UNet::Level level;
    for (int64_t i = 0; i < config.num_res_blocks; ++i) {
      level.res.emplace_back(p / l / "res" / i, width, config.channels(l), config);
      width = config.channels(l);
      if (config.attends(l))
        level.transformer.emplace_back(p / l / "transformer" / i, width, config.self_attends(l), config);
    }
    if (l + 1 < config.levels()) level.resample.emplace(p / l / "downsample", width, width, ConvOptions{.stride = 2});
    levels.push_back(std::move(level));
  }
  return levels;
}

std::vector<UNet::Level> make_up(const Params& p, const UNetConfig& config) {
  std::vector<UNet::Level> levels(config.levels());
  std::vector<int64_t> skips = skip_channels(config);
  int64_t width = config.channels(config.levels() - 1);
  for (int64_t l = config.levels() - 1; l >= 0; --l) {
    UNet::Level& level = levels[l];
    for (int64_t i = 0; i <= config.num_res_blocks; ++i) {
      level.res.emplace_back(p / l / "res" / i, width + skips.back(), config.channels(l), config);
      skips.pop_back();
      width = config.channels(l);
      if (config.attends(l))
        level.transformer.emplace_back(p / l / "transformer" / i, width, config.self_attends(l), config);
    }
    if (l > 0) level.resample.emplace(p / l / "upsample", width, width);
  }
  return levels;
}

template <class T>
std::vector<T> for_every_picture(const std::vector<T>& values, int64_t batch, const char* what) {
  if (static_cast<int64_t>(values.size()) == batch) return values;
  check(values.size() == 1, "unet: {} {} for {} pictures", values.size(), what, batch);
  return std::vector<T>(batch, values[0]);
}

}  // namespace

ResBlock::ResBlock(const Params& p, int64_t in, int64_t out, const UNetConfig& config)
    : norm1(p / "norm1", in, config.groups, kResNormEpsilon),
      conv1(p / "conv1", in, out),
      time_proj(p / "time", config.time_width(), out),
      norm2(p / "norm2", out, config.groups, kResNormEpsilon),
      conv2(Conv2d::zero(p / "conv2", out, out)) {
  if (in != out) shortcut.emplace(p / "shortcut", in, out);
}

Tensor ResBlock::operator()(Reading x, const Tensor& time) const {
  const Tensor h = conv1(silu(norm1(x)), {.offset = time_proj(silu(time))});
  Tensor straight = shortcut ? (*shortcut)(x) : std::move(x).tensor();
  x = Tensor();
  return conv2(silu(norm2(h)), {.add = std::move(straight)});
}

FeedForward::FeedForward(const Params& p, int64_t width)
    : in(p / "in", width, 8 * width), out(p / "out", 4 * width, width) {}

Tensor FeedForward::operator()(const Reading& x, Tensor add) const {
  return out(in(x, {.activation = Activation::geglu}), {.add = std::move(add)});
}

SpatialTransformer::SpatialTransformer(const Params& p, int64_t channels, bool self_attends, const UNetConfig& config)
    : norm(p / "norm", channels, config.groups, kTransformerNormEpsilon),
      proj_in(p / "proj_in", channels, channels),
      norm1(p / "norm1", channels),
      self(p / "self", channels, self_attends ? channels : config.context_dim, config.heads(channels)),
      norm2(p / "norm2", channels),
      cross(p / "cross", channels, config.context_dim, config.heads(channels)),
      norm3(p / "norm3", channels),
      ff(p / "ff", channels),
      proj_out(Linear::zero(p / "proj_out", channels, channels)),
      self_attends(self_attends) {}

Tensor SpatialTransformer::attend_to_itself(const Tensor& h, const Shape& shape, double merging) const {
  if (merging == 0) return self.self(norm1(h), {.add = h});
  const TokenMerging merge(h, shape[1], shape[2], merging);
  return h + merge.spread(self.self(merge.merged(norm1(h).tensor())));
}

Tensor SpatialTransformer::operator()(Tensor x, const Tensor& context, const Tap& tap, double merging) const {
  const Shape shape = x.shape();
  if (tap) tap("norm", norm(x).tensor());
  const Tap inner = tap / "transformer_blocks.0";
  Tensor h = proj_in(norm(x)).reshape({shape[0], shape[1] * shape[2], shape[3]});
  if (inner) inner("norm1", norm1(h).tensor());
  const Tensor before_self = inner ? h : Tensor();
  h = self_attends ? attend_to_itself(h, shape, merging) : self.cross(norm1(h), context, {.add = h});
  if (inner) inner("attn1", h - before_self);
  const Tensor before_cross = inner ? h : Tensor();
  h = cross.cross(norm2(h), context, {.add = h});
  if (inner) inner("attn2", h - before_cross);
  const Tensor before_ff = inner ? h : Tensor();
  h = ff(norm3(h), h);
  if (inner) inner("ff", h - before_ff);
  inner("", h);
  h = h.reshape({h.dim(0), shape[1], shape[2], shape[3]});
  return proj_out(h, {.add = std::move(x)});
}

UNet::UNet(const Params& p, const UNetConfig& c)
    : config(c),
      time1(p / "time1", c.model_channels, c.time_width()),
      time2(p / "time2", c.time_width(), c.time_width()),
      conv_in(p / "conv_in", c.in_channels, c.model_channels),
      down(make_down(p / "down", c)),
      mid_res1(p / "mid" / "res1", c.channels(c.levels() - 1), c.channels(c.levels() - 1), c),
      mid_transformer(p / "mid" / "transformer", c.channels(c.levels() - 1), c.self_attends(c.levels() - 1), c),
      mid_res2(p / "mid" / "res2", c.channels(c.levels() - 1), c.channels(c.levels() - 1), c),
      up(make_up(p / "up", c)),
      norm_out(p / "norm_out", c.model_channels, c.groups, kResNormEpsilon),
      conv_out(Conv2d::zero(p / "conv_out", c.model_channels, c.out_channels)) {
  if (c.class_input == ClassInput::level) class_table.emplace(p / "class_table", c.class_size, c.time_width(), 1.0);
  if (c.class_input == ClassInput::vector) {
    class1.emplace(p / "class1", c.class_size, c.time_width());
    class2.emplace(p / "class2", c.time_width(), c.time_width());
  }
}

Tensor UNet::time_embedding(const Inputs& inputs, const Tap& tap) const {
  const int64_t batch = inputs.x.dim(0);
  const Tensor waves = sinusoid(for_every_picture(inputs.times, batch, "times"), config.model_channels);
  tap("t_emb", waves);
  Tensor time = time2(silu(time1(waves)));
  if (class_table) time = time + (*class_table)(for_every_picture(inputs.levels, batch, "noise levels"));
  if (class1) time = time + (*class2)(silu((*class1)(inputs.vector)));
  tap("emb", time);
  return time;
}

Tensor UNet::operator()(const Inputs& inputs, const Tap& tap) const {
  const Tensor& context = inputs.context;
  const Tensor time = time_embedding(inputs, tap);
  Shortcuts::Features* const features = inputs.shortcuts.features;
  const bool reusing = features && features->kept;
  const int64_t blocks = config.blocks(), last = reusing ? features->branch : blocks - 1;  // input block that runs
  const auto merging = [&](int64_t level) { return level == 0 ? inputs.shortcuts.merging : 0; };
  std::vector<Tensor> skips;  // what the way down leaves for the way up
  int64_t block = 0;
  const auto push = [&](Tensor h) {
    tap("input_blocks." + std::to_string(block++), h);
    skips.push_back(std::move(h));
  };

  push(conv_in(inputs.x));
  for (int64_t l = 0; l < config.levels(); ++l) {
    const Level& level = down[l];
    for (size_t i = 0; i < level.res.size() && block <= last; ++i) {
      const Tap at = tap / ("input_blocks." + std::to_string(block));
      Tensor h = level.res[i](skips.back(), time);
      if (!level.transformer.empty()) {
        at("0", h);
        h = level.transformer[i](std::move(h), context, at / "1", merging(l));
      }
      push(std::move(h));
    }
    if (level.resample && block <= last) push((*level.resample)(skips.back()));
  }

  Tensor h;
  if (!reusing) {
    h = mid_res1(skips.back(), time);
    tap("middle_block.0", h);
    h = mid_transformer(std::move(h), context, {});
    tap("middle_block.1", h);
    h = mid_res2(std::move(h), time);
    tap("middle_block.2", h);
  }

  block = 0;
  for (int64_t l = config.levels() - 1; l >= 0; --l) {
    const Level& level = up[l];
    for (size_t i = 0; i < level.res.size(); ++i, ++block) {
      if (block < blocks - 1 - last) continue;
      if (reusing && block == blocks - 1 - last) h = features->kept;
      if (features && !reusing && block == blocks - 1 - features->branch) features->kept = h;
      h = level.res[i](concat(std::move(h), std::move(skips.back())), time);
      skips.pop_back();
      if (!level.transformer.empty()) h = level.transformer[i](std::move(h), context, {}, merging(l));
      if (i + 1 == level.res.size() && level.resample) {
        // An odd size was halved rounding up: the doubled map has a line too many, which is dropped before the
        // convolution.
        const Tensor& skip = skips.back();
        Reading doubled = upsample(std::move(h));
        if (doubled.shape()[1] != skip.dim(1) || doubled.shape()[2] != skip.dim(2))
          doubled = crop(doubled.tensor(), skip.dim(1), skip.dim(2));
        h = (*level.resample)(doubled);
      }
      tap("output_blocks." + std::to_string(block), h);
    }
  }
  return conv_out(silu(norm_out(std::move(h))));
}

}  // namespace calotype
