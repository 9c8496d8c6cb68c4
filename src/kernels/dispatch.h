#pragma once

// How a kernel source of ours is compiled once per instruction set, and chosen. The build names the sets (AVX2 and
// AVX-512 on x86), so that every version of Highway compiles the same few. A source looks like this:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "kernels/NAME.cpp"
//   #include <hwy/foreach_target.h>
//   #include <hwy/highway.h>
//   HWY_BEFORE_NAMESPACE();
//   namespace calotype::kernels::HWY_NAMESPACE { void negate_all(...) {...} }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace calotype::kernels { void negate(...) {
//     if (isa() == Isa::scalar) return reference::negate(...);
//     CALOTYPE_KERNEL(negate_all)(...); } }
//   #endif
//
// Kernels assume nothing of the vector's width but that it is 4, 8 or 16 floats.

#include "base/isa.h"

#if defined(__x86_64__)
#define CALOTYPE_KERNEL(FUNCTION) (::calotype::isa() >= ::calotype::Isa::avx512 ? N_AVX3::FUNCTION : N_AVX2::FUNCTION)
#elif defined(__aarch64__)
#define CALOTYPE_KERNEL(FUNCTION) N_NEON::FUNCTION
#else
#error "Kernels are written for x86-64 and 64-bit Arm."
#endif
