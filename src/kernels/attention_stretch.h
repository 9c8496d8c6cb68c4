#pragma once

#include <cstdint>

namespace calotype::kernels {

/// A stretch of the queries of one head, as attention takes it at a time. Rows are `stride` floats apart.
struct AttentionStretch {
  const float *q, *k, *v;
  float *y, *log_sum;    // log_sum may be null
  int64_t first, count;  // queries; q, y and log_sum point to the first of them
  int64_t stride;
};

/// One head of the pictures that share its keys, as the gradient takes it at a time: every pointer is that of the head
/// in the first picture. The next picture lies `next_query` and `next_sum` floats on; keys stay where they are.
struct AttentionHead {
  const float *q, *k, *v, *y, *log_sum, *dy;
  float *dq, *dk, *dv;
  int64_t pictures, stride, next_query, next_sum;
};

}  // namespace calotype::kernels
