#include "models/clip.h"

#include <algorithm>
#include <cmath>

#include "ops/arithmetic.h"
#include "ops/stored.h"
#include "ops/structure.h"

namespace calotype {
namespace {

std::vector<ClipBlock> make_blocks(const Params& p, int64_t layers, int64_t width, int64_t heads, int64_t mlp_width,
                                   TextActivation activation) {
  std::vector<ClipBlock> blocks;
  for (int64_t i = 0; i < layers; ++i) blocks.emplace_back(p / i, width, heads, mlp_width, activation);
  return blocks;
}

/// Token embeddings [n, width] with other vectors in some places.
Tensor with_inserted(Tensor embeddings, std::span<const InsertedVectors> inserted) {
  if (inserted.empty()) return embeddings;
  check(!embeddings.tracked(), "text: inserted vectors and a trained token table do not go together");
  const int64_t width = embeddings.dim(1);
  const std::span<float> values = embeddings.edit<float>();
  for (const InsertedVectors& some : inserted) {
    const Tensor vectors = widened(some.vectors);
    const int64_t count = vectors.dim(0);
    check(vectors.dim(1) == width && some.place >= 0 && some.place + count <= embeddings.dim(0),
          "text: vectors {} do not fit place {} of {}", vectors.shape().text(), some.place, embeddings.shape().text());
    std::ranges::copy(vectors.view<float>(), values.begin() + some.place * width);
  }
  return embeddings;
}

}  // namespace

ClipBlock::ClipBlock(const Params& p, int64_t width, int64_t heads, int64_t mlp_width, TextActivation activation,
                     double norm_epsilon)
    : norm1(p / "norm1", width, norm_epsilon),
      attention(p / "attention", width, width, heads, WithBias::yes),
      norm2(p / "norm2", width, norm_epsilon),
      mlp_in(p / "mlp" / "in", width, mlp_width),
      mlp_out(p / "mlp" / "out", mlp_width, width),
      activation(activation == TextActivation::gelu ? Activation::gelu : Activation::quick_gelu) {}

Tensor ClipBlock::operator()(Tensor x, bool causal) const {
  x = attention.self(norm1(x), {.add = x}, causal);
  return mlp_out(mlp_in(norm2(x), {.activation = activation}), {.add = x});
}

TextEncoder::TextEncoder(const Params& p, const TextConfig& c)
    : config(c),
      token_embedding(p / "token_embedding", c.vocab_size, c.width, 0.02),
      positional_embedding(p.get("positional_embedding", {c.context_length, c.width}, Init::normal(0.01))),
      blocks(make_blocks(p / "blocks", c.layers, c.width, c.heads, c.mlp_width, c.activation)),
      final_norm(p / "final_norm", c.width) {
  if (c.projection_width > 0)
    text_projection = p.get("text_projection", {c.width, c.projection_width},
                            Init::normal(1 / std::sqrt(static_cast<double>(c.width))));
}

Tensor TextEncoder::operator()(std::span<const int32_t> ids, Run run, const Tap& tap) const {
  const int64_t tokens = run.tokens > 0 ? run.tokens : config.context_length;
  const int64_t layers = run.layers < 0 ? config.used_layers : run.layers;
  const int64_t prompts = static_cast<int64_t>(ids.size()) / tokens;
  check(tokens <= config.context_length && prompts * tokens == static_cast<int64_t>(ids.size()),
        "text: {} ids are no whole prompts of {}, of at most {}", ids.size(), tokens, config.context_length);
  check(layers <= config.layers, "text: {} blocks asked for, there are {}", layers, config.layers);
  Tensor x = with_inserted(token_embedding(ids), run.inserted).reshape({prompts, tokens, config.width}) +
             widened(positional_embedding).rows(0, tokens).reshape({1, tokens, config.width});
  tap("embedding", x);
  for (int64_t i = 0; i < layers; ++i) {
    x = blocks[i](std::move(x), true);
    tap("resblocks." + std::to_string(i), x);
  }
  return final_norm(std::move(x)).tensor();
}

Tensor TextEncoder::pooled(std::span<const int32_t> ids, int64_t tokens) const {
  const Tensor x = (*this)(ids, {.layers = config.layers, .tokens = tokens});
  std::vector<int32_t> ends;
  for (int64_t b = 0; b < x.dim(0); ++b) {
    const auto prompt = ids.subspan(b * x.dim(1), x.dim(1));
    ends.push_back(static_cast<int32_t>(std::ranges::max_element(prompt) - prompt.begin()));
  }
  return linear(gather_rows(x, ends), transpose(widened(text_projection)), {});
}

ImageTower::ImageTower(const Params& p, const ImageTowerConfig& c)
    : config(c),
      patch_embedding(p.get("patch_embedding.weight", {c.width, 3, c.patch_size, c.patch_size},
                            Init::kaiming(3 * c.patch_size * c.patch_size))),
      class_embedding(p.get("class_embedding", {c.width}, Init::normal(1 / std::sqrt(static_cast<double>(c.width))))),
      positional_embedding(p.get("positional_embedding",
                                 {1 + (c.image_size / c.patch_size) * (c.image_size / c.patch_size), c.width},
                                 Init::normal(1 / std::sqrt(static_cast<double>(c.width))))),
      norm_pre(p / "norm_pre", c.width),
      blocks(make_blocks(p / "blocks", c.layers, c.width, c.heads, c.mlp_width, c.activation)),
      norm_post(p / "norm_post", c.width),
      projection(p.get("projection", {c.width, c.projection_width},
                       Init::normal(1 / std::sqrt(static_cast<double>(c.width))))) {}

Tensor ImageTower::operator()(const Tensor& image, const Tap& tap) const {
  const int64_t batch = image.dim(0), grid = config.image_size / config.patch_size;
  const Tensor patches =
      conv2d(image, patch_embedding, {}, {.kernel = config.patch_size, .stride = config.patch_size, .padding = 0});
  tap("conv1", patches);
  Tensor x = concat_tokens(repeat(widened(class_embedding).reshape({1, 1, config.width}), batch),
                           patches.reshape({batch, grid * grid, config.width}));
  x = x + widened(positional_embedding).reshape({1, 1 + grid * grid, config.width});
  x = norm_pre(std::move(x)).tensor();
  tap("ln_pre", x);
  for (size_t i = 0; i < blocks.size(); ++i) {
    x = blocks[i](std::move(x), false);
    tap("resblocks." + std::to_string(i), x);
  }
  const std::vector<int32_t> class_token(batch, 0);
  return linear(norm_post(gather_rows(x, class_token)).tensor(), transpose(projection), {});
}

}  // namespace calotype
