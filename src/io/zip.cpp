#include "io/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/error.h"
#include "io/byte_reader.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr size_t kEndBytes = 22, kLocator64Bytes = 20, kCentralBytes = 46;
constexpr uint32_t kElsewhere = 0xffffffff;  // the number stands in a ZIP64 record

/// Where the directory lies.
struct Directory {
  uint64_t entries = 0, bytes = 0, offset = 0;
};

/// An entry of the directory, before it is checked.
struct Listed {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0, offset = 0;
};

class Archive {
 public:
  Archive(std::span<const std::byte> bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  std::vector<ZipEntry> read() {
    const Directory directory = find_directory();
    require(directory.offset <= bytes_.size() && directory.bytes <= bytes_.size() - directory.offset,
            ErrorKind::bad_file, "{}: the archive's directory lies outside the file; it is cut short or damaged",
            where_);
    require(directory.entries <= directory.bytes / kCentralBytes, ErrorKind::bad_file,
            "{}: the archive's directory names {} files in {} bytes", where_, directory.entries, directory.bytes);
    ByteReader reader(bytes_.subspan(directory.offset, directory.bytes), where_, "the archive's directory");
    std::vector<ZipEntry> entries;
    std::unordered_set<std::string> names;
    for (uint64_t i = 0; i < directory.entries; ++i) {
      const Listed listed = read_listed(reader);
      require(names.insert(listed.name).second, ErrorKind::bad_file, "{}: the archive holds {} twice", where_,
              printable(listed.name));
      entries.push_back(located(listed, directory));
    }
    require(reader.done(), ErrorKind::bad_file, "{}: the archive's directory has more files than it says", where_);
    require_apart(entries);
    return entries;
  }

 private:
  Directory find_directory() {
    require(bytes_.size() >= kEndBytes, ErrorKind::bad_file, "{}: an archive that is cut short after {} bytes", where_,
            bytes_.size());
    // A comment of up to 65535 bytes may follow; its length must lead to the end of the file.
    const size_t first = bytes_.size() - std::min<size_t>(bytes_.size(), kEndBytes + 0xffff);
    for (size_t at = bytes_.size() - kEndBytes + 1; at-- > first;) {
      ByteReader reader(bytes_.subspan(at), where_, "the archive's end");
      if (reader.number<uint32_t>() != kEnd) continue;
      const auto disk = reader.number<uint16_t>(), directory_disk = reader.number<uint16_t>();
      const auto here = reader.number<uint16_t>(), entries = reader.number<uint16_t>();
      const auto size = reader.number<uint32_t>(), offset = reader.number<uint32_t>();
      if (reader.number<uint16_t>() != reader.left()) continue;
      if (entries == 0xffff || size == kElsewhere || offset == kElsewhere || disk == 0xffff)
        return find_directory64(at);
      require(disk == 0 && directory_disk == 0 && here == entries, ErrorKind::bad_file,
              "{}: an archive in several parts", where_);
      return {entries, size, offset};
    }
    fail(ErrorKind::bad_file, "{}: an archive without a directory; the file is cut short", where_);
  }

  Directory find_directory64(size_t end) {
    require(end >= kLocator64Bytes, ErrorKind::bad_file, "{}: the archive's directory is damaged", where_);
    ByteReader locator(bytes_.subspan(end - kLocator64Bytes, kLocator64Bytes), where_, "the archive's end");
    const auto mark = locator.number<uint32_t>(), disk = locator.number<uint32_t>();
    const auto at = locator.number<uint64_t>();
    require(mark == kLocator64 && disk == 0 && at <= bytes_.size(), ErrorKind::bad_file,
            "{}: the archive's directory is damaged", where_);
    ByteReader reader(bytes_.subspan(at), where_, "the archive's end");
    require(reader.number<uint32_t>() == kEnd64, ErrorKind::bad_file, "{}: the archive's directory is damaged", where_);
    reader.take(8 + 2 + 2);  // its own length, versions
    const auto this_disk = reader.number<uint32_t>(), directory_disk = reader.number<uint32_t>();
    const auto here = reader.number<uint64_t>(), entries = reader.number<uint64_t>();
    require(this_disk == 0 && directory_disk == 0 && here == entries, ErrorKind::bad_file,
            "{}: an archive in several parts", where_);
    const auto size = reader.number<uint64_t>(), offset = reader.number<uint64_t>();
    return {entries, size, offset};
  }

  Listed read_listed(ByteReader& reader) {
    require(reader.number<uint32_t>() == kCentral, ErrorKind::bad_file, "{}: the archive's directory is damaged",
            where_);
    Listed listed;
    reader.take(4);  // versions
    listed.flags = reader.number<uint16_t>();
    listed.method = reader.number<uint16_t>();
    reader.take(4);  // time
    listed.crc = reader.number<uint32_t>();
    listed.packed = reader.number<uint32_t>();
    listed.size = reader.number<uint32_t>();
    const auto name = reader.number<uint16_t>(), extra = reader.number<uint16_t>(), comment = reader.number<uint16_t>();
    reader.take(2 + 2 + 4);  // disk, attributes
    listed.offset = reader.number<uint32_t>();
    listed.name = std::string(reader.text(name));
    ByteReader extras(reader.take(extra), where_, "a record of the archive's directory");
    reader.take(comment);
    while (extras.left() >= 4) {
      const auto kind = extras.number<uint16_t>(), length = extras.number<uint16_t>();
      ByteReader field(extras.take(length), where_, "a record of the archive's directory");
      if (kind != 1) continue;
      for (uint64_t* number : {&listed.size, &listed.packed, &listed.offset})
        if (*number == kElsewhere) *number = field.number<uint64_t>();
      break;
    }
    return listed;
  }

  ZipEntry located(const Listed& listed, const Directory& directory) {
    const std::string name = printable(listed.name);
    require((listed.flags & 1) == 0, ErrorKind::bad_file, "{}: {} is encrypted", where_, name);
    require(listed.offset <= directory.offset, ErrorKind::bad_file, "{}: {} begins outside the archive", where_, name);
    ByteReader reader(bytes_.subspan(listed.offset, directory.offset - listed.offset), where_, "the archive");
    require(reader.number<uint32_t>() == kLocal, ErrorKind::bad_file, "{}: {} is not where the directory says", where_,
            name);
    reader.take(22);
    const auto name_bytes = reader.number<uint16_t>(), extra = reader.number<uint16_t>();
    require(reader.text(name_bytes) == listed.name, ErrorKind::bad_file,
            "{}: {} has another name where it lies; the archive is damaged", where_, name);
    reader.take(extra);
    const bool stored = listed.method == 0;
    require(!stored || listed.packed == listed.size, ErrorKind::bad_file, "{}: {} has two lengths, {} and {}", where_,
            name, listed.packed, listed.size);
    require(listed.packed <= reader.left(), ErrorKind::bad_file,
            "{}: {} would have {} bytes, {} follow; the file is cut short or damaged", where_, name, listed.packed,
            reader.left());
    return {listed.name, stored, listed.crc, reader.take(listed.packed)};
  }

  void require_apart(const std::vector<ZipEntry>& entries) {
    std::vector<const ZipEntry*> order;
    for (const ZipEntry& entry : entries)
      if (!entry.bytes.empty()) order.push_back(&entry);
    std::ranges::sort(order, {}, [](const ZipEntry* entry) { return entry->bytes.data(); });
    for (size_t i = 1; i < order.size(); ++i)
      require(order[i - 1]->bytes.data() + order[i - 1]->bytes.size() <= order[i]->bytes.data(), ErrorKind::bad_file,
              "{}: {} and {} share bytes of the archive", where_, printable(order[i - 1]->name),
              printable(order[i]->name));
  }

  std::span<const std::byte> bytes_;
  std::string where_;
};

}  // namespace

std::vector<ZipEntry> read_zip(std::span<const std::byte> archive, std::string_view where) {
  return Archive(archive, where).read();
}

void require_intact(const ZipEntry& entry, std::string_view where) {
  require(entry.stored, ErrorKind::unsupported,
          "{}: {} is compressed; save the file again as PyTorch does, uncompressed", where, printable(entry.name));
  const auto* bytes = reinterpret_cast<const Bytef*>(entry.bytes.data());
  const auto crc = static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), bytes, entry.bytes.size()));
  require(crc == entry.crc, ErrorKind::bad_file, "{}: the checksum of {} is wrong; the file is damaged", where,
          printable(entry.name));
}

}  // namespace calotype
