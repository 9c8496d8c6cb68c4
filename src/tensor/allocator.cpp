#include "tensor/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace calotype {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

/// The address sanitizer looks at what malloc gave; cut from larger stretches, tensors would run into each other
/// unseen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kOwnStretches = false;
#else
constexpr bool kOwnStretches = true;
#endif

thread_local bool measuring = false;

/// Eight classes per power of two, whole huge pages above: at most one eighth of a block is wasted.
int64_t size_class(int64_t bytes) {
  bytes = std::max<int64_t>(bytes, 1);
  if (bytes <= 512) return (bytes + 63) / 64 * 64;
  if (bytes > kHugePage * 7 / 8) return (bytes + kHugePage - 1) / kHugePage * kHugePage;
  int64_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

/// Large blocks: cut from stretches of address space that join again when they are freed. Where none is long enough as
/// much is given back to the system as is taken from it, so that what is held stays near what lives.
class Stretches {
 public:
  std::byte* take(int64_t size) {
    auto best = free_.end();
    for (auto at = free_.begin(); at != free_.end(); ++at)
      if (at->second >= size && (best == free_.end() || at->second < best->second)) best = at;
    if (best == free_.end()) return fresh(size);
    const auto [begin, length] = *best;
    free_.erase(best);
    if (length > size) free_[begin + size] = length - size;
    return begin;
  }

  void give(std::byte* begin, int64_t size) {
    const auto next = free_.lower_bound(begin);
    if (next != free_.begin())
      if (const auto before = std::prev(next); before->first + before->second == begin) {
        begin = before->first;
        size += before->second;
        free_.erase(before);
      }
    if (next != free_.end() && begin + size == next->first) {
      size += next->second;
      free_.erase(next);
    }
    free_[begin] = size;
  }

  void trim() {
    for (const auto& [begin, size] : free_) munmap(begin, size);
    free_.clear();
  }

 private:
  std::byte* fresh(int64_t size) {
    for (int64_t given = 0; given < size && !free_.empty();) {
      const auto longest = std::ranges::max_element(free_, {}, [](const auto& stretch) { return stretch.second; });
      munmap(longest->first, longest->second);
      given += longest->second;
      free_.erase(longest);
    }
    // One page more, for the first whole one is what is wanted.
    const size_t mapped = static_cast<size_t>(size + kHugePage);
    void* data = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return nullptr;
    auto* begin = static_cast<std::byte*>(data);
    const int64_t before =
        (kHugePage - static_cast<int64_t>(reinterpret_cast<uintptr_t>(data) % kHugePage)) % kHugePage;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + size, kHugePage - before);
    madvise(begin + before, size, MADV_HUGEPAGE);
    return begin + before;
  }

  std::map<std::byte*, int64_t> free_;
};

struct Blocks {
  std::mutex mutex;
  std::map<int64_t, std::vector<std::byte*>> kept;  // small ones, by size class
  Stretches stretches;
  MemoryUse use;

  static bool large(int64_t size) { return kOwnStretches && size >= kHugePage; }

  std::byte* take(int64_t size) {
    if (large(size)) return stretches.take(size);
    auto& free = kept[size];
    if (free.empty()) return static_cast<std::byte*>(std::aligned_alloc(64, size));
    std::byte* block = free.back();
    free.pop_back();
    return block;
  }

  void give(std::byte* block, int64_t size) {
    if (large(size))
      stretches.give(block, size);
    else
      kept[size].push_back(block);
  }

  void trim() {
    for (auto& [size, free] : kept)
      for (std::byte* block : free) std::free(block);
    kept.clear();
    stretches.trim();
  }
};

Blocks& blocks() {
  static Blocks* instance = new Blocks;  // tensors may outlive static destructors
  return *instance;
}

}  // namespace

std::byte* allocate(int64_t bytes) {
  const int64_t size = size_class(bytes);
  Blocks& shared = blocks();
  const std::lock_guard lock(shared.mutex);
  shared.use.live += size;
  shared.use.peak = std::max(shared.use.peak, shared.use.live);
  if (measuring) return nullptr;
  std::byte* block = shared.take(size);
  if (!block) {
    shared.trim();
    block = shared.take(size);
  }
  if (!block) {
    shared.use.live -= size;
    fail(ErrorKind::out_of_memory, "no memory for a tensor of {} MiB; choose a smaller picture or batch", bytes >> 20);
  }
  return block;
}

void release(std::byte* block, int64_t bytes) noexcept {
  const int64_t size = size_class(bytes);
  Blocks& shared = blocks();
  const std::lock_guard lock(shared.mutex);
  shared.use.live -= size;
  if (block) shared.give(block, size);
}

void trim_allocator() {
  const std::lock_guard lock(blocks().mutex);
  blocks().trim();
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
