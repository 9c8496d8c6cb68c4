#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/model_config.h"
#include "nn/params.h"

namespace calotype::cli {

/// The networks that `calotype bench` measures, and the sizes of what they are given: those of Stable Diffusion 2, and
/// of the small network that is trained. Tests have smaller ones.
struct BenchSizes {
  UNetConfig unet = {};
  VaeConfig vae = {};
  TextConfig text = {.projection_width = 1024};
  DepthConfig depth = {};
  int64_t small_cells = 64, large_cells = 96;  // a side of the latents of the two sizes of pictures
  UNetConfig trained = {.model_channels = 64, .num_head_channels = 64, .context_dim = 256};
  int64_t trained_cells = 16, trained_batch = 16;
};

struct BenchRequest {
  std::vector<std::string> rows;  // some of bench_row_names()
  int64_t steps = 3;              // of the UNet, in each of its rows
  Precision precision = Precision::f32;
};

/// All rows, in the order in which they run; each network is let go after its last row.
const std::vector<std::string>& bench_row_names();

/// What a repetition took, and what it had to do.
struct BenchRow {
  std::string name;
  Precision precision = Precision::f32;
  double seconds = 0, cpu_seconds = 0;  // the best repetition: wall clock, and CPU of all threads
  double gflop = 0;                     // direct arithmetic; 0 where there is none to speak of
};

/// The rates that rows are compared with: multiply-adds from registers on all threads together, the best of what was
/// seen between the repetitions. bf16 is 0 where the instruction set in use has no products of bf16.
struct BenchPeaks {
  double f32_gflops = 0, bf16_gflops = 0;
  void look();
};

/// Runs the rows, and says of each what begins. Weights are the formula's, f16, in a temporary file that is mapped.
/// Throws `cannot_write` where there is no room for it.
std::vector<BenchRow> run_bench(const BenchSizes& sizes, const BenchRequest& request, BenchPeaks& peaks,
                                const std::function<void(const std::string& phase)>& on_phase);

}  // namespace calotype::cli
