// Attention, forward and gradient. Products alone are counted: two forward, five backward.
#include "kernels/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "base/isa.h"
#include "measure.h"

namespace calotype::bench {
namespace {

using kernels::AttentionShape;

AttentionShape shape_of(const std::vector<std::string>& fields) {
  AttentionShape shape{};
  std::stringstream(fields.at(1)) >> shape.batch >> shape.heads;
  std::stringstream(fields.at(2)) >> shape.queries >> shape.keys >> shape.width;
  shape.key_batch = shape.batch;
  shape.scale = 1 / std::sqrt(static_cast<float>(shape.width));
  shape.causal = fields.at(3).find("causal") != std::string::npos;
  return shape;
}

int64_t visible(const AttentionShape& shape, int64_t query) {
  return shape.causal ? std::min(query + 1, shape.keys) : shape.keys;
}

struct Data {
  std::vector<float> q, k, v, dy, y, log_sum, dq, dk, dv;

  explicit Data(const AttentionShape& s)
      : q(random_floats(s.batch * s.queries * s.heads * s.width, 1, 2)),
        k(random_floats(s.batch * s.keys * s.heads * s.width, 2, 2)),
        v(random_floats(s.batch * s.keys * s.heads * s.width, 3)),
        dy(random_floats(q.size(), 4)),
        y(q.size()),
        log_sum(s.batch * s.heads * s.queries),
        dq(q.size()),
        dk(k.size()),
        dv(k.size()) {}
};

// One query's probabilities, result and gradient, from the definitions.
struct Query {
  std::vector<double> y, dq;

  Query(const AttentionShape& s, const Data& data, int64_t picture, int64_t head, int64_t query)
      : y(s.width), dq(s.width) {
    const int64_t row = s.heads * s.width, at = (picture * s.queries + query) * row + head * s.width;
    const int64_t keys_at = picture * s.keys * row + head * s.width, count = visible(s, query);
    std::vector<double> p(count), dp(count);
    double sum = 0, mean = 0;
    for (int64_t j = 0; j < count; ++j) {
      double score = 0;
      for (int64_t c = 0; c < s.width; ++c) {
        score += double(data.q[at + c]) * data.k[keys_at + j * row + c];
        dp[j] += double(data.dy[at + c]) * data.v[keys_at + j * row + c];
      }
      sum += p[j] = std::exp(s.scale * score);
    }
    for (int64_t j = 0; j < count; ++j) mean += (p[j] /= sum) * dp[j];
    for (int64_t j = 0; j < count; ++j)
      for (int64_t c = 0; c < s.width; ++c) {
        y[c] += p[j] * data.v[keys_at + j * row + c];
        dq[c] += s.scale * p[j] * (dp[j] - mean) * data.k[keys_at + j * row + c];
      }
  }
};

void run(const std::string& name, const AttentionShape& s, double seconds) {
  constexpr int kSamples = 20;
  Data data(s);
  double pairs = 0;
  for (int64_t i = 0; i < s.queries; ++i) pairs += double(visible(s, i));
  const double product = 2 * pairs * double(s.batch * s.heads * s.width);
  const auto attend = [&](kernels::Precision precision) {
    kernels::attention(s, data.q.data(), data.k.data(), data.v.data(), data.y.data(), data.log_sum.data(), precision);
  };
  const Rate forward =
      measure(seconds, 2 * product, [&] { attend(kernels::Precision::bf16); }, kernels::Precision::bf16);
  const std::vector<float> y = data.y;
  attend(kernels::Precision::f32);  // what the gradient starts from
  const Rate gradient = measure(seconds, 5 * product, [&] {
    kernels::attention_gradient(s, data.q.data(), data.k.data(), data.v.data(), data.y.data(), data.log_sum.data(),
                                data.dy.data(), data.dq.data(), data.dk.data(), data.dv.data());
  });
  Sampled forward_error, gradient_error;
  std::minstd_rand engine(5);
  const auto pick = [&](int64_t count) { return static_cast<int64_t>(engine()) % count; };
  for (int i = 0; i < kSamples; ++i) {
    const int64_t picture = pick(s.batch), head = pick(s.heads), query = pick(s.queries);
    const Query expected(s, data, picture, head, query);
    const int64_t at = (picture * s.queries + query) * s.heads * s.width + head * s.width;
    for (int64_t c = 0; c < s.width; ++c) {
      forward_error.add(y[at + c], expected.y[c]);
      gradient_error.add(data.dq[at + c], expected.dq[c]);
    }
  }
  fmt::print("{:<20} {:>3} {:>3} {:>5} {:>5} {:>4} |{} {:8.3f} |{} {:8.3f}\n", name, s.batch, s.heads, s.queries,
             s.keys, s.width, column(forward, forward_error.error()), forward.wall_ms,
             column(gradient, gradient_error.error()), gradient.wall_ms);
  std::fflush(stdout);
}

}  // namespace
}  // namespace calotype::bench

int main(int argc, char** argv) {
  using namespace calotype;
  const std::string heading = fmt::format(", wall ms\n{:<20} {:>3} {:>3} {:>5} {:>5} {:>4} |{:^31}|{:^31}", "", "B",
                                          "h", "q", "keys", "w", "forward", "gradient (error of dq)");
  return bench::run_shapes(argc, argv, "Attention", "attention", heading, [](const auto& fields, double seconds) {
    bench::run(fields[0], bench::shape_of(fields), seconds);
  });
}
