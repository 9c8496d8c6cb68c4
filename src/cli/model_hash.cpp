#include "cli/model_hash.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/output_file.h"
#include "base/sha256.h"
#include "io/json.h"
#include "load/model_index.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

/// What the index knows a file by.
struct Stamp {
  std::string path;
  int64_t size = 0, time = 0;  // bytes; nanoseconds of the last change
};

Stamp stamp_of(const fs::path& file) {
  std::error_code error;
  struct stat status{};
  if (stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return {fs::weakly_canonical(file, error).string(), static_cast<int64_t>(status.st_size),
          int64_t{1'000'000'000} * status.st_mtim.tv_sec + status.st_mtim.tv_nsec};
}

/// The index, empty where there is none or it is damaged: it can be made again.
nlohmann::json read_index() {
  try {
    nlohmann::json index = read_json(ModelIndex::usual_place());
    if (index.is_object()) return index;
  } catch (const Error&) {
  }
  return nlohmann::json::object();
}

std::string known(const Stamp& stamp) {
  const nlohmann::json index = read_index();
  const auto row = index.find(stamp.path);
  if (row == index.end() || !row->is_object()) return "";
  if (row->value("size", nlohmann::json()) != stamp.size || row->value("mtime", nlohmann::json()) != stamp.time)
    return "";
  const nlohmann::json text = row->value("sha256", nlohmann::json());
  return text.is_string() && text.get<std::string>().size() == 64 ? text.get<std::string>() : "";
}

void keep(const Stamp& stamp, const std::string& text) {
  try {
    const fs::path path = ModelIndex::usual_place();
    if (path.empty()) return;
    fs::create_directories(path.parent_path());
    nlohmann::json index = read_index();
    nlohmann::json& row = index[stamp.path];
    if (!row.is_object() || row.value("size", nlohmann::json()) != stamp.size ||
        row.value("mtime", nlohmann::json()) != stamp.time)
      row = nlohmann::json::object();  // what else was known was of another file
    row["size"] = stamp.size;
    row["mtime"] = stamp.time;
    row["sha256"] = text;
    write_text(path, index.dump(1) + '\n');
  } catch (const std::exception&) {  // a cache that cannot be kept is no reason to draw nothing
  }
}

std::string hash_of(const Stamp& stamp, const std::atomic<bool>& stop) {
  constexpr size_t kPiece = 1 << 22;
  const MappedFile file(stamp.path);
  Sha256 hash;
  for (auto rest = file.bytes(); !rest.empty(); rest = rest.subspan(std::min(kPiece, rest.size()))) {
    if (stop) return "";
    const auto piece = rest.first(std::min(kPiece, rest.size()));
    hash.add(piece);
    MappedFile::let_go(piece);  // else the whole file would count twice, for the networks' mapping has it too
  }
  const std::string text = hash.digest();
  keep(stamp, text);
  return text;
}

}  // namespace

ModelHash::ModelHash(const fs::path& file) {
  const Stamp stamp = stamp_of(file);
  if (stamp.path.empty()) return;
  text_ = known(stamp);
  if (text_.empty()) working_ = std::async(std::launch::async, [this, stamp] { return hash_of(stamp, stop_); });
}

std::string ModelHash::short_text() {
  if (working_.valid()) text_ = working_.get();
  return text_.substr(0, 10);
}

}  // namespace calotype::cli
