#include "train/run.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>

#include "io/printable.h"
#include "train/checkpoint.h"

namespace calotype {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

AdamWOptions adam_options(Settings& settings, AdamWOptions options) {
  options.beta1 = settings.number("beta1", options.beta1, 0, 1);
  options.beta2 = settings.number("beta2", options.beta2, 0, 1);
  options.decay = settings.number("weight_decay", options.decay, 0, 10);
  return options;
}

EmaDecay ema_decay(Settings& settings, EmaDecay decay) {
  decay.cap = settings.number("ema_cap", decay.cap, 0, 1);
  decay.power = settings.number("ema_power", decay.kind == EmaDecay::Kind::ldm ? 0 : decay.power, 0, 10);
  decay.kind = decay.power == 0 ? EmaDecay::Kind::ldm : EmaDecay::Kind::power;
  return decay;
}

}  // namespace

TrainRun::TrainRun(Settings& settings, std::vector<NamedTensor> parameters, AdamWOptions adam_defaults,
                   LearningRate rate, EmaDecay ema_defaults)
    : out_(settings.path("out")),
      rate_{.base = settings.number("learning_rate", rate.base, 0, 100),
            .warmup = settings.integer("warmup", rate.warmup, 0, int64_t{1} << 40),
            .total = settings.integer("steps", rate.total, 1, int64_t{1} << 40),
            .decay_from = settings.number("decay_from", rate.decay_from, 0, 1),
            .floor = settings.number("floor", rate.floor, 0, 1)},
      clip_(settings.number("clip", 1, 0, 1e9)),
      steps_(rate_.total),
      log_every_(settings.integer("log_every", 20, 1, int64_t{1} << 40)),
      checkpoint_minutes_(settings.number("checkpoint_minutes", 5, 0, 1e6)),
      sample_minutes_(settings.number("sample_minutes", 10, 0, 1e6)),
      seed_(static_cast<uint64_t>(settings.integer("seed", 0, 0, INT64_MAX))),
      parameters_(parameters),
      adam_(parameters, adam_options(settings, adam_defaults)),
      ema_(parameters, ema_decay(settings, ema_defaults)) {
  std::error_code error;
  std::filesystem::create_directories(out_, error);
  require(std::filesystem::is_directory(out_), ErrorKind::cannot_write, "{}: cannot be made a folder: {}",
          out_.string(), error.message());
}

std::vector<NamedTensor> TrainRun::state() const {
  std::vector<NamedTensor> all = adam_.state();
  for (const NamedTensor& parameter : parameters_) all.push_back({parameter.name, parameter.tensor.detach()});
  for (const NamedTensor& average : ema_.averages()) all.push_back({average.name + "/average", average.tensor});
  return all;
}

void TrainRun::resume(const TrainWatcher& watcher) {
  const std::filesystem::path file = out_ / "checkpoint.safetensors";
  if (!std::filesystem::exists(file)) return;
  std::vector<NamedTensor> tensors = state();
  const auto words = read_training_state(file, tensors);
  const auto number = [&](const char* key) {
    const auto found = words.find(key);
    require(found != words.end(), ErrorKind::bad_file, "{}: it does not say {}", file.string(), key);
    const std::string& text = found->second;
    int64_t number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    require(error == std::errc{} && end == text.data() + text.size() && number >= 0, ErrorKind::bad_file,
            "{}: {}: a whole number from 0 on was expected, not '{}'", file.string(), key, printable(text, 40));
    return number;
  };
  require(static_cast<uint64_t>(number("seed")) == seed_, ErrorKind::bad_file,
          "{}: it was trained with seed {}, the settings say {}", file.string(), number("seed"), seed_);
  done_ = number("step");
  adam_.set_steps(number("adam_steps"));
  ema_.set_updates(number("ema_updates"));
  watcher.on_note(fmt::format("goes on from step {} of {}", done_, file.string()));
}

void TrainRun::write_checkpoint(const Callbacks& callbacks) {
  write_training_state(out_ / "checkpoint.safetensors", state(),
                       {{"step", std::to_string(done_)},
                        {"adam_steps", std::to_string(adam_.steps())},
                        {"ema_updates", std::to_string(ema_.updates())},
                        {"seed", std::to_string(seed_)}});
  if (!callbacks.save) return;
  const NoGrad no_history;
  const Ema::Swapped averages(ema_);
  callbacks.save();
}

void TrainRun::log(int64_t step, const std::map<std::string, double>& numbers) const {
  std::string line = fmt::format("{{\"step\": {}", step);
  for (const auto& [key, value] : numbers) line += fmt::format(", \"{}\": {:.6g}", key, value);
  std::ofstream(out_ / "log.jsonl", std::ios::app) << line << "}\n";
}

void TrainRun::train(const Callbacks& callbacks, const TrainWatcher& watcher) {
  resume(watcher);
  const auto start = Clock::now();
  auto last_checkpoint = start, last_sample = start;
  double mean_seconds = 0, mean_loss = 0;
  const auto sample = [&] {
    if (!callbacks.sample) return;
    const NoGrad no_history;
    const Ema::Swapped averages(ema_);
    log(done_, callbacks.sample(done_));
  };
  while (done_ < steps_) {
    if (watcher.stop()) {
      write_checkpoint(callbacks);
      fail(ErrorKind::cancelled, "stopped after step {}; the same command goes on from there", done_);
    }
    const auto step_start = Clock::now();
    StepResult result = callbacks.step(done_);
    const double loss = result.loss.item();
    require(std::isfinite(loss), ErrorKind::bad_input,
            "step {}: the loss is no number; a lower learning_rate or a lower clip may help", done_);
    Gradients gradients = backward(result.loss);
    const double norm = gradient_norm(parameters_, gradients);
    require(std::isfinite(norm), ErrorKind::bad_input, "step {}: a gradient is no number", done_);
    if (clip_ > 0) clip_gradients(parameters_, gradients, norm, clip_);
    const double rate = rate_.at(done_);
    adam_.step(gradients, rate);
    ema_.update();
    ++done_;
    const double seconds = seconds_since(step_start);
    const double keep = std::min(0.98, static_cast<double>(done_ - 1) / static_cast<double>(done_ + 8));
    mean_seconds = mean_seconds == 0 ? seconds : keep * mean_seconds + (1 - keep) * seconds;
    mean_loss = mean_loss == 0 ? loss : 0.98 * mean_loss + 0.02 * loss;
    if (done_ % log_every_ == 0 || done_ == steps_) {
      result.numbers["loss"] = loss;
      result.numbers["loss_mean"] = mean_loss;
      result.numbers["gradient_norm"] = norm;
      result.numbers["learning_rate"] = rate;
      result.numbers["seconds"] = mean_seconds;
      log(done_, result.numbers);
    }
    watcher.on_step({.step = done_,
                     .steps = steps_,
                     .loss = mean_loss,
                     .gradient_norm = norm,
                     .learning_rate = rate,
                     .seconds_a_step = mean_seconds});
    if (done_ < steps_ && seconds_since(last_sample) > 60 * sample_minutes_) {
      sample();
      last_sample = Clock::now();
    }
    if (done_ < steps_ && seconds_since(last_checkpoint) > 60 * checkpoint_minutes_) {
      write_checkpoint(callbacks);
      last_checkpoint = Clock::now();
    }
  }
  write_checkpoint(callbacks);
  sample();
}

}  // namespace calotype
