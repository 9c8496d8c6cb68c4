#include "base/formula.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "support/golden_file.h"

namespace calotype {
namespace {

nlohmann::json synthetic() {
  return nlohmann::json::parse(std::ifstream(testing::data_path("networks/synthetic.json")));
}

// The file has the shortest decimals that give the same floats back, so all comparisons are exact.
TEST(Formula, GivesTheReferenceWeights) {
  const auto cases = synthetic().at("weights");
  ASSERT_GE(cases.size(), 20u);
  for (const auto& weight : cases) {
    const auto key = weight.at("key").get<std::string>();
    const auto extents = weight.at("shape").get<std::vector<int64_t>>();
    const FormulaScale scale = formula_scale(key, extents);
    EXPECT_EQ(scale.offset, weight.at("offset").get<float>()) << key;
    EXPECT_EQ(scale.scale, weight.at("scale").get<float>()) << key;

    int64_t count = 1;
    for (const int64_t extent : extents) count *= extent;
    std::vector<float> values(count);
    fill_formula(key, scale, 0, values);
    const auto first = weight.at("first").get<std::vector<float>>();
    EXPECT_EQ(std::vector<float>(values.begin(), values.begin() + static_cast<int64_t>(first.size())), first) << key;
    EXPECT_EQ(values.back(), weight.at("last").get<float>()) << key;

    // A sum in double of values up to 2: each addition rounds by at most half a unit of the running sum.
    double sum = 0, magnitude = 0;
    for (const float value : values) sum += value, magnitude += std::fabs(value);
    EXPECT_NEAR(sum, weight.at("sum").get<double>(), 0x1p-52 * static_cast<double>(count) * magnitude) << key;
  }
}

TEST(Formula, GivesTheReferenceInputs) {
  const auto cases = synthetic().at("inputs");
  ASSERT_GE(cases.size(), 3u);
  for (const auto& input : cases) {
    const auto key = input.at("key").get<std::string>();
    const auto noise = input.at("noise").get<std::vector<float>>();
    std::vector<float> values(noise.size());
    fill_formula_noise(key, values);
    EXPECT_EQ(values, noise) << key;
    fill_formula(key, {0, 1}, 0, values);
    EXPECT_EQ(values, input.at("uniform").get<std::vector<float>>()) << key;
  }
}

TEST(Formula, AnyStretchIsThatOfTheWhole) {
  std::vector<float> whole(1000), part(300);
  fill_formula("some.weight", {1, 0.1f}, 0, whole);
  fill_formula("some.weight", {1, 0.1f}, 450, part);
  EXPECT_EQ(part, std::vector<float>(whole.begin() + 450, whole.begin() + 750));
}

}  // namespace
}  // namespace calotype
