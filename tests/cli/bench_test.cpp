#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/parallel.h"
#include "cli/bench_report.h"
#include "cli/commands.h"

namespace calotype::cli {
namespace {

BenchSizes small_sizes() {
  BenchSizes sizes;
  sizes.unet = {.model_channels = 32,
                .channel_mult = {1, 2},
                .num_res_blocks = 1,
                .attention_resolutions = {2, 1},
                .num_head_channels = 16,
                .context_dim = 32,
                .groups = 8};
  sizes.vae = {.ch = 16, .ch_mult = {1, 1, 2, 2}, .num_res_blocks = 1, .groups = 8};
  sizes.text = {.width = 32, .layers = 3, .used_layers = 2, .heads = 2, .mlp_width = 64, .projection_width = 32};
  sizes.depth = {.trained_size = 64,
                 .stem_channels = 16,
                 .stage_depths = {1, 1, 1},
                 .stage_channels = {32, 64, 128},
                 .groups = 8,
                 .width = 32,
                 .layers = 2,
                 .heads = 2,
                 .mlp_width = 64,
                 .taps = {0, 1},
                 .features = 16};
  sizes.small_cells = 8;
  sizes.large_cells = 12;
  sizes.trained = sizes.unet;
  sizes.trained_cells = 4;
  sizes.trained_batch = 2;
  return sizes;
}

TEST(Bench, EveryRowHasItsTimesAndItsShareOfTheLimit) {
  BenchPeaks peaks;
  std::vector<std::string> phases;
  const std::vector<BenchRow> rows = run_bench(small_sizes(), {.rows = bench_row_names(), .steps = 2}, peaks,
                                               [&](const std::string& phase) { phases.push_back(phase); });
  EXPECT_EQ(phases.size(), bench_row_names().size() + 1) << "and the weights";
  const auto json = nlohmann::json::parse(bench_json(rows, peaks));
  const double peak = json.at("machine").at("f32_peak_gflops"), threads = json.at("machine").at("threads");
  EXPECT_GT(peak, 0);
  EXPECT_GT(json.at("peak_rss_mib"), 1);
  for (const char* key : {"cpu", "isa", "bf16_peak_gflops"}) EXPECT_TRUE(json.at("machine").contains(key)) << key;
  ASSERT_EQ(json.at("rows").size(), bench_row_names().size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& row = json["rows"][i];
    EXPECT_EQ(row.at("name"), bench_row_names()[i]);
    EXPECT_EQ(row.at("precision"), "f32");
    EXPECT_GT(row.at("seconds"), 0);
    EXPECT_GT(row.at("cpu_seconds"), 0);
    EXPECT_TRUE(row.at("share_of_bf16_limit").is_null());
    if (row["name"] == "load") {
      EXPECT_TRUE(row.at("limit_seconds").is_null());
      EXPECT_TRUE(row.at("share_of_limit").is_null());
      continue;
    }
    const double limit = row.at("limit_seconds"), cpu = row["cpu_seconds"];
    EXPECT_NEAR(limit, row.at("gflop").get<double>() / peak, 1e-12);
    EXPECT_NEAR(row.at("share_of_limit").get<double>(), cpu / threads / limit, 1e-6 * cpu / threads / limit);
  }
}

TEST(Bench, CountsTheArithmeticOfTheTextTower) {
  BenchPeaks peaks;
  const BenchSizes sizes = small_sizes();
  const auto rows = run_bench(sizes, {.rows = {"text_2"}, .steps = 1}, peaks, [](const std::string&) {});
  ASSERT_EQ(rows.size(), 1u);
  // Two prompts of 77 tokens, two blocks: four square products, the two of the MLP, the two of attention.
  const double tokens = 2 * 77, width = 32, mlp = 64, blocks = 2;
  const double expected = blocks * 2 * tokens * (4 * width * width + 2 * width * mlp + 2 * 77 * width);
  EXPECT_NEAR(rows[0].gflop, 1e-9 * expected, 1e-15 * expected);
}

TEST(Bench, RefusesWhatItDoesNotKnow) {
  const auto refusal = [](const std::vector<std::string>& words) -> std::string {
    try {
      bench(words);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_input);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal({"--only", "unet_step_46"}).find("unet_step_64"), std::string::npos);
  EXPECT_NE(refusal({"--size", "640"}).find("512, 768"), std::string::npos);
  EXPECT_NE(refusal({"--precision", "f8"}), "accepted");
  EXPECT_NE(refusal({"--steps", "0"}), "accepted");
}

}  // namespace
}  // namespace calotype::cli
