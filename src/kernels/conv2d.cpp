#include "kernels/conv2d.h"

#include "base/isa.h"
#include "kernels/conv2d_product.h"
#include "kernels/conv2d_scalar.h"
#include "kernels/winograd.h"

namespace calotype::kernels {
namespace {

/// Each list is tried in order. An entry declines a shape with a reason, or takes it (null); the last takes all.
template <class Run>
struct Entry {
  const char* name;
  const char* (*declines)(const ConvShape&);
  Run run;
};

const char* unless_scalar(const ConvShape&) {
  return isa() == Isa::scalar ? nullptr : "vectors are faster";
}
const char* takes_all(const ConvShape&) {
  return nullptr;
}

/// A last convolution: Winograd's transforms of many channels serve too few outputs.
const char* unless_narrow(const ConvShape& shape) {
  return shape.out <= 4 ? nullptr : "more than 4 outputs";
}

using Forward = void (*)(const Conv2d&);
constexpr Entry<Forward> kForward[] = {{"scalar", unless_scalar, scalar::conv2d},
                                       {"narrow", unless_narrow, product_conv2d},
                                       {"winograd", winograd_declines, winograd_forward},
                                       {"product", takes_all, product_conv2d}};

using DataGradient = void (*)(const ConvShape&, Weights, const float*, float*);
constexpr Entry<DataGradient> kDataGradient[] = {{"scalar", unless_scalar, scalar::conv2d_data_gradient},
                                                 {"winograd", winograd_data_gradient_declines, winograd_data_gradient},
                                                 {"product", takes_all, product_conv2d_data_gradient}};

using WeightGradient = void (*)(const ConvShape&, const MapReading&, const float*, float*, float*);
constexpr Entry<WeightGradient> kWeightGradient[] = {
    {"scalar", unless_scalar, scalar::conv2d_weight_gradient},
    {"winograd", winograd_weight_gradient_declines, winograd_weight_gradient},
    {"product", takes_all, product_conv2d_weight_gradient}};

template <class Run, size_t kCount>
const Entry<Run>& chosen(const Entry<Run> (&list)[kCount], const ConvShape& shape) {
  for (const Entry<Run>& entry : list)
    if (!entry.declines(shape)) return entry;
  return list[kCount - 1];
}

template <class Run, size_t kCount>
std::vector<KernelChoice> choices(const Entry<Run> (&list)[kCount], const ConvShape& shape) {
  std::vector<KernelChoice> result;
  for (const Entry<Run>& entry : list) result.push_back({entry.name, entry.declines(shape)});
  return result;
}

}  // namespace

void conv2d(const Conv2d& problem) {
  chosen(kForward, problem.shape).run(problem);
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
