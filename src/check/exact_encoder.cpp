#include "check/exact_encoder.h"

#include <algorithm>
#include <span>
#include <string>

#include "load/formula_source.h"
#include "models/vae.h"
#include "ops/structure.h"

namespace calotype::checker {
namespace {

/// Weights of another source, widened.
class WideSource : public ParamSource {
 public:
  explicit WideSource(ParamSource& inner) : inner_(inner) {}
  Tensor get(const std::string& path, const Shape& shape, Init init) override {
    const Tensor narrow = inner_.get(path, shape, init);
    Tensor wide = Tensor::empty(narrow.shape(), DType::f64);
    std::ranges::copy(narrow.view<float>(), wide.edit<double>().begin());
    return wide;
  }

 private:
  ParamSource& inner_;
};

}  // namespace

Tensor exact_moments(const VaeConfig& config, const std::vector<double>& pictures, const Shape& shape) {
  const NoGrad inference;
  FormulaSource narrow(vae_keys(config), "first_stage_model.");
  WideSource wide(narrow);
  const Vae vae(Params(wide), config);
  const Posterior posterior = vae.encode(channels_last(Tensor::from(std::span(pictures), shape)));
  return concat_channels(posterior.mean, posterior.log_variance);
}

}  // namespace calotype::checker
