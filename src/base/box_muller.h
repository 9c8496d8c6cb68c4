#pragma once

#include <span>

namespace calotype {

/// Which of torch's two CPU kernels the f32 normals follow. They differ by up to 2.2e-6.
enum class NormalKernel {
  vector,  ///< the polynomials of its AVX2 code: the usual machine, and the same bits on every machine here
  scalar,  ///< the C library's functions, as torch uses them on processors without AVX2
};

/// Turns sixteen uniform numbers of [0, 1) into sixteen normal ones, in place: pair j is (block[j], block[j + 8]).
void box_muller_16(std::span<float, 16> block, NormalKernel kernel);
void box_muller_16(std::span<double, 16> block);

}  // namespace calotype
