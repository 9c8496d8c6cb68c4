#include "diffusion/guidance.h"

#include <vector>

#include "ops/combine.h"
#include "tensor/history.h"

namespace calotype {

Tensor guided(const Tensor& without, const Tensor& with, double scale, double rescale) {
  check(with.shape().rank() >= 2, "guidance: takes [B, ...], not {}", with.shape().text());
  const Tensor out = combine({{1 - scale, without}, {scale, with}});
  if (rescale == 0) return out;
  const std::vector<double> wanted = deviations(with.detach()), found = deviations(out.detach());
  std::vector<double> factors(wanted.size(), 1.0);
  for (size_t b = 0; b < factors.size(); ++b)
    if (found[b] > 0) factors[b] = 1 + rescale * (wanted[b] / found[b] - 1);
  return not_differentiable("guided", combine({{factors, out.detach()}}), {without, with});
}

}  // namespace calotype
