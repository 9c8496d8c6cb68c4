#pragma once

#include <functional>
#include <map>
#include <string>

#include "train/ema.h"
#include "train/optimizer.h"
#include "train/settings.h"

namespace calotype {

/// What a run tells whoever watches it, after every step.
struct TrainProgress {
  int64_t step = 0, steps = 0;
  double loss = 0, gradient_norm = 0, learning_rate = 0;
  double seconds_a_step = 0;  // a running mean
};

/// Who watches: `on_step` after each step, `on_note` for a line to be read; `stop` is asked before each step.
struct TrainWatcher {
  std::function<void(const TrainProgress&)> on_step = [](const TrainProgress&) {};
  std::function<void(const std::string&)> on_note = [](const std::string&) {};
  std::function<bool()> stop = [] { return false; };
};

/// What a step yields: the loss to be walked back from, and numbers for the log.
struct StepResult {
  Tensor loss;
  std::map<std::string, double> numbers = {};
};

/// The common part of every training: update, average, log, checkpoint, resume. What a step does is a function of its
/// number alone (random numbers are drawn by address), so a run that was cut off goes on with the same bits.
///
/// In the folder `out`: `log.jsonl` (a line every `log_every` steps), `checkpoint.safetensors` (every
/// `checkpoint_minutes`, at the end, and on a stop), and whatever `save` writes.
class TrainRun {
 public:
  /// Reads the common settings: out, steps, learning_rate, warmup, decay_from, floor, beta1, beta2, weight_decay, clip,
  /// ema_cap, ema_power (0: (1 + n) / (10 + n)), seed, log_every, checkpoint_minutes, sample_minutes.
  TrainRun(Settings& settings, std::vector<NamedTensor> parameters, AdamWOptions adam_defaults,
           LearningRate rate_defaults, EmaDecay ema_defaults);

  struct Callbacks {
    std::function<StepResult(int64_t step)> step;
    /// With the averages in place of the weights, every `sample_minutes` and at the end: validation numbers for the
    /// log, sample sheets.
    std::function<std::map<std::string, double>(int64_t step)> sample;
    /// With the averages in place, whenever a checkpoint is written: the model as a file for use.
    std::function<void()> save;
  };
  /// Trains up to `steps`; goes on from the folder's checkpoint if there is one. Throws `cancelled` when stopped (after
  /// the checkpoint), `bad_input` when the loss is no number.
  void train(const Callbacks& callbacks, const TrainWatcher& watcher);

  const std::filesystem::path& out() const { return out_; }
  uint64_t seed() const { return seed_; }
  int64_t steps() const { return steps_; }

 private:
  void resume(const TrainWatcher& watcher);
  void write_checkpoint(const Callbacks& callbacks);
  void log(int64_t step, const std::map<std::string, double>& numbers) const;
  std::vector<NamedTensor> state() const;

  std::filesystem::path out_;
  LearningRate rate_;
  double clip_;
  int64_t steps_, log_every_;
  double checkpoint_minutes_, sample_minutes_;
  uint64_t seed_;
  std::vector<NamedTensor> parameters_;
  AdamW adam_;
  Ema ema_;
  int64_t done_ = 0;
};

}  // namespace calotype
