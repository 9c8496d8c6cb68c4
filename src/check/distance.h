#pragma once

#include <span>
#include <string>
#include <vector>

#include "check/report.h"
#include "tensor/tensor.h"

namespace calotype::checker {

/// Tensors of the reference lie channels first: ours of four axes, [B,H,W,C], are looked at as [B,C,H,W], others as
/// they are.
Shape reference_shape(const Tensor& x);
/// Values 0, stride, 2 stride, ... in the reference's order, f32 or f64.
std::vector<double> reference_values(const Tensor& x, int64_t stride = 1);

/// [B,C,H,W] -> [B,H,W,C], a copy without history; other ranks as they are.
Tensor maps_from_reference(const Tensor& x);

/// ||got - want|| / ||want||, or ||got|| where want is all zero; infinite where the sizes differ.
double relative_l2(std::span<const double> got, std::span<const double> want);
/// The greatest |got - want| divided by the root mean square of want.
double greatest_beside_rms(std::span<const double> got, std::span<const double> want);
/// The greatest |got - want| divided by max(1, max |want|).
double greatest_beside_one(std::span<const double> got, std::span<const double> want);
/// |got - want| / |want|, or |got| where want is zero.
double relative(double got, double want);
/// The greatest of those.
double greatest_relative(std::span<const double> got, std::span<const double> want);

/// Mean, root mean square, minimum and maximum.
struct Statistics {
  double mean = 0, rms = 0, least = 0, greatest = 0;
};
Statistics statistics(const Tensor& x);

}  // namespace calotype::checker
