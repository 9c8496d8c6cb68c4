#include "pipeline/preset.h"

#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

void fill(TextToImage& request, int64_t steps, double cfg_scale) {
  request.steps = request.steps.value_or(steps);
  request.cfg_scale = request.cfg_scale.value_or(cfg_scale);
}

}  // namespace

void apply_preset(TextToImage& request, const StableDiffusion& model) {
  require(request.preset.empty() || request.preset == "turbo" || request.preset == "none", ErrorKind::bad_input,
          "preset: there is none named '{}'; there are turbo, none", printable(request.preset, 40));
  const bool turbo = request.preset == "turbo" || (request.preset.empty() && model.turbo);
  if (!turbo) return fill(request, 20, 7.5);
  fill(request, 1, 1);
  if (request.sampler.empty()) request.sampler = "euler";
  if (request.scheduler.empty() && request.sigmas.empty() && request.spacing.empty()) request.spacing = "trailing";
  request.preset = "turbo";
}

}  // namespace calotype
