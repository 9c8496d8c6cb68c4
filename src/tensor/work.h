#pragma once

namespace calotype {

/// Floating-point operations of the products, convolutions and attentions that ops on this thread are asked for, two a
/// multiply-add of direct arithmetic, whichever kernel runs and whether or not it runs (`Measuring`). For benchmarks.
class CountingWork {
 public:
  CountingWork();
  CountingWork(const CountingWork&) = delete;
  CountingWork& operator=(const CountingWork&) = delete;
  ~CountingWork();
  double flop() const { return flop_; }
  double gflop() const { return 1e-9 * flop_; }

 private:
  friend void count_work(double flop);
  CountingWork* before_;
  double flop_ = 0;
};

/// What an op is about to do; the innermost counter of this thread takes note, if there is one.
void count_work(double flop);

}  // namespace calotype
