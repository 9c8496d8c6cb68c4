#include "base/parallel.h"

#include <sys/mman.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

namespace calotype {
namespace {

struct Pool {
  std::mutex mutex;
  int threads = 0;
  std::shared_ptr<tbb::task_arena> arena;

  std::shared_ptr<tbb::task_arena> get() {
    const std::lock_guard lock(mutex);
    if (!arena) {
      if (threads == 0) threads = tbb::this_task_arena::max_concurrency();
      arena = std::make_shared<tbb::task_arena>(threads);
    }
    return arena;
  }
};

Pool& pool() {
  static Pool instance;
  return instance;
}

}  // namespace

void set_thread_count(int threads) {
  Pool& shared = pool();
  const std::lock_guard lock(shared.mutex);
  shared.threads = threads > 0 ? threads : tbb::info::default_concurrency();
  // More threads than processors is legal: it is how the tests show that bits do not depend on the count.
  static std::unique_ptr<tbb::global_control> limit;
  limit = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, shared.threads);
  shared.arena = std::make_shared<tbb::task_arena>(shared.threads);
}

int thread_count() {
  return pool().get()->max_concurrency();
}

void parallel_for(int64_t tasks, const std::function<void(int64_t)>& body) {
  if (tasks <= 0) return;
  if (tasks == 1) return body(0);
  // Isolated: a thread that waits here takes no task of another caller, whose scratch space it would share.
  pool().get()->execute([&] {
    tbb::this_task_arena::isolate([&] { tbb::parallel_for(int64_t{0}, tasks, body, tbb::simple_partitioner()); });
  });
}

void* thread_scratch(int64_t bytes) {
  struct Block {
    void* data = nullptr;
    int64_t size = 0;
    ~Block() { std::free(data); }
  };
  static thread_local Block block;
  if (bytes > block.size) {
    constexpr int64_t kHugePage = int64_t{2} << 20;
    const int64_t size = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    std::free(block.data);
    block = {};
    void* data = std::aligned_alloc(kHugePage, size);
    if (!data) throw std::bad_alloc();
    madvise(data, size, MADV_HUGEPAGE);
    block.data = data;
    block.size = size;
  }
  return block.data;
}

}  // namespace calotype
