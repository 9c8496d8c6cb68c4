// What single ops promise at their edges: nothing to work on, values that are no numbers, any number of threads.

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing.h"
#include "ops/conv_variants.h"
#include "ops/depth_losses.h"
#include "ops/gradient_check.h"
#include "ops/losses.h"
#include "ops/norm.h"
#include "ops/pool.h"
#include "ops/resize.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

using testing::narrowed;
using testing::noise_tensor;

std::vector<float> list(const Tensor& x) {
  return {x.view<float>().begin(), x.view<float>().end()};
}

TEST(Edges, NothingAtAll) {
  const Tensor none = Tensor::empty({0, 4}), no_width = Tensor::empty({3, 0});
  EXPECT_THROW(mean_squared_error(none, none), Error);
  EXPECT_THROW(gaussian_divergence(none, none), Error);
  EXPECT_THROW(cross_entropy(none, {}), Error);
  EXPECT_THROW(hinge_generator(none), Error);
  EXPECT_EQ(softmax(none).shape(), none.shape());
  EXPECT_EQ(softmax(no_width).shape(), no_width.shape());
  EXPECT_EQ(l2_normalise(no_width).shape(), no_width.shape());
  EXPECT_EQ(resize(Tensor::empty({0, 2, 2, 3}), 4, 4).shape(), (Shape{0, 4, 4, 3}));
  EXPECT_EQ(max_pool(Tensor::empty({0, 5, 5, 3})).shape(), (Shape{0, 3, 3, 3}));
  EXPECT_EQ(pad(Tensor::empty({1, 0, 2, 3}), {1, 1, 0, 0}).shape(), (Shape{1, 2, 2, 3}));
}

TEST(Edges, ShapesThatDoNotFitAreRefused) {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2}), map = Tensor::zeros({1, 4, 4, 3});
  EXPECT_THROW(mean_squared_error(a, b), Error);
  EXPECT_THROW(mean_squared_error(a, a, std::vector<double>{1}), Error);
  EXPECT_THROW(reparametrise(a, a, b), Error);
  EXPECT_THROW(cross_entropy(a, std::vector<int32_t>{0, 3}), Error);
  EXPECT_THROW(cross_entropy(a, std::vector<int32_t>{0, -1}), Error);
  EXPECT_THROW(contrastive(a, b, Tensor::scalar(0)), Error);
  EXPECT_THROW(batch_norm(a, Tensor::zeros({2}), Tensor::zeros({3}), 1e-5), Error);
  EXPECT_THROW(resize(map, 0, 4), Error);
  EXPECT_THROW(resize(map, 4, 4, {Interpolation::nearest, true}), Error);
  EXPECT_THROW(pad(map, {.top = -1}), Error);
  EXPECT_THROW(max_pool(map, {.kernel = 1, .stride = 2}), Error);
  EXPECT_THROW(padded_conv2d(map, Tensor::zeros({4, 2, 3, 3}), {}), Error);
  EXPECT_THROW(padded_conv2d(map, Tensor::zeros({4, 3, 5, 5}), {}), Error);
  EXPECT_THROW(conv_transpose2d(map, Tensor::zeros({4, 3, 2, 2}), {}), Error);
  EXPECT_THROW(binary_cross_entropy(a, a.trainable()), Error);
}

TEST(Edges, ZeroRowsHaveNoDirection) {
  const Tensor x = Tensor::zeros({2, 3}).trainable();
  EXPECT_EQ(list(l2_normalise(x)), std::vector<float>(6, 0));
  EXPECT_EQ(one_minus_cosine(x, Tensor::full({2, 3}, 1)).item(), 1);
}

TEST(Edges, EqualPicturesHaveNoSlope) {
  const Tensor y = Tensor::full({2, 3}, 0.25);
  for (const auto& loss :
       {mean_absolute_error, static_cast<Tensor (*)(const Tensor&, const Tensor&)>(mean_squared_error)}) {
    const Tensor x = y.clone().trainable();
    EXPECT_EQ(list(backward(loss(x, y)).of(x)), std::vector<float>(6, 0));
  }
  const Tensor x = y.clone().trainable();
  EXPECT_EQ(list(backward(huber(x, y, 0)).of(x)), std::vector<float>(6, 0));
}

TEST(Edges, BinaryCrossEntropyOfFarLogitsStaysFinite) {
  const std::vector<float> far{-200, 200, -200, 200}, targets{0, 1, 1, 0};
  const Tensor x = Tensor::from<float>(far, {4}).trainable();
  const Tensor loss = binary_cross_entropy(x, Tensor::from<float>(targets, {4}));
  EXPECT_EQ(loss.item(), 100);
  EXPECT_EQ(list(backward(loss).of(x)), (std::vector<float>{0, 0, -0.25f, 0.25f}));
}

TEST(Edges, DepthWithoutValidPixelsIsNothing) {
  const Tensor truth = narrowed(noise_tensor("truth", {2, 4, 5})), none = Tensor::zeros({2, 4, 5});
  for (const auto& loss : std::vector<std::function<Tensor(const Tensor&)>>{
           [&](const Tensor& d) { return ssi_mse(d, truth, none); },
           [&](const Tensor& d) { return ssi_trimmed(d, truth, none); },
           [&](const Tensor& d) { return gradient_matching(d, truth, none); }}) {
    const Tensor d = narrowed(noise_tensor("d", {2, 4, 5})).trainable();
    const Tensor value = loss(d);
    EXPECT_EQ(value.item(), 0);
    EXPECT_EQ(list(backward(value).of(d)), std::vector<float>(40, 0));
  }
}

TEST(Edges, FlatOrBrokenDepthIsSurvived) {
  const Tensor truth = narrowed(noise_tensor("truth", {1, 6, 6})), all = Tensor::full({1, 6, 6}, 1);
  const Tensor flat = Tensor::full({1, 6, 6}, 3).trainable();
  for (const Tensor& loss :
       {ssi_mse(flat, truth, all), ssi_trimmed(flat, truth, all), gradient_matching(flat, truth, all)}) {
    EXPECT_TRUE(std::isfinite(loss.item()));
    for (const float g : list(backward(loss).of(flat))) EXPECT_TRUE(std::isfinite(g));
  }
  Tensor broken = narrowed(noise_tensor("d", {1, 6, 6}));
  for (int64_t i = 0; i < 36; i += 3) broken.edit<float>()[i] = std::nanf("");
  EXPECT_FALSE(std::isfinite(ssi_trimmed(broken, truth, all).item()));  // and no crash while sorting
}

TEST(Edges, PoolingNeverTakesTheBorder) {
  const Tensor y = max_pool(Tensor::full({1, 7, 6, 2}, -5));
  for (const float v : list(y)) EXPECT_EQ(v, -5);
}

TEST(Edges, ResizingToTheSameSizeChangesNothing) {
  const Tensor x = narrowed(noise_tensor("x", {2, 5, 7, 3}));
  for (const ResizeOptions& options :
       {ResizeOptions{Interpolation::nearest}, ResizeOptions{}, ResizeOptions{Interpolation::bicubic},
        ResizeOptions{Interpolation::bilinear, true}, ResizeOptions{Interpolation::bicubic, true}})
    EXPECT_EQ(list(resize(x, 5, 7, options)), list(x));
}

TEST(Edges, SameBitsForAnyNumberOfThreads) {
  // Large enough for several pieces each.
  testing::expect_same_bits_for_any_threads([] {
    const Tensor x = narrowed(noise_tensor("x", {4, 96, 64, 12})).trainable();
    const Tensor y = narrowed(noise_tensor("y", {4, 96, 64, 12})).trainable();
    const Tensor gain = narrowed(noise_tensor("gain", {12})).trainable();
    const auto flat = [](const Tensor& t) { return t.reshape({4, 96, 64 * 12}); };
    const Tensor valid = Tensor::full({4, 96, 64 * 12}, 1);
    std::vector<float> all;
    const auto add = [&](const Tensor& result) {
      const Gradients gradients = backward(result, Tensor::full(result.shape(), 0.5));
      for (const Tensor& t : {result, gradients.of(x), gradients.of(y), gradients.of(gain)})
        if (t) all.insert(all.end(), t.view<float>().begin(), t.view<float>().end());
    };
    add(mean_squared_error(x, y));
    add(mean_absolute_error(x, y));
    add(huber(x, y, 0.1));
    add(reparametrise(x, y, x));
    add(gaussian_divergence(x, y));
    add(one_minus_cosine(x, y));
    add(softmax(x));
    add(batch_norm(x, gain, gain, 1e-5));
    add(max_pool(x));
    add(resize(x, 50, 90, {Interpolation::bicubic}));
    add(ssi_mse(flat(x), flat(y), valid));
    add(ssi_trimmed(flat(x), flat(y), valid));
    add(gradient_matching(flat(x), flat(y), valid));
    return all;
  });
}

}  // namespace
}  // namespace calotype
