#pragma once
#include <cstdint>
namespace calotype::kernels { void negate(const float*, float*, int64_t); }
