#include "tensor/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace calotype {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

thread_local bool measuring = false;

struct Blocks {
  std::mutex mutex;
  std::map<int64_t, std::vector<std::byte*>> kept;  // by size class
  MemoryUse use;
};

Blocks& blocks() {
  static Blocks* instance = new Blocks;  // tensors may outlive static destructors
  return *instance;
}

/// Eight classes per power of two: at most one eighth of a block is wasted.
int64_t size_class(int64_t bytes) {
  if (bytes <= 512) return (bytes + 63) / 64 * 64;
  int64_t step = 64;
  while (step * 16 < bytes) step *= 2;
  const int64_t rounded = (bytes + step - 1) / step * step;
  return rounded < kHugePage ? rounded : (rounded + kHugePage - 1) / kHugePage * kHugePage;
}

std::byte* fresh_block(int64_t size) {
  auto* block = static_cast<std::byte*>(std::aligned_alloc(size >= kHugePage ? kHugePage : 64, size));
  if (block && size >= kHugePage) madvise(block, size, MADV_HUGEPAGE);
  return block;
}

}  // namespace

std::byte* allocate(int64_t bytes) {
  const int64_t size = size_class(std::max<int64_t>(bytes, 1));
  Blocks& shared = blocks();
  {
    const std::lock_guard lock(shared.mutex);
    shared.use.live += size;
    shared.use.peak = std::max(shared.use.peak, shared.use.live);
    if (measuring) return nullptr;
    auto& free = shared.kept[size];
    if (!free.empty()) {
      std::byte* block = free.back();
      free.pop_back();
      return block;
    }
  }
  std::byte* block = fresh_block(size);
  if (!block) {
    trim_allocator();
    block = fresh_block(size);
  }
  if (!block) {
    const std::lock_guard lock(shared.mutex);
    shared.use.live -= size;
    fail(ErrorKind::out_of_memory, "no memory for a tensor of {} MiB; choose a smaller picture or batch", bytes >> 20);
  }
  return block;
}

void release(std::byte* block, int64_t bytes) noexcept {
  const int64_t size = size_class(std::max<int64_t>(bytes, 1));
  Blocks& shared = blocks();
  const std::lock_guard lock(shared.mutex);
  shared.use.live -= size;
  if (block) shared.kept[size].push_back(block);
}

void trim_allocator() {
  Blocks& shared = blocks();
  const std::lock_guard lock(shared.mutex);
  for (auto& [size, free] : shared.kept)
    for (std::byte* block : free) std::free(block);
  shared.kept.clear();
}

MemoryUse memory_use() {
  const std::lock_guard lock(blocks().mutex);
  return blocks().use;
}

void reset_peak_memory() {
  const std::lock_guard lock(blocks().mutex);
  blocks().use.peak = blocks().use.live;
}

Measuring::Measuring() : before_(measuring) {
  measuring = true;
}

Measuring::~Measuring() {
  measuring = before_;
}

bool Measuring::active() {
  return measuring;
}

}  // namespace calotype
