#include "train/run.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/parallel.h"
#include "base/random.h"
#include "nn/layers.h"
#include "ops/losses.h"
#include "support/scratch.h"
#include "train/checkpoint.h"

namespace calotype {
namespace {

/// A little regression: what a run leaves in its checkpoint after `steps`, stopped once at `stop_at`.
std::vector<float> weights_after(const Scratch& folder, const std::string& name, int64_t steps, int64_t stop_at) {
  const auto train_once = [&](int64_t until) {
    Settings settings(folder.write(name + ".toml", fmt::format("out = \"{}\"\nsteps = {}\nwarmup = 2\n", name, steps)));
    FreshSource source(7);
    const Linear layer(Params(source) / "layer", 5, 3);
    TrainRun run(settings, source.parameters(), {}, {.base = 0.01}, {});
    settings.check_all_read();
    int64_t done = 0;
    TrainWatcher watcher;
    watcher.on_step = [&](const TrainProgress& progress) { done = progress.step; };
    watcher.stop = [&] { return done == until; };
    const auto step = [&](int64_t number) {
      Tensor x = Tensor::empty({4, 5}), y = Tensor::empty({4, 3});
      CounterRng rng(1, 1, static_cast<uint64_t>(number));
      rng.normal(x.edit<float>());
      rng.normal(y.edit<float>());
      return StepResult{mean_squared_error(layer(x), y)};
    };
    run.train({.step = step, .sample = {}, .save = {}}, watcher);
    const auto weights = source.parameters()[0].tensor.view<float>();
    return std::vector<float>(weights.begin(), weights.end());
  };
  if (stop_at > 0) {
    try {
      train_once(stop_at);
      ADD_FAILURE() << "it was not stopped";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::cancelled);
    }
  }
  return train_once(-1);
}

TEST(TrainRun, GoesOnWithTheSameBits) {
  const Scratch folder;
  EXPECT_EQ(weights_after(folder, "whole", 9, 0), weights_after(folder, "stopped", 9, 4));
}

TEST(TrainRun, AFinishedRunIsLeftAlone) {
  const Scratch folder;
  EXPECT_EQ(weights_after(folder, "run", 5, 0).size(), 15u);
  const auto time = std::filesystem::last_write_time(folder / "run" / "log.jsonl");
  weights_after(folder, "run", 5, 0);
  EXPECT_EQ(std::filesystem::last_write_time(folder / "run" / "log.jsonl"), time);
}

TEST(TrainRun, RefusesTheCheckpointOfAnother) {
  const Scratch folder;
  weights_after(folder, "run", 3, 0);
  Settings settings(folder.write("other.toml", "out = \"run\"\nsteps = 3\n"));
  FreshSource source(7);
  const Linear layer(Params(source) / "layer", 6, 3);
  TrainRun run(settings, source.parameters(), {}, {}, {});
  try {
    run.train({.step = [](int64_t) { return StepResult{}; }, .sample = {}, .save = {}}, {});
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_file);
    EXPECT_NE(std::string(error.what()).find("another run"), std::string::npos);
  }
}

TEST(TrainRun, StopsWhereTheLossIsNoNumber) {
  const Scratch folder;
  Settings settings(folder.write("nan.toml", "out = \"nan\"\nsteps = 3\n"));
  FreshSource source(7);
  const Linear layer(Params(source) / "layer", 2, 2);
  TrainRun run(settings, source.parameters(), {}, {}, {});
  const auto step = [&](int64_t) {
    return StepResult{mean_squared_error(layer(Tensor::full({1, 2}, NAN)), Tensor::zeros({1, 2}))};
  };
  try {
    run.train({.step = step, .sample = {}, .save = {}}, {});
    ADD_FAILURE() << "it went on";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("learning_rate"), std::string::npos);
  }
}

}  // namespace
}  // namespace calotype
