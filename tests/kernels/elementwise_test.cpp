#include "kernels/elementwise.h"

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::noise;
using testing::widened;

constexpr int64_t kCounts[] = {0, 1, 5, 8, 17, 64, 1001, 70003};

TEST(Elementwise, EveryIsaAgreesWithDouble) {
  testing::for_each_isa([] {
    for (int64_t n : kCounts) {
      SCOPED_TRACE(n);
      const std::vector<float> x = noise("x", n), y = noise("y", n);
      const std::vector<double> wx = widened(x), wy = widened(y);
      std::vector<float> z(n);
      std::vector<double> expected(n);
      // One or two roundings of terms no larger than these.
      const auto agrees = [&] {
        EXPECT_LE(testing::worst(
                      z, expected,
                      [&](size_t i) { return kEpsilon * (std::abs(expected[i]) + std::abs(x[i]) + std::abs(y[i])); }),
                  1);
      };
      add(x, y, z), add(wx, wy, expected), agrees();
      subtract(x, y, z), subtract(wx, wy, expected), agrees();
      multiply(x, y, z), multiply(wx, wy, expected), agrees();
      scale(1.5, -2, x, z), scale(1.5, -2, wx, expected), agrees();
      EXPECT_NEAR(sum(x), sum(wx), 1e-12 * (1 + n));
      EXPECT_NEAR(sum_of_squares(x), sum_of_squares(wx), 1e-12 * (1 + n));
    }
  });
}

TEST(Elementwise, RowsAreAddedPerPictureAndSummedBack) {
  testing::for_each_isa([] {
    for (int64_t batch : {1, 3})
      for (int64_t rows : {1, 7, 300})
        for (int64_t width : {1, 5, 16, 48, 323}) {
          const int64_t n = batch * rows * width;
          const std::vector<float> x = noise("x", n), row = noise("row", batch * width);
          std::vector<float> sum(n), sums(batch * width);
          add_row(batch, width, x, row, sum);
          sum_rows(batch, width, x, sums);
          std::vector<double> expected(batch * width), magnitude(batch * width);
          for (int64_t i = 0; i < n; ++i) {
            const int64_t at = i / (rows * width) * width + i % width;
            ASSERT_EQ(sum[i], x[i] + row[at]);
            expected[at] += x[i];
            magnitude[at] += std::abs(x[i]);
          }
          EXPECT_LE(testing::worst(sums, expected,
                                   [&](size_t i) { return kEpsilon * std::abs(expected[i]) + 1e-13 * magnitude[i]; }),
                    1);
        }
  });
}

TEST(Elementwise, SumsHaveTheSameBitsForAnyThreadsAndBatch) {
  testing::for_each_isa([] {
    const int64_t batch = 3, rows = 5000, width = 37;
    const std::vector<float> x = noise("x", batch * rows * width);
    testing::expect_same_bits_for_any_threads([&] {
      std::vector<float> sums(batch * width);
      sum_rows(batch, width, x, sums);
      sums.push_back(float(sum(x)));
      return sums;
    });
    std::vector<float> all(batch * width), one(width);
    sum_rows(batch, width, x, all);
    sum_rows(1, width, std::span(x).subspan(rows * width, rows * width), one);
    for (int64_t c = 0; c < width; ++c) EXPECT_EQ(one[c], all[width + c]);
  });
}

TEST(Elementwise, EmptySumsAreZero) {
  testing::for_each_isa([] {
    std::vector<float> sums(3, 7.0f);
    sum_rows(1, 3, std::span<const float>(), sums);
    EXPECT_EQ(sums, std::vector<float>(3));
    EXPECT_EQ(0, sum(std::span<const float>()));
  });
}

}  // namespace
}  // namespace calotype::kernels
