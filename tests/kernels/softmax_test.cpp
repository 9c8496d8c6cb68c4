#include "kernels/softmax.h"

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::noise;
using testing::widened;

TEST(Softmax, EveryIsaAgreesWithDouble) {
  testing::for_each_isa([] {
    for (int64_t rows : {0, 1, 5, 3000})
      for (int64_t width : {1, 3, 16, 29, 77}) {
        const std::vector<float> x = noise("x", rows * width, 6, 50), dy = noise("dy", rows * width);
        std::vector<float> y(x.size()), dx(x.size());
        std::vector<double> expected(x.size()), expected_dx(x.size());
        softmax(rows, width, x.data(), y.data());
        softmax(rows, width, widened(x).data(), expected.data());
        // exp's argument, up to 60 or so, is rounded once; what is as small as the sum's last digit is left at that.
        EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 64 * kEpsilon * expected[i] + 1e-30; }), 1);
        softmax_gradient(rows, width, y.data(), dy.data(), dx.data());
        softmax_gradient(rows, width, widened(y).data(), widened(dy).data(), expected_dx.data());
        EXPECT_LE(testing::worst(dx, expected_dx, [&](size_t i) { return 16 * kEpsilon * double(y[i]) + 1e-37; }), 1);
      }
  });
}

TEST(Softmax, GradientsAreDerivatives) {
  std::vector<double> x = {0.3, -1, 2, 0.7, -0.2, 1.5}, y(6), dx(6);
  const std::vector<double> dy = {1, 2, -1, 0.5, 0.1, -2};
  softmax(2, 3, x.data(), y.data());
  softmax_gradient(2, 3, y.data(), dy.data(), dx.data());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(dx[i],
                testing::central_difference(x, i,
                                            [&] {
                                              softmax(2, 3, x.data(), y.data());
                                              double loss = 0;
                                              for (int j = 0; j < 6; ++j) loss += y[j] * dy[j];
                                              return loss;
                                            }),
                1e-9);
  }
}

TEST(Softmax, FarApartAndNotANumber) {
  testing::for_each_isa([] {
    const std::vector<float> x = {-1e30f, 0, 1e30f};
    std::vector<float> y(3);
    softmax(1, 3, x.data(), y.data());
    EXPECT_NEAR(y[0], 0, 1e-37);
    EXPECT_NEAR(y[1], 0, 1e-37);
    EXPECT_EQ(y[2], 1);
    const std::vector<float> broken = {1, NAN, 2};
    softmax(1, 3, broken.data(), y.data());
    for (float v : y) EXPECT_TRUE(std::isnan(v));
  });
}

}  // namespace
}  // namespace calotype::kernels
