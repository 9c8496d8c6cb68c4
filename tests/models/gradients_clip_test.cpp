#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "models/clip.h"
#include "models/original_network.h"
#include "ops/losses.h"
#include "ops/norm.h"

namespace calotype {
namespace {

const TextConfig kText{
    .width = 64, .layers = 2, .used_layers = 2, .heads = 2, .mlp_width = 256, .projection_width = 32};
const ImageTowerConfig kImage{
    .image_size = 28, .width = 64, .layers = 2, .heads = 2, .mlp_width = 256, .projection_width = 32};

TEST(GradientsOfClip, ContrastiveLoss) {
  const testing::GoldenFile golden("training/clip");
  const nlohmann::json& row = golden.json().at(0);
  testing::OriginalWeights text_weights(text_keys(kText), ""), image_weights(image_tower_keys(kImage), "");
  const TextEncoder text(Params(text_weights.source()), kText);
  const ImageTower image(Params(image_weights.source()) / "image", kImage);
  const Tensor log_scale = text_weights.source().get("logit_scale", {}, Init::ones());
  EXPECT_NEAR(std::exp(log_scale.item()), row.at("logit_scale").get<double>(), 1e-6);

  const std::vector<int64_t> wide = golden.values<int64_t>("inputs/ids");
  const std::vector<int32_t> ids(wide.begin(), wide.end());
  const Tensor texts = text.pooled(ids), images = image(testing::golden_map(golden, "inputs/image"));
  testing::expect_near(l2_normalise(texts), golden, "clip/text_features", 2e-5);
  testing::expect_near(l2_normalise(images), golden, "clip/image_features", 2e-5);
  const Tensor loss = contrastive(images, texts, log_scale);
  testing::expect_number(loss.item(), row.at("loss"), 2e-6, "loss");

  const testing::OriginalGradients gradients(backward(loss), {&text_weights, &image_weights});
  testing::expect_number(gradients.norm(), row.at("grad_norm"), 1e-5, "grad_norm");
  gradients.expect_near(golden, "clip/d/", 2e-5);
  gradients.expect_norms_and_directions(row.at("norm_and_direction"), "token_embedding.weight");

  // Of the token table's gradient only the rows that a caption uses are anything.
  const std::vector<float>& table = gradients.of("token_embedding.weight");
  const std::vector<int64_t> used = golden.values<int64_t>("clip/used_ids");
  std::vector<float> rows;
  for (const int64_t id : used) rows.insert(rows.end(), &table[id * kText.width], &table[(id + 1) * kText.width]);
  EXPECT_LE(testing::distance(rows, golden.values<float>("clip/d/token_embedding.rows")), 2e-5);
  const std::set<int64_t> known(used.begin(), used.end());
  for (int64_t i = 0; i < int64_t(table.size()); ++i) {
    const int64_t row_of_table = i / kText.width;
    if (known.contains(row_of_table)) continue;
    ASSERT_EQ(table[i], 0) << "row " << row_of_table;
  }
}

}  // namespace
}  // namespace calotype
