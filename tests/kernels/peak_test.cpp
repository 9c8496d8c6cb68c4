#include "kernels/peak.h"

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

// No machine that runs these tests does fewer than a tenth of an operation a nanosecond, or more than a hundred
// thousand.
TEST(Peak, IsARateOnEveryIsa) {
  testing::for_each_isa([] {
    for (double rate : {peak_gflops(1), peak_gflops(1, Precision::bf16), peak_gflops_of_all_threads(1)}) {
      EXPECT_GT(rate, 0.1);
      EXPECT_LT(rate, 1e5);
    }
  });
}

}  // namespace
}  // namespace calotype::kernels
