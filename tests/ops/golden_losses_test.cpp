#include <functional>

#include "ops/depth_losses.h"
#include "ops/golden.h"
#include "ops/losses.h"

namespace calotype {
namespace {

using testing::GoldenRow;

const std::map<std::string, std::function<Tensor(GoldenRow&)>> kLosses = {
    {"mse", [](GoldenRow& row) { return mean_squared_error(row.input("p"), row.input("y")); }},
    {"mse_weighted",
     [](GoldenRow& row) {
       const std::vector<float> w = row.values("w");
       return mean_squared_error(row.input("p"), row.constant("y"), std::vector<double>(w.begin(), w.end()));
     }},
    {"l1", [](GoldenRow& row) { return mean_absolute_error(row.input("p"), row.input("y")); }},
    {"huber", [](GoldenRow& row) { return huber(row.input("p"), row.input("y"), row.attributes().at("c")); }},
    {"kl_gaussian", [](GoldenRow& row) { return gaussian_divergence(row.input("mean"), row.input("logvar")); }},
    {"cross_entropy", [](GoldenRow& row) { return cross_entropy(row.input("logits"), row.ids("target")); }},
    {"clip_contrastive",
     [](GoldenRow& row) { return contrastive(row.input("image"), row.input("text"), row.input("scale")); }},
    {"one_minus_cosine", [](GoldenRow& row) { return one_minus_cosine(row.input("a"), row.input("b")); }},
    {"hinge_discriminator", [](GoldenRow& row) { return hinge_discriminator(row.input("real"), row.input("fake")); }},
    {"hinge_generator", [](GoldenRow& row) { return hinge_generator(row.input("fake")); }},
    {"binary_cross_entropy_with_logits",
     [](GoldenRow& row) { return binary_cross_entropy(row.input("logits"), row.constant("target")); }},
    {"ssi_mse", [](GoldenRow& row) { return ssi_mse(row.input("d"), row.input("y"), row.constant("mask")); }},
    {"ssi_trimmed", [](GoldenRow& row) { return ssi_trimmed(row.input("d"), row.input("y"), row.constant("mask")); }},
    {"gradient_matching",
     [](GoldenRow& row) {
       return gradient_matching(row.input("d"), row.input("y"), row.constant("mask"), row.attributes().at("scales"));
     }},
};

TEST(GoldenLosses, ValuesAndGradients) {
  const testing::GoldenFile file("training/losses");
  for (const auto& json : file.json()) {
    GoldenRow row(file, json);
    SCOPED_TRACE(row.id());
    const std::string op = json.at("op");
    if (op == "noise_and_targets") continue;  // not an op: tests/diffusion
    ASSERT_TRUE(kLosses.contains(op)) << op;
    const Tensor loss = kLosses.at(op)(row);
    const double golden = json.at("loss");
    EXPECT_LE(std::abs(loss.item() - golden), 1e-6 * std::abs(golden));
    row.expect_gradients(backward(loss), 3e-6);
  }
}

}  // namespace
}  // namespace calotype
