#include "train/unet_trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/output_file.h"
#include "load/stable_diffusion.h"
#include "load/write_model.h"
#include "support/scratch.h"
#include "train/pictures.h"

namespace calotype {
namespace {

/// An autoencoder and a text tower of fresh weights: enough to train a network beside.
void write_frozen_parts(const std::filesystem::path& folder) {
  const VaeConfig vae{.ch = 8, .ch_mult = {1, 2, 2, 2}, .num_res_blocks = 1, .groups = 4};
  const TextConfig text{.width = 16, .layers = 2, .used_layers = 1, .heads = 2, .mlp_width = 64};
  FreshSource vae_source(1), text_source(2);
  Vae{Params(vae_source), vae};
  TextEncoder{Params(text_source), text};
  write_original(folder / "vae.safetensors", {{"first_stage_model.", vae_keys(vae), vae_source.parameters()}},
                 DType::f16);
  write_text(folder / "vae.yaml", original_yaml({.vae = vae}));
  write_original(folder / "text.safetensors", {{"cond_stage_model.model.", text_keys(text), text_source.parameters()}},
                 DType::f16);
  write_text(folder / "text.yaml", original_yaml({.text = text}));
}

std::vector<double> logged(const std::filesystem::path& file, const char* key) {
  std::vector<double> values;
  std::ifstream log(file);
  for (std::string line; std::getline(log, line);)
    if (const auto json = nlohmann::json::parse(line); json.contains(key)) values.push_back(json[key].get<double>());
  return values;
}

TEST(UNetTrainer, LearnsWritesAndGoesOn) {
  const Scratch folder;
  write_pictures(folder / "pictures", 64);
  write_frozen_parts(folder / "");
  folder.write("prompts.txt", "a red square\na blue square\n");
  const auto train = [&](int steps) {
    Settings settings(folder.write(
        "unet.toml", fmt::format("data = \"pictures\"\nheld_out = \"pictures\"\nvae = \"vae.safetensors\"\n"
                                 "text = \"text.safetensors\"\nprompts = \"prompts.txt\"\nout = \"run\"\nsteps = {}\n"
                                 "size = 64\nbatch = 4\nmodel_channels = 8\nnum_head_channels = 8\ngroups = 4\n"
                                 "warmup = 2\nlearning_rate = 3e-3\nlog_every = 5\nema_cap = 0.5\n",
                                 steps)));
    std::vector<std::string> notes;
    TrainWatcher watcher;
    watcher.on_note = [&](const std::string& note) { notes.push_back(note); };
    train_unet(settings, watcher);
    return notes;
  };
  const auto first = train(20), second = train(60);
  EXPECT_NE(first.front().find("encodes 4 pictures"), std::string::npos);
  EXPECT_NE(second.front().find("goes on from step 20"), std::string::npos) << "the latents are kept";
  const auto seen = logged(folder / "run/log.jsonl", "seen");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_LT(seen[1], seen[0]);
  EXPECT_LT(seen[1], 0.97);  // a network that has learned nothing stands at 1

  const StableDiffusion model = open_stable_diffusion(folder / "run/unet.safetensors");
  EXPECT_EQ(model.prediction, Prediction::v_prediction);
  EXPECT_TRUE(model.noise.zero_terminal_snr);
  EXPECT_EQ(model.native_size(), 64);
  EXPECT_TRUE(std::filesystem::exists(folder / "run/sheet_000060.png"));
}

}  // namespace
}  // namespace calotype
