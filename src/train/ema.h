#pragma once

#include <vector>

#include "nn/fresh_source.h"
#include "train/schedule.h"

namespace calotype {

/// The running average of trainable tensors: average += (1 - decay) (weight - average), after every update.
class Ema {
 public:
  /// Begins as a copy of the weights.
  Ema(const std::vector<NamedTensor>& parameters, EmaDecay decay);
  void update();
  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }
  /// The averages, under the parameters' names.
  const std::vector<NamedTensor>& averages() const { return averages_; }

  /// While one exists, the parameters hold the averages: for validation, samples and what is written out.
  class Swapped {
   public:
    explicit Swapped(Ema& ema) : ema_(ema) { ema_.swap(); }
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;
    ~Swapped() { ema_.swap(); }

   private:
    Ema& ema_;
  };

 private:
  void swap();

  std::vector<NamedTensor> parameters_, averages_;
  EmaDecay decay_;
  int64_t updates_ = 0;
};

}  // namespace calotype
