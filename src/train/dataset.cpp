#include "train/dataset.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/picture.h"

namespace calotype {
namespace {

constexpr size_t kMaxLine = 1 << 20;

Sample parse_line(std::string_view line, const std::filesystem::path& folder, const std::string& where) {
  require(line.size() <= kMaxLine, ErrorKind::bad_file, "{}: the line is over 1 MB", where);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  const bool fits = json.is_object() && json.contains("file_name") && json["file_name"].is_string() &&
                    json.contains("text") && json["text"].is_string();
  require(fits, ErrorKind::bad_file, "{}: an object with the words file_name and text was expected", where);
  const std::filesystem::path name = json["file_name"].get<std::string>();
  require(name.native().find('\0') == std::string::npos, ErrorKind::bad_file, "{}: a file_name with a zero byte",
          where);
  const bool inside = name.is_relative() && std::ranges::find(name, "..") == name.end();
  require(inside, ErrorKind::bad_file, "{}: {} leads out of the folder", where, name.string());
  Sample sample{.file = folder / name, .text = json["text"].get<std::string>(), .name = {}};
  sample.name = json.contains("name") && json["name"].is_string() ? json["name"].get<std::string>() : sample.text;
  if (json.contains("weight") && json["weight"].is_number()) sample.weight = json["weight"].get<double>();
  require(sample.weight >= 0 && sample.weight <= 1e6, ErrorKind::bad_file, "{}: weight {} is not within 0 to 1e6",
          where, sample.weight);
  return sample;
}

}  // namespace

Dataset::Dataset(const std::filesystem::path& folder) {
  const std::filesystem::path list = folder / "metadata.jsonl";
  const MappedFile file(list);
  std::string_view rest(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    samples_.push_back(parse_line(line, folder, fmt::format("{}: line {}", list.string(), number)));
    const double before = cumulative_weights_.empty() ? 0 : cumulative_weights_.back();
    cumulative_weights_.push_back(before + samples_.back().weight);
  }
  require(!samples_.empty() && cumulative_weights_.back() > 0, ErrorKind::bad_file, "{}: it lists no picture",
          list.string());
}

size_t Dataset::draw(CounterRng& rng) const {
  const double at = rng.uniform64() * cumulative_weights_.back();
  const auto found = std::ranges::upper_bound(cumulative_weights_, at);
  return std::min<size_t>(found - cumulative_weights_.begin(), samples_.size() - 1);
}

std::vector<size_t> Dataset::spread(size_t count) const {
  count = std::min(count, size());
  std::vector<size_t> indices;
  for (size_t i = 0; i < count; ++i) indices.push_back(i * size() / count);
  return indices;
}

Image Dataset::picture(size_t index, int size) const {
  return resize_area(on_white(read_image(samples_[index].file)), size, size);
}

Image resize_area(const Image& image, int width, int height) {
  if (image.width == width && image.height == height) return image;
  Image result{width, height, 3, std::vector<uint8_t>(static_cast<size_t>(width) * height * 3)};
  const double across = static_cast<double>(image.width) / width, down = static_cast<double>(image.height) / height;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      double sum[3] = {}, area = 0;
      for (int v = static_cast<int>(y * down); v < std::min<double>(image.height, (y + 1) * down); ++v)
        for (int u = static_cast<int>(x * across); u < std::min<double>(image.width, (x + 1) * across); ++u) {
          const double part = (std::min<double>(v + 1, (y + 1) * down) - std::max<double>(v, y * down)) *
                              (std::min<double>(u + 1, (x + 1) * across) - std::max<double>(u, x * across));
          const uint8_t* pixel = &image.pixels[(static_cast<size_t>(v) * image.width + u) * 3];
          for (int c = 0; c < 3; ++c) sum[c] += part * pixel[c];
          area += part;
        }
      for (int c = 0; c < 3; ++c)
        result.pixels[(static_cast<size_t>(y) * width + x) * 3 + c] = static_cast<uint8_t>(sum[c] / area + 0.5);
    }
  return result;
}

void append_crop(const Image& image, int left, int top, int size, bool flipped, std::vector<float>& out) {
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const int v = std::clamp(top + y, 0, image.height - 1);
      const int u = std::clamp(left + (flipped ? size - 1 - x : x), 0, image.width - 1);
      for (int c = 0; c < 3; ++c)
        out.push_back(static_cast<float>(image.pixels[(static_cast<size_t>(v) * image.width + u) * 3 + c]) / 127.5f -
                      1);
    }
}

}  // namespace calotype
