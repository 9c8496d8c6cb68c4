#pragma once

#include <cstdint>
#include <functional>

namespace calotype {

/// Threads that share the work of parallel_for; 0 means all processors. Call before any work, not during it.
void set_thread_count(int threads);
int thread_count();

/// Calls body(task) for every task in [0, tasks), each once, on any thread. Tasks are cut by shape only, never by the
/// number of threads, and no sum is split over tasks: then results have the same bits for any thread count. A task
/// should take 50 microseconds or more. An exception in a body is rethrown here.
void parallel_for(int64_t tasks, const std::function<void(int64_t)>& body);

/// Scratch space of the calling thread: 64-byte aligned, kept for its life, grown when asked for more. Its content is
/// whatever was left there. A second call from the same task gives the same bytes, so ask once for all you need.
void* thread_scratch(int64_t bytes);

}  // namespace calotype
