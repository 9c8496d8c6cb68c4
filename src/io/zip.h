#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// One file of an archive.
struct ZipEntry {
  std::string name;
  bool stored = true;                // not compressed
  uint32_t crc = 0;                  // as the directory says
  std::span<const std::byte> bytes;  // as they lie in the archive
};

/// The directory of a zip archive (ZIP64 too) that is whole in memory: read from its end, as all readers do, and
/// checked against the headers in front of the files. Throws `bad_file` for what lies outside, overlaps, is there twice
/// or is encrypted, and for counts that are wrong. `where` stands in front of messages.
std::vector<ZipEntry> read_zip(std::span<const std::byte> archive, std::string_view where);

/// Throws `unsupported` where the entry is compressed, `bad_file` where its checksum is wrong.
void require_intact(const ZipEntry& entry, std::string_view where);

}  // namespace calotype
