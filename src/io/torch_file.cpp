#include "io/torch_file.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "base/error.h"
#include "io/pickle.h"
#include "io/printable.h"
#include "io/torch_weights.h"
#include "io/zip.h"

namespace calotype {
namespace {

constexpr size_t kLeastCopied = 64 << 20;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

size_t most_copied(std::span<const std::byte> file) {
  return std::max(kLeastCopied, file.size());
}

/// A byte that may stand in the key of a storage: never one that makes a path of it.
bool plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

void require_count(const TorchStorage& storage, size_t bytes, std::string_view where) {
  const auto width = static_cast<uint64_t>(storage.element_bytes());
  require(bytes % width == 0 && bytes / width == static_cast<uint64_t>(storage.count), ErrorKind::bad_file,
          "{}: storage {} should have {} elements of {} bytes, the file has {} bytes of it", where,
          printable(storage.key), storage.count, width, bytes);
}

}  // namespace

bool is_torch_archive(std::span<const std::byte> file) {
  return as_text(file).starts_with("PK\x03\x04") || as_text(file).starts_with("PK\x05\x06");
}

bool is_pickle(std::span<const std::byte> file) {
  // A header of safetensors whose length begins with the same two bytes has zeros in the upper four, and its brace.
  const std::string_view text = as_text(file);
  if (text.size() < 3 || text[0] != '\x80' || text[1] < 2 || text[1] > 5) return false;
  const bool short_length = text.size() > 8 && text.substr(4, 4) == std::string_view("\0\0\0\0", 4);
  return !short_length || std::string_view("{ \t\r\n").find(text[8]) == std::string_view::npos;
}

TensorFileContent read_torch_archive(std::span<const std::byte> file, std::string_view where) {
  const std::vector<ZipEntry> entries = read_zip(file, where);
  std::map<std::string_view, const ZipEntry*> by_name;
  const ZipEntry* object = nullptr;
  for (const ZipEntry& entry : entries) {
    by_name[entry.name] = &entry;
    if (entry.name != "data.pkl" && !entry.name.ends_with("/data.pkl")) continue;
    require(object == nullptr, ErrorKind::bad_file, "{}: the archive holds data.pkl twice, {} and {}", where,
            printable(object ? object->name : ""), printable(entry.name));
    object = &entry;
  }
  require(object != nullptr, ErrorKind::bad_file, "{}: an archive without data.pkl, so PyTorch has not written it",
          where);
  const std::string top = object->name.substr(0, object->name.size() - 8);
  require(!by_name.contains(top + "constants.pkl"), ErrorKind::unsupported,
          "{}: a TorchScript program, not weights; programs are never run", where);
  const auto order = by_name.find(top + "byteorder");
  require(order == by_name.end() || as_text(order->second->bytes).starts_with("little"), ErrorKind::unsupported,
          "{}: weights of a big-endian machine are not read", where);
  require_intact(*object, where);

  const Pickle pickle(object->bytes, where);
  TensorFileContent content = torch_weights(
      pickle,
      [&](const TorchStorage& storage) {
        const auto entry = by_name.find(top + "data/" + std::string(storage.key));
        require(std::ranges::all_of(storage.key, plain) && entry != by_name.end(), ErrorKind::bad_file,
                "{}: the archive has no storage {}", where, printable(storage.key));
        require(entry->second->stored, ErrorKind::unsupported,
                "{}: {} is compressed; save the file again as PyTorch does, uncompressed", where,
                printable(entry->second->name));
        require_count(storage, entry->second->bytes.size(), where);
        return entry->second->bytes;
      },
      most_copied(file), where);
  content.container = Container::torch;
  return content;
}

namespace {

/// The parts of an old stream, one behind the other.
class Stream {
 public:
  Stream(std::span<const std::byte> file, std::string_view where) : file_(file), where_(where) {}

  TensorFileContent read() {
    constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
    const Pickle magic = next();
    require(magic.kind(magic.root()) == PickleKind::long_integer && magic.text(magic.root()) == kMagic,
            ErrorKind::bad_file, "{}: a bare pickle, not a file that PyTorch has written; nothing in it was executed",
            where_);
    const Pickle version = next();
    require(version.kind(version.root()) == PickleKind::integer && version.integer(version.root()) == 1001,
            ErrorKind::bad_file, "{}: a PyTorch stream of version 1001 is expected, it says {}", where_,
            described(version));
    read_system();
    const Pickle object = next();
    const Pickle keys = next();
    read_storages(object, keys);
    TensorFileContent content = torch_weights(
        object,
        [&](const TorchStorage& storage) {
          const auto found = storages_.find(std::string(storage.key));
          require(found != storages_.end(), ErrorKind::bad_file, "{}: the file has no storage {}", where_,
                  printable(storage.key));
          require_count(storage, found->second.size(), where_);
          return found->second;
        },
        most_copied(file_), where_);
    content.container = Container::torch_legacy;
    return content;
  }

 private:
  Pickle next() {
    size_t bytes = 0;
    Pickle pickle(file_.subspan(at_), where_, &bytes);
    at_ += bytes;
    return pickle;
  }

  std::string described(const Pickle& pickle) const {
    return pickle.kind(pickle.root()) == PickleKind::integer ? fmt::format("{}", pickle.integer(pickle.root()))
                                                             : pickle.describe(pickle.root());
  }

  /// What stands around the object may hold no objects: whoever puts one there means no good.
  void require_plain(const Pickle& pickle, PickleKind kind, const char* what) const {
    const auto foreign = pickle.first_foreign();
    require(pickle.kind(pickle.root()) == kind && !foreign, ErrorKind::bad_file,
            "{}: {} is expected, there is {}; nothing in the file was executed", where_, what,
            pickle.describe(foreign.value_or(pickle.root())));
  }

  void read_system() {
    const Pickle system = next();
    require_plain(system, PickleKind::dictionary, "a dictionary of sizes");
    const auto little = system.find(system.root(), "little_endian");
    require(!little || system.kind(*little) != PickleKind::boolean || system.integer(*little) != 0,
            ErrorKind::unsupported, "{}: weights of a big-endian machine are not read", where_);
  }

  void read_storages(const Pickle& object, const Pickle& keys) {
    require_plain(keys, PickleKind::list, "a list of storages");
    std::map<std::string_view, TorchStorage> named;
    for (const PickleValue value : object.storages()) {
      const auto parts = object.parts(value);
      named.emplace(object.text(parts[1]), torch_storage(object, value, where_));
    }
    for (const PickleValue key : keys.parts(keys.root())) {
      const auto storage = named.find(keys.text(key));
      require(keys.kind(key) == PickleKind::text && storage != named.end(), ErrorKind::bad_file,
              "{}: the list of storages has {}, which no tensor has", where_, printable(keys.text(key)));
      require(file_.size() - at_ >= 8, ErrorKind::bad_file, "{}: the file is cut short before storage {}", where_,
              printable(storage->first));
      int64_t count;
      std::memcpy(&count, &file_[at_], 8);
      at_ += 8;
      const int64_t width = storage->second.element_bytes();
      require(count >= 0 && static_cast<uint64_t>(count) <= (file_.size() - at_) / static_cast<uint64_t>(width),
              ErrorKind::bad_file, "{}: storage {} would have {} elements of {} bytes, {} bytes follow", where_,
              printable(storage->first), count, width, file_.size() - at_);
      const auto bytes = static_cast<size_t>(count * width);
      require(storages_.emplace(std::string(storage->first), file_.subspan(at_, bytes)).second, ErrorKind::bad_file,
              "{}: the list of storages has {} twice", where_, printable(storage->first));
      at_ += bytes;
    }
  }

  std::span<const std::byte> file_;
  std::string where_;
  size_t at_ = 0;
  std::map<std::string, std::span<const std::byte>> storages_;
};

}  // namespace

TensorFileContent read_torch_stream(std::span<const std::byte> file, std::string_view where) {
  return Stream(file, where).read();
}

}  // namespace calotype
