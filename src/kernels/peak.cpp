#include "kernels/peak.h"

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/bf16-inl.h"
#include "kernels/dispatch.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

// Four cycles of latency at two a cycle need eight in flight; twelve leave room.
constexpr int kChains = 12;

/// Operations of one call; `sink` keeps the compiler from dropping them.
double multiply_adds(int64_t rounds, float* sink) {
  FloatVec chains[kChains];
  CALOTYPE_UNROLL
  for (int i = 0; i < kChains; ++i) chains[i] = hn::Set(kFloat, static_cast<float>(i));
  const FloatVec factor = hn::Set(kFloat, 0.999f), term = hn::Set(kFloat, 0.001f);
  for (int64_t r = 0; r < rounds; ++r) {
    CALOTYPE_UNROLL
    for (int i = 0; i < kChains; ++i) chains[i] = hn::MulAdd(chains[i], factor, term);
  }
  FloatVec sum = chains[0];
  CALOTYPE_UNROLL
  for (int i = 1; i < kChains; ++i) sum = hn::Add(sum, chains[i]);
  *sink = hn::GetLane(sum);
  return 2.0 * kChains * static_cast<double>(kLanes) * static_cast<double>(rounds);
}

#if CALOTYPE_HAS_BF16
/// The same for products of bf16. Their latency of six cycles, at one or two a cycle, is covered too.
CALOTYPE_BF16 double multiply_add_pairs(int64_t rounds, float* sink) {
  FloatVec chains[kChains];
  CALOTYPE_UNROLL
  for (int i = 0; i < kChains; ++i) chains[i] = hn::Set(kFloat, static_cast<float>(i));
  const FloatVec factor = pairs_along(hn::Set(kFloat, 0.5f), hn::Set(kFloat, 0.25f));
  for (int64_t r = 0; r < rounds; ++r) {
    CALOTYPE_UNROLL
    for (int i = 0; i < kChains; ++i) chains[i] = add_pairs(factor, factor, chains[i]);
  }
  FloatVec sum = chains[0];
  CALOTYPE_UNROLL
  for (int i = 1; i < kChains; ++i) sum = hn::Add(sum, chains[i]);
  *sink = hn::GetLane(sum);
  return 4.0 * kChains * static_cast<double>(kLanes) * static_cast<double>(rounds);
}
#endif

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

double seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double scalar_multiply_adds(int64_t rounds, float* sink) {
  float chains[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t r = 0; r < rounds; ++r)
    for (float& chain : chains) chain = chain * 0.999f + 0.001f;
  *sink = 0;
  for (float chain : chains) *sink += chain;
  return 16.0 * static_cast<double>(rounds);
}

double some_multiply_adds(Precision precision, int64_t rounds, float* sink) {
  if (isa() == Isa::scalar) return scalar_multiply_adds(rounds, sink);
#if defined(__x86_64__)
  if (in_use(precision) == Precision::bf16) return N_AVX3::multiply_add_pairs(rounds, sink);
#endif
  return CALOTYPE_KERNEL(multiply_adds)(rounds, sink);
}

/// The best of short stretches, by the clock.
double best_rate(double milliseconds, clockid_t clock, Precision precision) {
  constexpr int64_t kRounds = 20000;
  float sink = 0;
  double best = 0;
  const double begin = seconds(CLOCK_MONOTONIC);
  do {
    const double from = seconds(clock);
    const double operations = some_multiply_adds(precision, kRounds, &sink);
    best = std::max(best, operations / (seconds(clock) - from));
  } while (seconds(CLOCK_MONOTONIC) - begin < 1e-3 * milliseconds);
  return sink == sink ? best * 1e-9 : 0;
}

}  // namespace

double peak_gflops(double milliseconds, Precision precision) {
  return best_rate(milliseconds, CLOCK_THREAD_CPUTIME_ID, precision);
}

double peak_gflops_of_all_threads(double milliseconds, Precision precision) {
  const int threads = thread_count();
  std::vector<double> rates(threads);
  parallel_for(threads, [&](int64_t task) { rates[task] = best_rate(milliseconds, CLOCK_MONOTONIC, precision); });
  double total = 0;
  for (double rate : rates) total += rate;
  return total;
}

}  // namespace calotype::kernels
#endif
