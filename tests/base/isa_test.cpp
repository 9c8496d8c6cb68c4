#include "base/isa.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace calotype {
namespace {

TEST(Isa, NamesReadBack) {
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::neon})
    EXPECT_EQ(isa_from(name_of(isa)), isa);
  EXPECT_EQ(isa_from("avx512-bf16"), Isa::avx512_bf16);
  EXPECT_EQ(isa_from("sse2"), std::nullopt);
  EXPECT_EQ(isa_from(""), std::nullopt);
}

TEST(Isa, TheBestOneIsInUseUntilAnotherIsForced) {
  const auto supported = supported_isas();
  ASSERT_FALSE(supported.empty());
  EXPECT_EQ(supported.front(), Isa::scalar);
  const Isa before = isa();
  for (const Isa each : supported) {
    force_isa(each);
    EXPECT_EQ(isa(), each);
  }
  for (const Isa each : {Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::neon}) {
    if (std::find(supported.begin(), supported.end(), each) != supported.end()) continue;
    EXPECT_THROW(force_isa(each), Error) << name_of(each);
  }
  force_isa(before);
}

}  // namespace
}  // namespace calotype
