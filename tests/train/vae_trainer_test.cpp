#include "train/vae_trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "load/stable_diffusion.h"
#include "ops/losses.h"
#include "support/scratch.h"
#include "train/dataset.h"
#include "train/pictures.h"

namespace calotype {
namespace {

/// Four pictures are learned by heart, the file that is written opens, and the log can be read.
TEST(VaeTrainer, LearnsFourPictures) {
  const Scratch folder;
  write_pictures(folder / "pictures", 64);
  Settings settings(folder.write("vae.toml",
                                 "data = \"pictures\"\nheld_out = \"pictures\"\nout = \"run\"\nsteps = 60\nbatch = 4\n"
                                 "crop = 16\nch = 8\ngroups = 4\nwarmup = 5\npca_steps = 30\nlearning_rate = 3e-3\n"
                                 "log_every = 10\n"));
  train_vae(settings, {});
  const std::unique_ptr<Vae> vae = open_vae(folder / "run" / "vae.safetensors");
  EXPECT_EQ(vae->config.ch, 8);
  EXPECT_EQ(vae->config.groups, 4);

  double first = 0, last = 0;
  std::ifstream log(folder / "run" / "log.jsonl");
  for (std::string line; std::getline(log, line);) {
    const auto json = nlohmann::json::parse(line);
    if (!json.contains("psnr")) continue;
    last = json["psnr"].get<double>();
    if (first == 0) first = last;
  }
  EXPECT_GT(last, first + 2);
  EXPECT_GT(last, 12);
  EXPECT_TRUE(std::filesystem::exists(folder / "run" / "sheet_000060.png"));
}

}  // namespace
}  // namespace calotype
