#include "models/dpt.h"

#include <cmath>
#include <string>
#include <utility>

#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/pool.h"
#include "ops/resize.h"
#include "ops/stored.h"
#include "ops/structure.h"

namespace calotype {
namespace {

constexpr double kGroupNormEpsilon = 1e-5, kLayerNormEpsilon = 1e-6;
constexpr int64_t kStemKernel = 7;

std::vector<std::vector<Bottleneck>> make_stages(const Params& p, const DepthConfig& c) {
  std::vector<std::vector<Bottleneck>> stages;
  int64_t width = c.stem_channels;
  for (size_t s = 0; s < c.stage_channels.size(); ++s) {
    std::vector<Bottleneck> stage;
    for (int64_t b = 0; b < c.stage_depths[s]; ++b) {
      const int64_t stride = s > 0 && b == 0 ? 2 : 1;
      stage.emplace_back(p / static_cast<int64_t>(s) / b, width, c.stage_channels[s], stride, b == 0, c.groups);
      width = c.stage_channels[s];
    }
    stages.push_back(std::move(stage));
  }
  return stages;
}

/// All tokens but the first: [B, T, C] -> [B, T - 1, C]
Tensor without_class(const Tensor& tokens) {
  const int64_t batch = tokens.dim(0), count = tokens.dim(1), width = tokens.dim(2);
  return slice_channels(tokens.reshape({batch, count * width}), width, (count - 1) * width)
      .reshape({batch, count - 1, width});
}

/// The first token: [B, T, C] -> [B, C]
Tensor class_of(const Tensor& tokens) {
  return slice_channels(tokens.reshape({tokens.dim(0), tokens.dim(1) * tokens.dim(2)}), 0, tokens.dim(2));
}

Tensor doubled(const Tensor& x) {
  return resize(x, 2 * x.dim(1), 2 * x.dim(2), {.interpolation = Interpolation::bilinear, .align_corners = true});
}

std::string numbered(const char* before, int64_t number, const char* after = "") {
  return before + std::to_string(number) + after;
}

}  // namespace

Bottleneck::Bottleneck(const Params& p, int64_t in, int64_t out, int64_t stride, bool first, int64_t groups)
    : conv1(p / "conv1", in, out / 4, 1),
      norm1(p / "norm1", out / 4, groups, kGroupNormEpsilon),
      conv2(p / "conv2", out / 4, out / 4, 3, stride),
      norm2(p / "norm2", out / 4, groups, kGroupNormEpsilon),
      conv3(p / "conv3", out / 4, out, 1),
      norm3(p / "norm3", out, groups, kGroupNormEpsilon) {
  if (!first) return;
  shortcut.emplace(p / "shortcut" / "conv", in, out, 1, stride);
  shortcut_norm.emplace(p / "shortcut" / "norm", out, groups, kGroupNormEpsilon);
}

Tensor Bottleneck::operator()(const Tensor& x) const {
  Tensor h = relu(norm1(conv1(x)).tensor());
  h = relu(norm2(conv2(h)).tensor());
  h = norm3(conv3(h)).tensor();
  return relu(h + (shortcut ? (*shortcut_norm)((*shortcut)(x)).tensor() : x));
}

Readout::Readout(const Params& p, int64_t width, bool halves)
    : project(p / "project", 2 * width, width), conv(p / "conv", width, width) {
  if (halves) resize.emplace(p / "resize", width, width, ConvOptions{.stride = 2});
}

Tensor Readout::operator()(const Tensor& tokens, int64_t height, int64_t width) const {
  const int64_t channels = tokens.dim(2);
  // The class token's half of the product is one row a picture: it is added to all tokens instead of copied to each.
  const Tensor weight = widened(project.weight).reshape({channels, 2 * channels});
  const Tensor of_class =
      linear(class_of(tokens), slice_channels(weight, channels, channels), project.bias, project.precision);
  Tensor h = linear(without_class(tokens), slice_channels(weight, 0, channels), {}, project.precision,
                    {.offset = of_class, .activation = Activation::gelu});
  h = conv(h.reshape({tokens.dim(0), height, width, channels}));
  return resize ? (*resize)(h) : h;
}

ResidualUnit::ResidualUnit(const Params& p, int64_t features)
    : conv1(p / "conv1", features, features), conv2(p / "conv2", features, features) {}

Tensor ResidualUnit::operator()(const Tensor& x) const {
  return conv2(relu(conv1(relu(x))), {.add = x});
}

Fusion::Fusion(const Params& p, int64_t features, bool joins)
    : unit2(p / "unit2", features), out(p / "out", features, features) {
  if (joins) unit1.emplace(p / "unit1", features);
}

Tensor Fusion::operator()(const Tensor& x, const Tensor& finer) const {
  // Doubling takes means of pixels, so the product may come first, at a quarter of the cost.
  return doubled(out(unit2(finer ? x + (*unit1)(finer) : x)));
}

DepthNet::DepthNet(const Params& p, const DepthConfig& c)
    : config(c),
      stem(p / "stem" / "conv", 3, c.stem_channels, kStemKernel, 2),
      stem_norm(p / "stem" / "norm", c.stem_channels, c.groups, kGroupNormEpsilon),
      stages(make_stages(p / "stages", c)),
      patch_proj(p / "patch_proj", c.stage_channels.back(), c.width),
      class_token(p.get("class_token", {1, 1, c.width}, Init::zeros())),
      positions(p.get("positions", {1, 1 + c.trained_grid() * c.trained_grid(), c.width}, Init::normal(0.02))),
      head1(p / "head" / "conv1", c.features, c.features / 2),
      head2(p / "head" / "conv2", c.features / 2, c.head_channels),
      head3(p / "head" / "out", c.head_channels, 1) {
  for (int64_t i = 0; i < c.layers; ++i)
    blocks.emplace_back(p / "blocks" / i, c.width, c.heads, c.mlp_width, TextActivation::gelu, kLayerNormEpsilon);
  for (int64_t i = 0; i < 2; ++i) readouts.emplace_back(p / "readout" / i, c.width, i == 1);
  const int64_t widths[] = {c.stage_channels[0], c.stage_channels[1], c.width, c.width};
  for (int64_t i = 0; i < 4; ++i) {
    narrow.emplace_back(p / "narrow" / i, widths[i], c.features, ConvOptions{}, WithBias::no);
    fusion.emplace_back(p / "fusion" / i, c.features, i < 3);
  }
}

/// The trained grid, stretched over the tokens of this picture.
Tensor DepthNet::positions_of(int64_t height, int64_t width) const {
  const Tensor trained = widened(positions);
  const int64_t grid = config.trained_grid();
  if (height == grid && width == grid) return trained;
  const Tensor map = resize(without_class(trained).reshape({1, grid, grid, config.width}), height, width,
                            {.interpolation = Interpolation::bilinear});
  return concat_tokens(class_of(trained).reshape({1, 1, config.width}), map.reshape({1, height * width, config.width}));
}

Tensor DepthNet::operator()(const Tensor& image, const Tap& tap) const {
  const int64_t batch = image.dim(0);
  check(image.shape().rank() == 4 && image.dim(3) == 3 && image.dim(1) % 32 == 0 && image.dim(2) % 32 == 0,
        "depth: a picture {} has no sides of multiples of 32", image.shape().text());
  Tensor h = max_pool(relu(stem_norm(stem(image)).tensor()), {.kernel = 3, .stride = 2});
  tap("stem", h);
  std::array<Tensor, 4> maps;  // the finest first
  for (size_t s = 0; s < stages.size(); ++s) {
    for (const Bottleneck& block : stages[s]) h = block(h);
    tap(numbered("stages.", static_cast<int64_t>(s)), h);
    if (s < 2) maps[s] = h;
  }

  h = patch_proj(h);
  tap("patch_embed.proj", h);
  const int64_t rows = h.dim(1), columns = h.dim(2);
  Tensor x = concat_tokens(repeat(widened(class_token), batch), h.reshape({batch, rows * columns, config.width})) +
             positions_of(rows, columns);
  h = Tensor();
  tap("tokens", x);
  for (size_t i = 0; i < blocks.size(); ++i) {
    x = blocks[i](std::move(x), false);
    tap(numbered("blocks.", static_cast<int64_t>(i)), x);
    for (size_t r = 0; r < readouts.size(); ++r) {
      if (static_cast<int64_t>(i) != config.taps[r]) continue;
      maps[2 + r] = readouts[r](x, rows, columns);
      tap(numbered("layer_", static_cast<int64_t>(3 + r)), maps[2 + r]);
    }
    if (static_cast<int64_t>(i) == std::max(config.taps[0], config.taps[1]) && !tap) break;  // the rest is not read
  }

  for (int64_t i = 0; i < 4; ++i) {
    maps[i] = narrow[i](maps[i]);
    tap(numbered("layer", i + 1, "_rn"), maps[i]);
  }
  Tensor path = fusion[3](maps[3]);
  tap("path_4", path);
  for (int64_t i = 2; i >= 0; --i) {
    path = fusion[i](path, maps[i]);
    maps[i] = Tensor();
    tap(numbered("path_", i + 1), path);
  }

  h = head1(path);
  tap("output_conv.0", h);
  path = Tensor();
  h = head2(doubled(h));
  tap("output_conv.2", h);
  h = head3(relu(h));
  tap("output_conv.4", h);
  return relu(h).reshape({batch, image.dim(1), image.dim(2)});
}

}  // namespace calotype
