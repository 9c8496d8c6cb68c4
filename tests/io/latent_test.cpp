#include "io/latent.h"

#include <gtest/gtest.h>

#include "io/safetensors.h"
#include "io/scratch.h"

namespace calotype {
namespace {

TEST(Latent, WhatIsWrittenIsReadBack) {
  const Scratch scratch;
  Latent latent{2, 4, 3, 5, {}, {{"parameters", "a cat\nSteps: 20"}}};
  for (int i = 0; i < 2 * 4 * 3 * 5; ++i) latent.values.push_back(0.37f * static_cast<float>(i) - 11);
  write_latent(scratch / "a.latent", latent);
  const Latent read = read_latent(scratch / "a.latent");
  EXPECT_EQ(read.batch, 2);
  EXPECT_EQ(read.height, 3);
  EXPECT_EQ(read.width, 5);
  EXPECT_EQ(read.values, latent.values);
  EXPECT_EQ(read.metadata, latent.metadata);
  const Safetensors file(scratch / "a.latent");
  ASSERT_TRUE(file.find("latent_format_version_0"));
  EXPECT_EQ(file.find("latent_format_version_0")->shape, (Shape{0}));
}

TEST(Latent, OldFilesHoldTheSamplersUnits) {
  const Scratch scratch;
  const uint16_t halves[] = {0x3c00, 0xc000, 0x0000, 0x4200};  // 1, -2, 0, 3
  const StoredTensor tensors[] = {
      {"latent_tensor", StoredType::f16, Shape{1, 4, 1, 1}, std::as_bytes(std::span(halves))}};
  write_safetensors(scratch / "old.latent", tensors, {});
  const std::vector<float> values = read_latent(scratch / "old.latent").values;
  EXPECT_EQ(values, (std::vector<float>{static_cast<float>(1 / 0.18215), static_cast<float>(-2 / 0.18215), 0,
                                        static_cast<float>(3 / 0.18215)}));
}

TEST(Latent, OtherFilesAreRefused) {
  const Scratch scratch;
  refusal(ErrorKind::bad_file, [&] { read_latent(test_data("legal/any_order.safetensors")); });
  const float value = 1;
  const StoredTensor flat[] = {{"latent_tensor", StoredType::f32, Shape{1}, std::as_bytes(std::span(&value, 1))}};
  write_safetensors(scratch / "flat", flat, {});
  refusal(ErrorKind::bad_file, [&] { read_latent(scratch / "flat"); });
  const StoredTensor empty[] = {{"latent_tensor", StoredType::f32, Shape{1, 4, 0, 0}, {}}};
  write_safetensors(scratch / "empty", empty, {});
  refusal(ErrorKind::bad_file, [&] { read_latent(scratch / "empty"); });
}

}  // namespace
}  // namespace calotype
