#include "ops/low_rank.h"

#include <utility>

#include "ops/arithmetic.h"

namespace calotype {

Tensor linear(const Reading& x, const Tensor& weight, const Tensor& bias, const LowRank& change, Precision precision,
              Epilogue epilogue) {
  Tensor y = linear(linear(x, change.down, {}, precision), change.up, {}, precision);
  y = linear(x, weight, bias, precision, {.offset = std::move(epilogue.offset), .add = std::move(y)});
  y = activated(std::move(y), epilogue.activation);
  return epilogue.add ? y + epilogue.add : y;
}

}  // namespace calotype
