#include "cli/adapter_uses.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "io/printable.h"
#include "pipeline/field.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array kEndings = {".safetensors", ".pt", ".ckpt", ".bin"};
constexpr size_t kMostFiles = 100000;

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Takes a number behind the last colon off the text.
std::optional<double> last_number(std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto value = number(std::string_view(text).substr(colon + 1));
  if (value) text.resize(colon);
  return value;
}

/// Files of a folder and of those in it, by stem; and folders that hold an adapter.
std::vector<fs::path> adapters_in(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && at != end && found.size() < kMostFiles; at.increment(error)) {
    const fs::path& path = at->path();
    const bool adapter = at->is_directory(error) ? fs::exists(path / "adapter_config.json", error)
                                                 : std::ranges::find(kEndings, path.extension()) != kEndings.end();
    if (adapter) found.push_back(path);
  }
  std::ranges::sort(found);
  return found;
}

/// `what` begins the message: the option, or the tag in the prompt.
fs::path by_name(const std::string& name, const std::string& folder, const std::string& what) {
  require(!folder.empty(), ErrorKind::bad_input, "{}: say with --lora-dir FOLDER where adapters lie", what);
  std::error_code error;
  require(fs::is_directory(folder, error), ErrorKind::bad_file, "lora_dir: {}: this is no folder", printable(folder));
  const std::vector<fs::path> files = adapters_in(folder);
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    if (file.stem() == name) return file;
    names.push_back(file.stem().string());
  }
  const std::vector<std::string> near = nearest(name, names);
  fail(ErrorKind::bad_file, "{}: there is no adapter of that name in {}{}", what, printable(folder),
       near.empty() ? "" : fmt::format("; do you mean {}?", printable(fmt::format("{}", fmt::join(near, ", ")), 200)));
}

AdapterUse use_of(const std::string& asked, const std::string& folder) {
  std::string file = asked;
  AdapterUse use;
  std::error_code error;
  if (!fs::exists(file, error)) {
    const auto last = last_number(file);
    const auto before = last ? last_number(file) : std::nullopt;
    use.unet = before ? *before : last.value_or(1);
    use.text = last.value_or(1);
  }
  const bool here = fs::exists(file, error);
  require(here || !folder.empty(), ErrorKind::bad_file, "lora: {}: there is no such file", printable(file, 200));
  use.file = here ? fs::path(file) : by_name(file, folder, "lora: " + printable(file, 60));
  return use;
}

}  // namespace

std::vector<AdapterUse> adapter_uses(const std::vector<std::string>& asked, const std::string& folder,
                                     const std::vector<AdapterTag>& tags) {
  std::vector<AdapterUse> uses;
  for (const std::string& each : asked) uses.push_back(use_of(each, folder));
  for (const AdapterTag& tag : tags)
    uses.push_back(
        {by_name(tag.name, folder, fmt::format("prompt: <lora:{}>", printable(tag.name, 60))), tag.unet, tag.text});
  return uses;
}

std::vector<std::string> adapter_notes(std::span<const AdapterReport> reports, bool verbose) {
  constexpr size_t kMostNamed = 10;
  std::vector<std::string> notes;
  for (const AdapterReport& report : reports) {
    const std::string name = printable(report.name, 60);
    if (verbose) notes.push_back(fmt::format("adapter {}: {} modules", name, report.applied));
    if (report.unused.empty()) continue;
    const std::vector<std::string> named(report.unused.begin(),
                                         report.unused.begin() + std::min(report.unused.size(), kMostNamed));
    notes.push_back(fmt::format("calotype: warning: lora: {}: {} of {} modules have no layer in this model: {}{}", name,
                                report.unused.size(), report.unused.size() + static_cast<size_t>(report.applied),
                                printable(fmt::format("{}", fmt::join(named, ", ")), 1000),
                                named.size() < report.unused.size() ? ", ..." : ""));
  }
  return notes;
}

}  // namespace calotype::cli
