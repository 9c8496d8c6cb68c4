#pragma once

#include <cstddef>
#include <cstdint>

namespace calotype {

/// Bytes of tensors, in blocks aligned to 64 bytes (2 MiB and huge pages from 2 MiB on). Freed blocks are kept by size
/// class and handed out again, so that a page is faulted in once. Thread-safe.
std::byte* allocate(int64_t bytes);
void release(std::byte* block, int64_t bytes) noexcept;

/// Gives kept blocks back to the system: when a part of the work is over.
void trim_allocator();

struct MemoryUse {
  int64_t live = 0;  // bytes of tensors that exist
  int64_t peak = 0;  // the most that `live` has been since `reset_peak_memory`
};
MemoryUse memory_use();
void reset_peak_memory();

/// While one exists on this thread, tensors have a size and no bytes and no kernel runs: what remains of a computation
/// is its order of allocations, hence its peak.
class Measuring {
 public:
  Measuring();
  Measuring(const Measuring&) = delete;
  Measuring& operator=(const Measuring&) = delete;
  ~Measuring();
  static bool active();

 private:
  bool before_;
};

}  // namespace calotype
