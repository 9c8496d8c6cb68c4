#pragma once

#include <optional>

#include "pipeline/request.h"

namespace calotype {

/// How much memory there is.
struct MemoryLimit {
  int64_t bytes = 0;
  /// Set where somebody asked for a limit: all of the process counts then, weights while they are in use included, and
  /// this much it holds beside weights and tensors.
  std::optional<int64_t> held;

  /// What the system has left, for tensors; weights are mapped, and the system drops what it needs.
  static MemoryLimit available();
  /// All that this process may hold. Ask before anything is drawn.
  static MemoryLimit of_process(int64_t bytes);
};

/// The most bytes of tensors that drawing takes at once, as `run.memory` has it: network and decoder are run without
/// numbers, which takes milliseconds.
int64_t working_memory(const StableDiffusion& model, const Settled& run);
/// Those of decoding alone; `height` and `width` in cells.
int64_t decoding_memory(const Vae& vae, int64_t height, int64_t width, const DecodePlan& plan = {});
/// Those of encoding a picture of `height` x `width` pixels.
int64_t encoding_memory(const Vae& vae, int64_t height, int64_t width);

/// Floating-point operations of the network's calls and of decoding, counted in the same way: two a multiply-add of
/// direct arithmetic.
double drawing_work(const StableDiffusion& model, const Settled& run);

/// The fastest plan that fits. Throws `out_of_memory` where none does, saying what the smallest one takes.
MemoryPlan plan_memory(const StableDiffusion& model, const Settled& run, const MemoryLimit& limit);
/// The same where latents of `height` x `width` cells are only decoded.
DecodePlan plan_decoding(const StableDiffusion& model, int64_t height, int64_t width, const MemoryLimit& limit);

}  // namespace calotype
