#include "base/workspace.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "base/error.h"

namespace calotype {
namespace {

struct Block {
  void* data;
  int64_t size;
};

/// Blocks at rest, smallest first.
struct Kept {
  std::mutex mutex;
  std::vector<Block> blocks;
  ~Kept() {
    for (const Block& block : blocks) std::free(block.data);
  }
};

Kept& kept() {
  static Kept instance;
  return instance;
}

}  // namespace

Workspace::Workspace(int64_t bytes) : data_(nullptr), size_(0) {
  {
    Kept& list = kept();
    const std::lock_guard lock(list.mutex);
    if (!list.blocks.empty()) {
      const auto fits = std::find_if(list.blocks.begin(), list.blocks.end(), [&](Block b) { return b.size >= bytes; });
      const auto taken = fits != list.blocks.end() ? fits : std::prev(list.blocks.end());
      data_ = taken->data;
      size_ = taken->size;
      list.blocks.erase(taken);
    }
  }
  if (size_ >= bytes && data_) return;
  constexpr int64_t kHugePage = int64_t{2} << 20;
  std::free(data_);
  size_ = (std::max<int64_t>(bytes, 1) + kHugePage - 1) / kHugePage * kHugePage;
  data_ = std::aligned_alloc(kHugePage, size_);
  if (!data_) throw std::bad_alloc();
  madvise(data_, size_, MADV_HUGEPAGE);
}

Workspace::~Workspace() {
  Kept& list = kept();
  const std::lock_guard lock(list.mutex);
  const auto larger = std::find_if(list.blocks.begin(), list.blocks.end(), [&](Block b) { return b.size >= size_; });
  list.blocks.insert(larger, Block{data_, size_});
}

float* Workspace::floats(int64_t count) {
  float* result = reinterpret_cast<float*>(static_cast<char*>(data_) + used_);
  used_ += bytes_of_floats(count);
  check(used_ <= size_, "workspace: {} bytes asked for, {} there", used_, size_);
  return result;
}

}  // namespace calotype
