#include "train/dataset.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "io/pixels.h"
#include "support/scratch.h"
#include "train/pictures.h"

namespace calotype {
namespace {

std::string refused(const Scratch& folder, const std::string& lines) {
  folder.write("metadata.jsonl", lines);
  return refusal(ErrorKind::bad_file, [&] { Dataset(folder / ""); });
}

TEST(Dataset, ReadsLinesWeightsAndNames) {
  const Scratch folder;
  folder.write("metadata.jsonl",
               "{\"file_name\": \"a.png\", \"text\": \"an apple\", \"name\": \"apple\", \"weight\": 0}\n\n"
               "{\"file_name\": \"b/c.png\", \"text\": \"a pear\", \"other\": [1]}\n");
  const Dataset data((folder / ""));
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.samples()[0].name, "apple");
  EXPECT_EQ(data.samples()[1].name, "a pear");
  CounterRng rng(0, 0, 0);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(data.draw(rng), 1u);  // the first has no weight
}

TEST(Dataset, RefusesWithTheLine) {
  const Scratch folder;
  EXPECT_NE(refused(folder, "{\"file_name\": \"a.png\"}\n").find("line 1"), std::string::npos);
  EXPECT_NE(refused(folder, "{\"file_name\": \"a.png\", \"text\": \"x\"}\nnonsense\n").find("line 2"),
            std::string::npos);
  EXPECT_NE(refused(folder, "{\"file_name\": \"../a.png\", \"text\": \"x\"}\n").find("out of the folder"),
            std::string::npos);
  EXPECT_NE(refused(folder, "{\"file_name\": \"/a.png\", \"text\": \"x\"}\n").find("out of the folder"),
            std::string::npos);
  EXPECT_NE(refused(folder, "{\"file_name\": \"a.png\", \"text\": \"x\", \"weight\": -1}\n").find("weight"),
            std::string::npos);
  EXPECT_NE(refused(folder, "\n").find("no picture"), std::string::npos);
}

TEST(Dataset, PicturesAreScaledByArea) {
  Image image{4, 2, 3, {}};
  for (int i = 0; i < 8; ++i)
    for (int c = 0; c < 3; ++c) image.pixels.push_back(static_cast<uint8_t>(i * 10 + c));
  const Image half = resize_area(image, 2, 1);
  EXPECT_EQ(half.pixels[0], (0 + 10 + 40 + 50) / 4);
  EXPECT_EQ(half.pixels[3], (20 + 30 + 60 + 70) / 4);
  const Image third = resize_area(image, 3, 2);  // pixels of four thirds
  EXPECT_NEAR(third.pixels[0], (0 + 10 / 3.0) / (4 / 3.0), 0.51);
}

TEST(Dataset, CropsReachOverTheEdgeAndFlip) {
  const Image image = dotted(8, 10, 20, 30, 2);
  std::vector<float> straight, flipped;
  append_crop(image, -2, -2, 12, false, straight);
  append_crop(image, -2, -2, 12, true, flipped);
  ASSERT_EQ(straight.size(), 12u * 12 * 3);
  EXPECT_FLOAT_EQ(straight[0], 10 / 127.5f - 1);
  for (int x = 0; x < 12; ++x)
    for (int c = 0; c < 3; ++c) EXPECT_EQ(straight[(5 * 12 + x) * 3 + c], flipped[(5 * 12 + 11 - x) * 3 + c]);
  EXPECT_EQ(image_of(straight, 12, 12, 3, Rounding::nearest).pixels[0], 10);
}

}  // namespace
}  // namespace calotype
