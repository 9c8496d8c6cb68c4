#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "ops/embedding.h"
#include "ops/gradient_cases.h"

namespace calotype {
namespace {

using testing::GradientCase;

/// Every op that cannot be differentiated, and every other function of src/ops that returns a tensor.
const std::set<std::string> kWithoutGradient = {"clamped", "sinusoid"};
const std::set<std::string> kNotOps = {"widened", "left_channel_sums", "channel_sums_of"};

std::vector<GradientCase> all_cases() {
  std::vector<GradientCase> cases;
  for (const auto& part :
       {testing::elementwise_cases(), testing::structure_cases(), testing::product_cases(), testing::loss_cases()})
    cases.insert(cases.end(), part.begin(), part.end());
  return cases;
}

TEST(Gradients, Elementwise) {
  for (const GradientCase& c : testing::elementwise_cases()) testing::check_gradient(c);
}

TEST(Gradients, Structure) {
  for (const GradientCase& c : testing::structure_cases()) testing::check_gradient(c);
}

TEST(Gradients, Products) {
  for (const GradientCase& c : testing::product_cases()) testing::check_gradient(c);
}

TEST(Gradients, Losses) {
  for (const GradientCase& c : testing::loss_cases()) testing::check_gradient(c);
}

/// Reads the headers: an op without a gradient test fails here.
TEST(Gradients, EveryOpIsTested) {
  std::set<std::string> tested;
  for (const GradientCase& c : all_cases()) tested.insert(c.name);
  const auto folder = std::filesystem::path(CALOTYPE_TEST_DATA) / "../../src/ops";
  const std::regex declaration("^(?:inline )?(?:Tensor|Reading) ([a-z_0-9]+|operator[^ (]+)\\(");
  std::set<std::string> declared;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream header(entry.path());
    for (std::string line; std::getline(header, line);) {
      std::smatch match;
      if (std::regex_search(line, match, declaration) && !kNotOps.contains(match[1])) declared.insert(match[1]);
    }
  }
  EXPECT_GE(declared.size(), 50u);
  for (const std::string& name : declared)
    EXPECT_TRUE(tested.contains(name) || kWithoutGradient.contains(name)) << name << " has no gradient test";
  for (const std::string& name : tested) EXPECT_TRUE(declared.contains(name)) << name << " is not declared";
}

}  // namespace
}  // namespace calotype
