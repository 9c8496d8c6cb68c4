#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/formula.h"

namespace calotype {
namespace {

/// Restores the number of threads.
class Parallel : public testing::Test {
 protected:
  void TearDown() override { set_thread_count(0); }
};

TEST_F(Parallel, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 4}) {
    set_thread_count(threads);
    EXPECT_EQ(thread_count(), threads);
    for (const int64_t tasks : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> runs(tasks);
      parallel_for(tasks, [&](int64_t task) { ++runs.at(task); });
      for (const auto& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

TEST_F(Parallel, GivesTheSameBitsForAnyThreadCount) {
  constexpr int64_t kTasks = 64, kLength = 5000;
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3, 4}) {
    set_thread_count(threads);
    std::vector<float> sums(kTasks);
    parallel_for(kTasks, [&](int64_t task) {
      auto* values = static_cast<float*>(thread_scratch(kLength * sizeof(float)));
      fill_formula("parallel", {0, 1}, task * kLength, {values, kLength});
      for (int64_t i = 0; i < kLength; ++i) sums[task] += values[i];
    });
    results.push_back(std::move(sums));
  }
  for (const auto& sums : results)
    EXPECT_EQ(std::memcmp(sums.data(), results.front().data(), kTasks * sizeof(float)), 0);
}

TEST_F(Parallel, RethrowsWhatATaskThrows) {
  for (const int threads : {1, 4}) {
    set_thread_count(threads);
    const auto faulty = [](int64_t task) {
      if (task == 17) throw std::runtime_error("seventeen");
    };
    EXPECT_THROW(parallel_for(100, faulty), std::runtime_error);
    std::atomic<int> runs = 0;
    parallel_for(100, [&](int64_t) { ++runs; });
    EXPECT_EQ(runs, 100);
  }
}

TEST_F(Parallel, MayBeCalledFromATaskAndFromSeveralThreads) {
  set_thread_count(2);
  std::atomic<int> runs = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] { parallel_for(10, [&](int64_t) { parallel_for(10, [&](int64_t) { ++runs; }); }); });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(runs, 400);
}

TEST_F(Parallel, ScratchIsAlignedAndKept) {
  void* small = thread_scratch(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small) % 64, 0u);
  EXPECT_EQ(thread_scratch(50), small);
  const int64_t bytes = int64_t{5} << 20;
  auto* large = static_cast<char*>(thread_scratch(bytes));
  large[0] = large[bytes - 1] = 1;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large) % 64, 0u);
  std::thread([&] { EXPECT_NE(thread_scratch(100), large); }).join();
}

}  // namespace
}  // namespace calotype
