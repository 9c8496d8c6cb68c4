#include "pipeline/preset.h"

#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

template <class T>
void set_default(T& value, const T& otherwise, const T& wanted) {
  if (value == otherwise) value = wanted;
}

}  // namespace

void apply_preset(TextToImage& request, const StableDiffusion& model) {
  require(request.preset.empty() || request.preset == "turbo" || request.preset == "none", ErrorKind::bad_input,
          "preset: there is none named '{}'; there are turbo, none", printable(request.preset, 40));
  const bool turbo = request.preset == "turbo" || (request.preset.empty() && model.turbo);
  if (!turbo) return;
  const TextToImage usual;
  set_default(request.sampler, usual.sampler, std::string("euler"));
  set_default(request.steps, usual.steps, int64_t{1});
  set_default(request.cfg_scale, usual.cfg_scale, 1.0);
  if (request.scheduler.empty() && request.sigmas.empty())
    set_default(request.spacing, usual.spacing, std::string("trailing"));
  request.preset = "turbo";
}

}  // namespace calotype
