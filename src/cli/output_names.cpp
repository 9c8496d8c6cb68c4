#include "cli/output_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"
#include "base/output_file.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

/// One more than the greatest number that a file of the folder is named by.
int64_t next_number(const fs::path& folder, const std::string& ending) {
  int64_t next = 0;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string stem = at->path().stem().string();
    int64_t number = 0;
    const auto [stop, wrong] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (at->path().extension() == ending && wrong == std::errc{} && stop == stem.data() + stem.size() && number >= 0 &&
        number < INT64_MAX / 2)
      next = std::max(next, number + 1);
  }
  return next;
}

/// Where a name's number goes: "%d" or "%0Nd", N from 1 to 9; "%%" is a percent sign.
struct Pattern {
  std::string before, after;
  int digits = 0;
  bool numbered = false;
};

Pattern parse(const std::string& text, const char* option) {
  Pattern pattern;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string& part = pattern.numbered ? pattern.after : pattern.before;
    if (text[i] != '%') {
      part += text[i];
      continue;
    }
    const std::string_view rest = std::string_view(text).substr(i + 1);
    const bool plain = rest.starts_with('d');
    const bool padded = rest.size() >= 3 && rest[0] == '0' && rest[1] >= '1' && rest[1] <= '9' && rest[2] == 'd';
    require(plain || padded || rest.starts_with('%'), ErrorKind::bad_input,
            "{}: '{}': after % may stand d, 03d or another %", option, printable(text));
    if (rest.starts_with('%')) {
      part += '%';
      ++i;
      continue;
    }
    require(!pattern.numbered, ErrorKind::bad_input, "{}: '{}' has two places for a number", option, printable(text));
    pattern.numbered = true;
    pattern.digits = plain ? 0 : rest[1] - '0';
    i += plain ? 1 : 3;
  }
  return pattern;
}

}  // namespace

void require_ending(const fs::path& name, const std::string& ending, const char* option) {
  std::string given = name.extension().string();
  std::transform(given.begin(), given.end(), given.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr const char* kOthers[] = {".png",  ".jpg",  ".jpeg", ".webp", ".gif",  ".bmp",        ".tif",
                                     ".tiff", ".avif", ".ppm",  ".ckpt", ".pt",   ".pth",        ".bin",
                                     ".gguf", ".yml",  ".yaml", ".json", ".toml", ".safetensors"};
  for (const char* other : kOthers)
    require(given != other || given == ending, ErrorKind::bad_input,
            "{}: {}: {} files are written here, not {}; end the name in {}", option, printable(name.string()), ending,
            given, ending);
}

OutputNames::OutputNames(const std::string& asked, int64_t count, const std::string& ending, const char* option)
    : asked_(asked) {
  if (to_stdout()) return;
  require(!asked.empty(), ErrorKind::bad_input, "{}: the name is empty", option);
  std::error_code error;
  if (asked.ends_with('/')) {
    fs::create_directories(asked, error);
    require(fs::is_directory(asked), ErrorKind::cannot_write, "{}: cannot be made a folder: {}", printable(asked),
            error.message());
  }
  if (fs::is_directory(asked, error)) {
    before_ = (fs::path(asked) / "").string();
    after_ = ending;
    digits_ = 5;
    numbered_ = in_folder_ = true;
    first_ = next_number(asked, ending);
    return;
  }
  Pattern pattern = parse(asked, option);
  require_ending(asked, ending, option);
  before_ = std::move(pattern.before);
  after_ = std::move(pattern.after);
  digits_ = pattern.digits;
  numbered_ = pattern.numbered;
  const bool special = fs::exists(before_, error) && !fs::is_regular_file(before_, error);
  if (!numbered_ && count > 1 && !special) {
    const fs::path name(before_);
    after_ = name.extension().string();
    before_ = before_.substr(0, before_.size() - after_.size()) + "-";
    numbered_ = true;
  }
}

fs::path OutputNames::operator[](int64_t index) const {
  if (!numbered_) return before_;
  return fmt::format("{}{:0{}}{}", before_, first_ + index, digits_, after_);
}

void OutputNames::skip_taken(int64_t index) {
  std::error_code error;
  while (in_folder_ && fs::exists((*this)[index], error)) ++first_;
}

fs::path OutputNames::write(int64_t index, std::span<const std::byte> bytes, const std::string& stem) {
  for (int64_t again = 0; in_folder_ && !stem.empty(); ++again) {
    const fs::path path = again == 0 ? before_ + stem + after_ : fmt::format("{}{}-{}{}", before_, stem, again, after_);
    OutputFile file(path);
    file.write(bytes);
    if (file.commit_new()) return path;
  }
  for (;; ++first_) {
    const fs::path path = (*this)[index];
    OutputFile file(path);
    file.write(bytes);
    if (!in_folder_) return file.commit(), path;
    if (file.commit_new()) return path;
  }
}

void OutputNames::probe() const {
  if (!to_stdout()) OutputFile((*this)[0]);
}

}  // namespace calotype::cli
