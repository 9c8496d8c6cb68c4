#include "tensor/allocator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace calotype {
namespace {

struct Block {
  std::byte* data;
  int64_t bytes;
  std::byte mark;
};

TEST(Allocator, BlocksOfAllSizesAreAlignedAndApart) {
  std::minstd_rand engine(1);
  std::vector<Block> blocks;
  const int64_t before = memory_use().live;
  for (int round = 0; round < 300; ++round) {
    if (blocks.size() > 12 || (engine() % 3 == 0 && !blocks.empty())) {
      const size_t i = engine() % blocks.size();
      const Block block = blocks[i];
      for (const int64_t at : {int64_t{0}, block.bytes / 2, block.bytes - 1}) ASSERT_EQ(block.data[at], block.mark);
      release(block.data, block.bytes);
      blocks[i] = blocks.back();
      blocks.pop_back();
    } else {
      const int64_t bytes = 1 + static_cast<int64_t>(engine()) % (int64_t{1} << (4 + engine() % 21));
      const Block block{allocate(bytes), bytes, std::byte(round & 255)};
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block.data) % 64, 0u);
      for (const int64_t at : {int64_t{0}, bytes / 2, bytes - 1}) block.data[at] = block.mark;
      blocks.push_back(block);
    }
  }
  for (const Block& block : blocks) release(block.data, block.bytes);
  EXPECT_EQ(memory_use().live, before);
  trim_allocator();
}

#ifndef CALOTYPE_SANITIZED
TEST(Allocator, FreedNeighboursServeALargerBlock) {
  constexpr int64_t kSize = int64_t{8} << 20;
  trim_allocator();
  std::byte* whole = allocate(4 * kSize);
  release(whole, 4 * kSize);
  std::vector<std::byte*> parts;
  for (int i = 0; i < 4; ++i) parts.push_back(allocate(kSize));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(parts[i], whole + i * kSize);
  for (const int i : {2, 0, 3, 1}) release(parts[i], kSize);
  EXPECT_EQ(allocate(4 * kSize), whole);
  release(whole, 4 * kSize);
  trim_allocator();
}
#endif

}  // namespace
}  // namespace calotype
