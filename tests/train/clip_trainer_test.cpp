#include "train/clip_trainer.h"

#include <gtest/gtest.h>

#include "load/stable_diffusion.h"
#include "support/scratch.h"
#include "train/pictures.h"

namespace calotype {
namespace {

/// Four colours and their names find each other, and the text tower that is written opens.
TEST(ClipTrainer, PairsFourPicturesWithTheirNames) {
  const Scratch folder;
  write_pictures(folder / "pictures", 32);
  Settings settings(folder.write("clip.toml",
                                 "data = \"pictures\"\nplain = \"pictures\"\nout = \"run\"\nsteps = 40\nbatch = 4\n"
                                 "size = 16\npatch = 8\nwidth = 16\nlayers = 2\nheads = 2\ntokens = 8\nwarmup = 5\n"
                                 "learning_rate = 1e-2\nema_cap = 0.5\n"));
  std::string last;
  TrainWatcher watcher;
  watcher.on_note = [&](const std::string& note) { last = note; };
  train_clip(settings, watcher);
  EXPECT_NE(last.find("first for 100 %"), std::string::npos) << last;
  const auto text = open_text_encoder(folder / "run/text.safetensors");
  EXPECT_EQ(text->config.width, 16);
  EXPECT_EQ(text->config.used_layers, 1);
}

}  // namespace
}  // namespace calotype
