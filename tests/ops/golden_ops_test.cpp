#include <functional>

#include "kernels/testing.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/attention.h"
#include "ops/conv_variants.h"
#include "ops/embedding.h"
#include "ops/golden.h"
#include "ops/losses.h"
#include "ops/norm.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/resize.h"
#include "ops/structure.h"

namespace calotype {
namespace {

using testing::GoldenRow;

using Run = std::function<Tensor(GoldenRow&)>;

/// The rows' maps are [B, C, H, W]: in and out by ops that have gradients themselves.
Tensor map_of(GoldenRow& row, const std::string& name = "x") {
  return channels_last(row.input(name));
}

Run unary(Tensor (*op)(const Tensor&)) {
  return [op](GoldenRow& row) { return op(row.input("x")); };
}

Padding padding_of(const nlohmann::json& padding, const Tensor& x, int64_t kernel, int64_t stride) {
  if (padding.is_string()) return same_padding(x.dim(1), x.dim(2), kernel, stride);
  if (padding.is_object()) return {padding.at("top"), padding.at("bottom"), padding.at("left"), padding.at("right")};
  const int64_t all = padding;
  return {all, all, all, all};
}

/// By conv2d itself where its options can say it, else by the general one.
Tensor convolution(GoldenRow& row) {
  const nlohmann::json& a = row.attributes();
  const Tensor x = map_of(row), w = row.input("w");
  const int64_t kernel = w.dim(2), stride = a.at("stride"), groups = a.at("groups");
  const Padding padding = padding_of(a.at("padding"), x, kernel, stride);
  const bool square = padding.top == padding.left && padding.bottom == padding.right;
  const bool plain = square && (padding.top == padding.bottom || padding.top == 0);
  if (plain && groups == 1) {
    const ConvOptions options{
        .kernel = kernel, .stride = stride, .padding = padding.bottom, .bottom_right = padding.top != padding.bottom};
    return channels_first(conv2d(x, w, row.input("b"), options));
  }
  return channels_first(padded_conv2d(x, w, row.input("b"), {.stride = stride, .padding = padding, .groups = groups}));
}

Reading group_normed(GoldenRow& row) {
  const nlohmann::json& a = row.attributes();
  return group_norm(map_of(row), row.input("gamma"), row.input("beta"), a.at("groups"), a.at("eps"));
}

/// Heads as pictures: [B, heads, T, D] -> [B heads, T, D]. Several heads at once: self_attention_block.
Tensor by_head(const Tensor& x) {
  return x.reshape({-1, x.dim(2), x.dim(3)});
}

Tensor self_attention_block(GoldenRow& row) {
  const Tensor x = row.input("x");
  const Tensor q = linear(x, row.input("wq"), {}), k = linear(x, row.input("wk"), {}),
               v = linear(x, row.input("wv"), {});
  const Tensor y = attention(q, k, v, {.heads = row.attributes().at("heads")});
  return linear(y, row.input("wo"), row.input("bo"));
}

Run resized(Interpolation interpolation) {
  return [interpolation](GoldenRow& row) {
    const auto& size = row.attributes().at("size");
    const bool align = row.attributes().value("align_corners", false);
    return channels_first(resize(map_of(row), size.at(0), size.at(1), {interpolation, align}));
  };
}

const std::map<std::string, Run> kOps = {
    {"conv2d", convolution},
    {"conv_transpose2d",
     [](GoldenRow& row) { return channels_first(conv_transpose2d(map_of(row), row.input("w"), row.input("b"))); }},
    {"linear", [](GoldenRow& row) { return linear(row.input("x"), row.input("w"), row.input("b")); }},
    {"group_norm", [](GoldenRow& row) { return channels_first(group_normed(row).tensor()); }},
    {"group_norm_silu", [](GoldenRow& row) { return channels_first(silu(group_normed(row)).tensor()); }},
    {"layer_norm",
     [](GoldenRow& row) {
       return layer_norm(row.input("x"), row.input("gamma"), row.input("beta"), row.attributes().at("eps")).tensor();
     }},
    {"batch_norm",
     [](GoldenRow& row) {
       const double epsilon = row.attributes().at("eps");
       return channels_first(batch_norm(map_of(row), row.input("gamma"), row.input("beta"), epsilon));
     }},
    {"weight_standardised_conv2d",
     [](GoldenRow& row) {
       return channels_first(
           conv2d(map_of(row), standardised_weight(row.input("w"), row.attributes().at("eps")), {}, {}));
     }},
    {"l2_normalise", unary(l2_normalise)},
    {"softmax", unary(softmax)},
    {"attention",
     [](GoldenRow& row) {
       return attention(by_head(row.input("q")), by_head(row.input("k")), by_head(row.input("v")),
                        {.causal = row.attributes().value("causal", false)});
     }},
    {"self_attention_block", self_attention_block},
    {"silu", [](GoldenRow& row) { return silu(row.input("x")).tensor(); }},
    {"gelu", unary(gelu)},
    {"quick_gelu", unary(quick_gelu)},
    {"relu", unary(relu)},
    {"sigmoid", unary(sigmoid)},
    {"tanh", unary(tanh)},
    {"leaky_relu", unary(leaky_relu)},
    {"tanh_clamp", unary(tanh_clamp)},
    {"geglu", unary(geglu)},
    {"upsample_nearest",
     [](GoldenRow& row) {
       if (row.attributes().contains("size")) return resized(Interpolation::nearest)(row);
       return channels_first(upsample(map_of(row)).tensor());
     }},
    {"resize_bilinear", resized(Interpolation::bilinear)},
    {"resize_bicubic", resized(Interpolation::bicubic)},
    {"max_pool",
     [](GoldenRow& row) {
       const nlohmann::json& a = row.attributes();
       return channels_first(max_pool(map_of(row), {.kernel = a.at("kernel"), .stride = a.at("stride")}));
     }},
    {"mean", [](GoldenRow& row) { return mean_over_pixels(map_of(row)); }},
    {"concat", [](GoldenRow& row) { return channels_first(concat(map_of(row, "a"), map_of(row, "b")).tensor()); }},
    {"add_time",  // as a product adds it: a convolution by the unit matrix
     [](GoldenRow& row) {
       const Tensor x = map_of(row);
       Tensor unit = Tensor::zeros({x.dim(3), x.dim(3)});
       for (int64_t c = 0; c < x.dim(3); ++c) unit.edit<float>()[c * x.dim(3) + c] = 1;
       return channels_first(linear(x, unit, {}, Precision::f32, {.offset = row.input("t")}));
     }},
    {"residual",
     [](GoldenRow& row) {
       const Tensor x = row.input("x");
       return linear(x, row.input("w"), {}, Precision::f32, {.add = x, .activation = Activation::silu});
     }},
    {"reparametrise",
     [](GoldenRow& row) { return reparametrise(row.input("mean"), row.input("logvar"), row.input("n")); }},
    {"embedding", [](GoldenRow& row) { return embedding(row.input("table"), row.ids("ids")); }},
};

TEST(GoldenOps, ValuesAndGradientsOnEveryIsa) {
  const testing::GoldenFile file("training/ops");
  testing::for_each_isa([&] {
    for (const auto& json : file.json()) {
      GoldenRow row(file, json);
      SCOPED_TRACE(row.id());
      const std::string op = json.at("op");
      const double tolerance = json.at("tolerance");
      ASSERT_TRUE(kOps.contains(op)) << op;
      const Tensor y = kOps.at(op)(row);
      row.expect_near(y, "y", tolerance);
      row.expect_gradients(backward(y, row.constant("dy").reshape(y.shape())), tolerance);
    }
  });
}

}  // namespace
}  // namespace calotype
