#include "io/picture.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/jpeg.h"
#include "io/mask.h"
#include "io/picture_text.h"
#include "io/png.h"
#include "io/webp.h"

namespace calotype {
namespace {

[[noreturn]] void refuse(std::span<const std::byte> file, std::string_view where) {
  require(!file.empty(), ErrorKind::bad_file, "{}: the file is empty", where);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 16));
  const std::string_view behind = text.substr(std::min<size_t>(4, text.size()));
  const char* kind = text.starts_with("GIF8")                                    ? "GIF"
                     : text.starts_with("BM")                                    ? "BMP"
                     : text.starts_with("II*") || text.starts_with("MM")         ? "TIFF"
                     : behind.starts_with("ftyp")                                ? "AVIF or HEIC"
                     : text.starts_with("\xff\x0a") || behind.starts_with("JXL") ? "JPEG XL"
                                                                                 : nullptr;
  if (kind) fail(ErrorKind::unsupported, "{}: {} pictures are not read; convert it to PNG", where, kind);
  fail(ErrorKind::bad_file, "{}: not a picture of a kind that is known; PNG, JPEG or WebP is expected", where);
}

}  // namespace

bool is_picture(std::span<const std::byte> file) {
  return is_png(file) || is_jpeg(file) || is_webp(file);
}

void require_picture(std::span<const std::byte> file, std::string_view where) {
  if (!is_picture(file)) refuse(file, where);
}

Image decode_image(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  if (is_png(file)) return decode_png(file, where, limits);
  if (is_jpeg(file)) return decode_jpeg(file, where, limits);
  if (is_webp(file)) return decode_webp(file, where, limits);
  refuse(file, where);
}

Image read_image(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path.string(), limits);
}

Grey16 read_grey16(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  if (is_png(file.bytes()))
    if (auto exact = decode_png_grey16(file.bytes(), path.string(), limits)) return std::move(*exact);
  const Image image = grey(on_white(decode_image(file.bytes(), path.string(), limits)));
  Grey16 result{image.width, image.height, {}};
  result.pixels.reserve(image.pixels.size());
  for (const uint8_t level : image.pixels) result.pixels.push_back(static_cast<uint16_t>(257 * level));
  return result;
}

std::string read_parameters(const std::filesystem::path& path, const ImageLimits& limits) {
  return read_picture_text(path, limits).parameters;
}

}  // namespace calotype
