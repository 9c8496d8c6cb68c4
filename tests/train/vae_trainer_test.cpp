#include "train/vae_trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "load/stable_diffusion.h"
#include "support/scratch.h"
#include "train/pictures.h"

namespace calotype {
namespace {

/// Trains up to `steps`, going on from what is there, and says how close pictures come back.
double decibels_after(const Scratch& folder, int steps) {
  Settings settings(folder.write(
      "vae.toml", fmt::format("data = \"pictures\"\nheld_out = \"pictures\"\nout = \"run\"\nsteps = {}\nbatch = 4\n"
                              "crop = 32\nch = 8\ngroups = 4\nwarmup = 5\npca_steps = 0\nlearning_rate = 2e-3\n"
                              "decay_from = 1\nema_cap = 0.9\n",
                              steps)));
  train_vae(settings, {});
  double reached = 0;
  std::ifstream log(folder / "run/log.jsonl");
  for (std::string line; std::getline(log, line);)
    if (const auto json = nlohmann::json::parse(line); json.contains("held_out_psnr"))
      reached = json["held_out_psnr"].get<double>();
  return reached;
}

TEST(VaeTrainer, LearnsFourPicturesAndWritesAFileThatOpens) {
  const Scratch folder;
  write_pictures(folder / "pictures", 64);
  const double at_first = decibels_after(folder, 2), later = decibels_after(folder, 200);
  EXPECT_GT(later, at_first + 3) << "the squared error was not halved: " << at_first;
  const std::unique_ptr<Vae> vae = open_vae(folder / "run/vae.safetensors");
  EXPECT_EQ(vae->config.ch, 8);
  EXPECT_EQ(vae->config.groups, 4);
  EXPECT_TRUE(std::filesystem::exists(folder / "run/sheet_000200.png"));
}

}  // namespace
}  // namespace calotype
