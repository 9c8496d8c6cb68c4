#include "check/reference.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/mapped_file.h"

namespace calotype::checker {

json read_json(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto* text = reinterpret_cast<const char*>(file.bytes().data());
  try {
    return json::parse(text, text + file.bytes().size());
  } catch (const json::exception& error) {
    fail(ErrorKind::bad_file, "{}: this is no JSON: {}", path.string(), error.what());
  }
}

std::vector<json> read_rows(const std::filesystem::path& path) {
  const json list = read_json(path);
  require(list.is_array(), ErrorKind::bad_file, "{}: expected a list of rows", path.string());
  for (const json& row : list) require(row.is_object(), ErrorKind::bad_file, "{}: a row is no object", path.string());
  return {list.begin(), list.end()};
}

const StoredTensor& ReferenceTensors::stored(const std::string& name) const {
  const StoredTensor* tensor = file_.find(name);
  require(tensor != nullptr, ErrorKind::bad_file, "{}: there is no tensor {}", file_.path().string(), name);
  return *tensor;
}

Tensor ReferenceTensors::tensor(const std::string& name) const {
  const std::vector<double> wide = values(name);
  return Tensor::from<float>(std::vector<float>(wide.begin(), wide.end()), shape(name));
}

std::vector<int32_t> ReferenceTensors::integers(const std::string& name) const {
  const std::vector<double> wide = values(name);
  return {wide.begin(), wide.end()};
}

std::vector<uint16_t> ReferenceTensors::bits16(const std::string& name) const {
  const StoredTensor& tensor = stored(name);
  require(bits_of(tensor.type) == 16, ErrorKind::bad_file, "{}: {} is not of 16 bits", file_.path().string(), name);
  std::vector<uint16_t> bits(tensor.bytes.size() / 2);
  std::memcpy(bits.data(), tensor.bytes.data(), bits.size() * 2);
  return bits;
}

json ReferenceTensors::metadata(const std::string& key) const {
  const auto found = file_.metadata().find(key);
  if (found == file_.metadata().end()) return nullptr;
  const std::string& text = found->second;
  if (text.empty() || (text[0] != '{' && text[0] != '[')) return text;
  const json parsed = json::parse(text, nullptr, false);
  require(!parsed.is_discarded(), ErrorKind::bad_file, "{}: the metadata's {} is no JSON", file_.path().string(), key);
  return parsed;
}

std::optional<double> optional_number(const json& row, const char* key) {
  if (!row.is_object()) return std::nullopt;
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string word(const json& row, const char* key, const std::string& fallback) {
  if (!row.is_object()) return fallback;
  const auto found = row.find(key);
  return found == row.end() || !found->is_string() ? fallback : found->get<std::string>();
}

}  // namespace calotype::checker
