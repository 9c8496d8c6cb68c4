#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/image.h"
#include "tensor/tensor.h"

namespace calotype {

/// One picture of a folder and what its line in `metadata.jsonl` says of it.
struct Sample {
  std::filesystem::path file;
  std::string text;
  std::string name;   // what it shows, where the folder says so; else the text
  double weight = 1;  // how often it is drawn, beside others
};

/// A folder of pictures with `metadata.jsonl`: one JSON object a line with `file_name` and `text`, and, where wanted,
/// `name` and `weight`.
class Dataset {
 public:
  /// Throws `bad_file` naming the line. Pictures are opened when they are asked for.
  explicit Dataset(const std::filesystem::path& folder);

  const std::vector<Sample>& samples() const { return samples_; }
  size_t size() const { return samples_.size(); }
  /// An index drawn by weight.
  size_t draw(CounterRng& rng) const;
  /// `count` indices spread evenly over the list, or all of them where there are fewer: for checks that always look at
  /// the same pictures.
  std::vector<size_t> spread(size_t count) const;
  /// The picture in RGB, transparency on white, scaled to size x size (each pixel the mean of what it covers).
  Image picture(size_t index, int size) const;

 private:
  std::vector<Sample> samples_;
  std::vector<double> cumulative_weights_;
};

/// Each pixel the mean of the area it covers: for making pictures smaller. Three channels.
Image resize_area(const Image& image, int width, int height);

/// A window of an RGB picture, which may reach over its edges: beyond them the edge goes on. -> [size, size, 3]
/// appended in [-1, 1].
void append_crop(const Image& image, int left, int top, int size, bool flipped, std::vector<float>& out);

}  // namespace calotype
