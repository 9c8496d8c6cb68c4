#pragma once

#include <cstddef>
#include <vector>

#include "base/isa.h"

namespace calotype::kernels {

/// What `info --kernels` says of one entry of an op's list.
struct KernelChoice {
  const char* name;
  const char* declined;  // why not; null: takes it
};

/// An op's kernels stand in a list, best first, and are tried in order: an entry declines a problem with a reason, or
/// takes it (null). The last takes all.
template <class Problem, class Run>
struct Entry {
  const char* name;
  const char* (*declines)(const Problem&);
  Run run;
};

template <class Problem, class Run, size_t kCount>
const Entry<Problem, Run>& chosen(const Entry<Problem, Run> (&list)[kCount], const Problem& problem) {
  for (const Entry<Problem, Run>& entry : list)
    if (!entry.declines(problem)) return entry;
  return list[kCount - 1];
}

template <class Problem, class Run, size_t kCount>
std::vector<KernelChoice> choices(const Entry<Problem, Run> (&list)[kCount], const Problem& problem) {
  std::vector<KernelChoice> result;
  for (const Entry<Problem, Run>& entry : list) result.push_back({entry.name, entry.declines(problem)});
  return result;
}

template <class Problem>
const char* unless_scalar(const Problem&) {
  return isa() == Isa::scalar ? nullptr : "vectors are faster";
}
template <class Problem>
const char* takes_all(const Problem&) {
  return nullptr;
}

}  // namespace calotype::kernels
