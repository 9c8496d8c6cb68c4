#include "train/settings.h"

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/flat_toml.h"

namespace calotype {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

}  // namespace

Settings::Settings(const std::filesystem::path& path) : file_(path) {
  const MappedFile file(path);
  require(file.bytes().size() <= kMaxBytes, ErrorKind::bad_file, "{}: settings of over 1 MB are refused",
          path.string());
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  values_ = parse_flat_toml(text, path.string());
}

const Settings::Value* Settings::take(const std::string& key) {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

template <class T>
T Settings::remember(const std::string& key, T value) {
  in_force_[key] = fmt::format("{}", value);
  return value;
}

void Settings::wrong_kind(const std::string& key, const char* expected) const {
  fail(ErrorKind::bad_file, "{}: {}: {} was expected", file_.string(), key, expected);
}

int64_t Settings::integer(const std::string& key, int64_t fallback, int64_t low, int64_t high) {
  int64_t result = fallback;
  if (const Value* value = take(key)) {
    if (!std::holds_alternative<int64_t>(*value)) wrong_kind(key, "a whole number");
    result = std::get<int64_t>(*value);
    require(result >= low && result <= high, ErrorKind::bad_file, "{}: {}: {} is not within {} to {}", file_.string(),
            key, result, low, high);
  }
  return remember(key, result);
}

double Settings::number(const std::string& key, double fallback, double low, double high) {
  double result = fallback;
  if (const Value* value = take(key)) {
    if (const auto* whole = std::get_if<int64_t>(value))
      result = static_cast<double>(*whole);
    else if (const auto* real = std::get_if<double>(value))
      result = *real;
    else
      wrong_kind(key, "a number");
    require(result >= low && result <= high, ErrorKind::bad_file, "{}: {}: {} is not within {} to {}", file_.string(),
            key, result, low, high);
  }
  return remember(key, result);
}

bool Settings::flag(const std::string& key, bool fallback) {
  const Value* value = take(key);
  if (value && !std::holds_alternative<bool>(*value)) wrong_kind(key, "true or false");
  return remember(key, value ? std::get<bool>(*value) : fallback);
}

std::string Settings::word(const std::string& key, const std::string& fallback) {
  const Value* value = take(key);
  if (value && !std::holds_alternative<std::string>(*value)) wrong_kind(key, "a word in quotes");
  return remember(key, value ? std::get<std::string>(*value) : fallback);
}

std::filesystem::path Settings::path(const std::string& key, const std::string& fallback) {
  const std::string name = word(key, fallback);
  require(!name.empty(), ErrorKind::bad_file, "{}: {} is missing: name a file or folder", file_.string(), key);
  return (file_.parent_path() / name).lexically_normal();
}

void Settings::check_all_read() const {
  std::string known;
  for (const auto& [key, value] : in_force_) known += (known.empty() ? "" : ", ") + key;
  for (const auto& [key, value] : values_)
    require(in_force_.contains(key), ErrorKind::bad_file, "{}: there is no setting {}; there are {}", file_.string(),
            key, known);
}

std::string Settings::text() const {
  std::string text;
  for (const auto& [key, value] : in_force_) text += key + " = " + value + "\n";
  return text;
}

}  // namespace calotype
