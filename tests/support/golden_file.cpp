#include "support/golden_file.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace calotype::testing {
namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::filesystem::path data_path(const std::string& name) {
  const char* other = std::getenv("CALOTYPE_GOLDENS");
  return std::filesystem::path(other ? other : CALOTYPE_TEST_DATA) / name;
}

GoldenFile::GoldenFile(const std::string& name) {
  json_ = nlohmann::json::parse(content(data_path(name + ".json")));
  const std::string file = content(data_path(name + ".safetensors"));
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  header_ = nlohmann::json::parse(file.substr(8, length));
  bytes_ = file.substr(8 + length);
}

std::vector<int64_t> GoldenFile::shape(const std::string& tensor) const {
  return header_.at(tensor).at("shape");
}

template <class T>
std::vector<T> GoldenFile::values(const std::string& tensor) const {
  const auto& offsets = header_.at(tensor).at("data_offsets");
  const size_t first = offsets[0], last = offsets[1];
  size_t count = 1;
  for (const int64_t extent : shape(tensor)) count *= extent;
  if (last - first != count * sizeof(T)) throw std::runtime_error(tensor + " is of another type");
  std::vector<T> values(count);
  std::memcpy(values.data(), bytes_.data() + first, last - first);
  return values;
}

template std::vector<float> GoldenFile::values(const std::string&) const;
template std::vector<double> GoldenFile::values(const std::string&) const;
template std::vector<int64_t> GoldenFile::values(const std::string&) const;
template std::vector<uint16_t> GoldenFile::values(const std::string&) const;

}  // namespace calotype::testing
