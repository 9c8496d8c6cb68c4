#include "kernels/conv2d.h"

#include "base/isa.h"
#include "kernels/conv2d_product.h"
#include "kernels/conv2d_rows.h"
#include "kernels/conv2d_scalar.h"
#include "kernels/winograd.h"

namespace calotype::kernels {
namespace {

/// A last convolution: Winograd's transforms of many channels serve too few outputs.
const char* unless_narrow(const ConvShape& shape) {
  return shape.out <= 4 ? nullptr : "more than 4 outputs";
}

using Forward = void (*)(const Conv2d&);
constexpr Entry<ConvShape, Forward> kForward[] = {{"scalar", unless_scalar, scalar::conv2d},
                                                  {"narrow", unless_narrow, product_conv2d},
                                                  {"winograd", winograd_declines, winograd_forward},
                                                  {"product", takes_all, product_conv2d}};

using DataGradient = void (*)(const ConvShape&, Weights, const float*, float*);
constexpr Entry<ConvShape, DataGradient> kDataGradient[] = {
    {"scalar", unless_scalar, scalar::conv2d_data_gradient},
    {"winograd", winograd_data_gradient_declines, winograd_data_gradient},
    {"product", takes_all, product_conv2d_data_gradient}};

using WeightGradient = void (*)(const ConvShape&, const MapReading&, const float*, float*, float*);
constexpr Entry<ConvShape, WeightGradient> kWeightGradient[] = {
    {"scalar", unless_scalar, scalar::conv2d_weight_gradient},
    {"winograd", winograd_weight_gradient_declines, winograd_weight_gradient},
    {"product", takes_all, product_conv2d_weight_gradient}};

}  // namespace

void conv2d(const Conv2d& problem) {
  chosen(kForward, problem.shape).run(problem);
}

std::vector<int64_t> conv2d_row_cuts(const ConvShape& shape) {
  if (chosen(kForward, shape).run == winograd_forward) return winograd_row_cuts(shape);
  return {0, shape.out_height()};
}

void conv2d_rows(const Conv2d& problem, int64_t first, int64_t end) {
  if (end - first == problem.shape.out_height()) return conv2d(problem);
  winograd_forward_rows(problem, first, end);
}

void conv2d_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx) {
  chosen(kDataGradient, shape).run(shape, weight, dy, dx);
}

void conv2d_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                            float* dbias) {
  chosen(kWeightGradient, shape).run(shape, x, dy, dweight, dbias);
}

std::vector<KernelChoice> conv2d_choices(const ConvShape& shape) {
  return choices(kForward, shape);
}
std::vector<KernelChoice> conv2d_data_gradient_choices(const ConvShape& shape) {
  return choices(kDataGradient, shape);
}
std::vector<KernelChoice> conv2d_weight_gradient_choices(const ConvShape& shape) {
  return choices(kWeightGradient, shape);
}

}  // namespace calotype::kernels
