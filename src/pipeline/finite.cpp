#include "pipeline/finite.h"

#include <algorithm>
#include <cmath>

namespace calotype {

void require_finite(const Tensor& tensor, const char* what) {
  const auto values = tensor.view<float>();
  const auto wrong = std::ranges::count_if(values, [](float value) { return !std::isfinite(value); });
  if (wrong > 0)
    throw NotFinite(ErrorKind::internal, fmt::format("{} of {} values of {} are no finite numbers; less guidance or "
                                                     "another sampler may help",
                                                     wrong, values.size(), what));
}

}  // namespace calotype
