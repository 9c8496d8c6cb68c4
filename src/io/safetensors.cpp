#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/printable.h"
#include "io/safetensors_header.h"

namespace calotype {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr int64_t kMaxCount = int64_t{1} << 62;  // what Shape::count can hold

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Other things that are often saved under this ending.
void refuse_known_strangers(std::string_view text, std::string_view where) {
  require(!text.starts_with("version https://git-lfs"), ErrorKind::bad_file,
          "{}: a git-lfs pointer, not the weights; fetch them with git lfs pull", where);
  require(!text.starts_with("PK\x03\x04") && !text.starts_with("\x80\x02\x8a\x0a"), ErrorKind::bad_file,
          "{}: a PyTorch checkpoint, not safetensors", where);
  require(!text.starts_with("GGUF"), ErrorKind::bad_file, "{}: a GGUF file, not safetensors", where);
  require(!text.starts_with("<!") && !text.starts_with("<html"), ErrorKind::bad_file,
          "{}: a web page, not safetensors; the download failed", where);
}

/// Bytes that shape and type need; throws where the product overflows or is no whole number of bytes.
uint64_t bytes_needed(const HeaderEntry& entry, std::string_view where) {
  int64_t count = 1;
  for (const uint64_t extent : entry.shape) {
    const bool fits = extent <= static_cast<uint64_t>(kMaxCount) &&
                      (extent == 0 || count <= kMaxCount / static_cast<int64_t>(extent));
    require(fits, ErrorKind::bad_file, "{}: {}: the shape [{}] has more elements than any file can hold", where,
            printable(entry.name), fmt::join(entry.shape, ", "));
    count *= static_cast<int64_t>(extent);
  }
  const auto bytes = stored_bytes(entry.type, count);
  require(bytes.has_value(), ErrorKind::bad_file, "{}: {}: {} elements of {} are no number of bytes a file can hold",
          where, printable(entry.name), count, name_of(entry.type));
  return static_cast<uint64_t>(*bytes);
}

}  // namespace

SafetensorsContent parse_safetensors(std::span<const std::byte> file, std::string_view where) {
  refuse_known_strangers(as_text(file.first(std::min<size_t>(file.size(), 64))), where);
  require(file.size() >= 8, ErrorKind::bad_file, "{}: a safetensors file has at least 8 bytes, this one has {}", where,
          file.size());
  uint64_t length;
  std::memcpy(&length, file.data(), 8);
  require(length <= kMaxHeader, ErrorKind::bad_file,
          "{}: not a safetensors file: the header would have {} bytes, at most {} are allowed", where, length,
          kMaxHeader);
  require(length <= file.size() - 8, ErrorKind::bad_file,
          "{}: the header has {} bytes but only {} follow; the file is cut short", where, length, file.size() - 8);

  SafetensorsContent content;
  std::vector<HeaderEntry> entries = parse_header(as_text(file.subspan(8, length)), content.metadata, where);
  content.data = file.subspan(8 + length);
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  content.tensors.reserve(entries.size());
  uint64_t expected = 0;
  for (HeaderEntry& entry : entries) {
    const std::string name = printable(entry.name);
    require(entry.begin <= entry.end, ErrorKind::bad_file, "{}: {}: its bytes end at {}, before they begin at {}",
            where, name, entry.end, entry.begin);
    require(entry.begin == expected, ErrorKind::bad_file,
            "{}: {}: its bytes begin at {}, expected {}: tensors must follow each other without gap or overlap", where,
            name, entry.begin, expected);
    const uint64_t needed = bytes_needed(entry, where);
    require(entry.end - entry.begin == needed, ErrorKind::bad_file, "{}: {}: {} [{}] takes {} bytes, the file has {}",
            where, name, name_of(entry.type), fmt::join(entry.shape, ", "), needed, entry.end - entry.begin);
    require(entry.end <= content.data.size(), ErrorKind::bad_file,
            "{}: {}: its bytes end at {}, the file's data at {}; the file is cut short", where, name, entry.end,
            content.data.size());
    expected = entry.end;
    const std::vector<int64_t> extents(entry.shape.begin(), entry.shape.end());
    content.tensors.push_back(
        {std::move(entry.name), entry.type, Shape(extents), content.data.subspan(entry.begin, needed)});
  }
  require(expected == content.data.size(), ErrorKind::bad_file, "{}: the tensors end at byte {}, the data at {}", where,
          expected, content.data.size());
  return content;
}

Safetensors::Safetensors(const std::filesystem::path& path)
    : TensorFile(path, [](const MappedFile& file) {
        SafetensorsContent content = parse_safetensors(file.bytes(), file.path().string());
        return TensorFileContent{Container::safetensors, std::move(content.tensors), std::move(content.metadata),
                                 nullptr};
      }) {}

}  // namespace calotype
