#pragma once

#include "tensor/history.h"

namespace calotype {

/// Element by element; shapes equal, or the smaller first axis repeats over the greater (picture b with b mod n).
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);

/// a x + b for every element.
Tensor affine(const Tensor& x, double a, double b);
inline Tensor operator*(const Tensor& x, double a) {
  return affine(x, a, 0);
}
inline Tensor operator*(double a, const Tensor& x) {
  return affine(x, a, 0);
}
inline Tensor operator+(const Tensor& x, double b) {
  return affine(x, 1, b);
}

/// One factor per picture: x [B, ...], factors [B] as plain numbers.
Tensor scale_pictures(const Tensor& x, std::span<const double> factors);

/// e to the x.
Tensor exp(const Tensor& x);

/// x [..., C] + row [C].
Tensor add_row(const Tensor& x, const Tensor& row);

/// x [n, ...] repeated to [times * n, ...].
Tensor repeat(const Tensor& x, int64_t times);

}  // namespace calotype
