#include "check/files_case.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/sha256.h"
#include "check/distance.h"
#include "io/printable.h"
#include "load/relaid_values.h"

namespace calotype::checker {
namespace {

namespace fs = std::filesystem;

constexpr double kMostSeconds = 1, kMostMegabytes = 256;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSlowdown = 10;
constexpr bool kMemoryTells = false;  // the sanitizer's own is counted
#else
constexpr double kSlowdown = 1;
constexpr bool kMemoryTells = true;
#endif

/// A line of /proc/self/status, in MiB; 0 where there is none.
double status_megabytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

/// An empty folder to run in, and back again.
class EmptyFolder {
 public:
  EmptyFolder() : before_(fs::current_path()) {
    std::string name = (fs::temp_directory_path() / "calotype-check-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, ErrorKind::cannot_write, "{}: a folder could not be made", name);
    path_ = name;
    fs::current_path(path_);
  }
  EmptyFolder(const EmptyFolder&) = delete;
  EmptyFolder& operator=(const EmptyFolder&) = delete;
  ~EmptyFolder() {
    std::error_code ignored;
    fs::current_path(before_, ignored);
    fs::remove_all(path_, ignored);
  }
  int64_t entries() const { return std::distance(fs::directory_iterator(path_), fs::directory_iterator()); }

 private:
  fs::path before_, path_;
};

std::string kinds_of(ErrorKind kind) {
  return kind == ErrorKind::bad_file ? "bad_file" : kind == ErrorKind::unsupported ? "unsupported" : "another";
}

}  // namespace

void FilesCase::judge(const std::function<void()>& open) {
  const std::string expect = word(row_, "expect");
  const EmptyFolder folder;
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const double before = status_megabytes("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  std::string refusal, kind;
  try {
    open();
  } catch (const Error& error) {
    refusal = error.what();
    kind = kinds_of(error.kind());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double grown = status_megabytes("VmHWM") - before;
  findings_.measure("seconds", took.count(), kMostSeconds * kSlowdown);
  if (kMemoryTells) findings_.measure("MiB above the state before", grown, kMostMegabytes);
  findings_.exact("files that appeared", folder.entries());

  const bool may_open = expect.starts_with("open"), may_refuse = expect == "refuse" || expect == "open-or-refuse";
  if (refusal.empty()) {
    findings_.exact("opened, though it must be refused", may_open ? 0 : 1);
    return;
  }
  if (!may_refuse) throw Error(ErrorKind::bad_file, "refused: " + refusal);
  compare_refusal(refusal, kind);
}

void FilesCase::compare_refusal(const std::string& message, const std::string& kind) {
  findings_.exact("an error of another kind", kind == "bad_file" || kind == "unsupported" ? 0 : 1);
  const std::string wanted = word(row_, "kind");
  if (!wanted.empty())
    findings_.exact("an error of another kind than " + wanted, wanted.find(kind) != std::string::npos ? 0 : 1);
  findings_.exact("lines beyond the first", std::count(message.begin(), message.end(), '\n'));
  const std::string file = path().filename().string();
  findings_.exact("the message does not name the file", message.find(file) != std::string::npos ? 0 : 1);
  const json names = row_.value("names", json::array());
  if (names.empty() || word(row_, "expect") != "refuse") return;
  bool named = false;
  for (const json& name : names) named = named || message.find(name.get<std::string>()) != std::string::npos;
  findings_.exact("the message names none of " + names.dump(), named ? 0 : 1);
}

void compare_components(const ModelFiles& files, const json& components, Averages averages, bool plus_zero,
                        Findings& findings) {
  for (const PartKind part : kParts) {
    const std::string name = name_of(part);
    findings.exact("whether there is a " + name, files.has(part) == components.contains(name) ? 0 : 1);
    if (!files.has(part) || !components.contains(name)) continue;
    std::vector<RelaidTensor> tensors = files.relaid(part, Layout::original, averages);
    std::ranges::sort(tensors, {}, &RelaidTensor::name);  // the prefix is the same for all
    Sha256 sum;
    for (const RelaidTensor& tensor : tensors) {
      std::vector<float> values(static_cast<size_t>(tensor.shape.count()));
      widen(tensor, 0, values);
      if (plus_zero)
        for (float& value : values) value += 0.0f;
      sum.add(std::as_bytes(std::span(values)));
    }
    const json& wanted = components[name];
    const double count = optional_number(wanted, "tensors").value_or(-1);
    findings.measure(name + ": tensors", std::abs(static_cast<double>(tensors.size()) - count), 0);
    findings.exact(name + ": SHA-256 of all values", sum.digest() == word(wanted, "sha256") ? 0 : 1);
  }
}

void compare_tensors(std::span<const StoredTensor> tensors, const json& wanted, Findings& findings) {
  findings.exact("number of tensors", tensors.size() == wanted.size() ? 0 : 1);
  for (const StoredTensor& tensor : tensors) {
    const auto at = wanted.find(tensor.name);
    findings.exact(printable(tensor.name) + " is in the file alone", at == wanted.end() ? 1 : 0);
    if (at == wanted.end()) continue;
    const std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
    findings.equal(printable(tensor.name) + ": shape", shape, (*at)["shape"].get<std::vector<int64_t>>());
    findings.equal(printable(tensor.name) + ": values", values_of(tensor), (*at)["values"].get<std::vector<double>>());
  }
}

void run_topic(const FilesContext& context, const char* topic, Report& report,
               const std::function<void(const json& row, FilesCase& one, Findings& findings)>& body) {
  const json rows = context.index.value(topic, json::array());
  for (const json& row : rows)
    report.run(
        word(row, "path"),
        [&](Findings& findings) {
          FilesCase one(context, row, findings);
          body(row, one, findings);
        },
        topic);
}

}  // namespace calotype::checker
