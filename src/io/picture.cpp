#include "io/picture.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/png.h"

namespace calotype {
namespace {

[[noreturn]] void refuse(std::span<const std::byte> file, std::string_view where) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 16));
  const char* kind = text.starts_with("\xff\xd8\xff")                                 ? "JPEG"
                     : text.starts_with("RIFF") && text.substr(8).starts_with("WEBP") ? "WebP"
                     : text.starts_with("GIF8")                                       ? "GIF"
                     : text.substr(0, 8).ends_with("ftyp")                            ? "AVIF or HEIC"
                                                                                      : nullptr;
  if (kind) fail(ErrorKind::unsupported, "{}: {} pictures are not read; convert it to PNG", where, kind);
  fail(ErrorKind::bad_file, "{}: not a picture of a kind that is known; PNG is expected", where);
}

}  // namespace

Image decode_image(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  if (is_png(file)) return decode_png(file, where, limits);
  refuse(file, where);
}

Image read_image(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path.string(), limits);
}

std::string read_parameters(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  if (!is_png(file.bytes())) refuse(file.bytes(), path.string());
  for (PngText& text : png_texts(file.bytes(), limits))
    if (text.keyword == "parameters") return std::move(text.text);
  return "";
}

}  // namespace calotype
