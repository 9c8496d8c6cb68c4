#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/linear.h"

namespace calotype::bench {

/// A benchmark's whole main: for each instruction set asked for it prints `heading` and runs the shapes of
/// shapes/NAME.txt asked for, each with the length of one measurement in seconds.
using RunShape = std::function<void(const std::vector<std::string>& fields, double seconds)>;
int run_shapes(int argc, char** argv, const std::string& what, const std::string& name, const std::string& heading,
               const RunShape& run);

/// The best of many runs of `work`, which does `operations` floating-point operations.
struct Rate {
  double gflops;  // of a core: by CPU time of all threads
  double share;   // of the peak of one core in the precision of the work, measured between the runs
  double wall_ms;
};
Rate measure(double seconds, double operations, const std::function<void()>& work,
             kernels::Precision precision = kernels::Precision::f32);

/// Uniform in [-1, 1), the same for the same seed.
std::vector<float> random_floats(int64_t count, uint32_t seed, float scale = 1);

/// Relative root mean square of found against expected at sampled places.
class Sampled {
 public:
  void add(double found, double expected);
  double error() const;

 private:
  double error_ = 0, size_ = 0;
};

/// " 123.4  85% 3e-07"
std::string column(const Rate& rate, double error);

}  // namespace calotype::bench
