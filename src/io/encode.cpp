#include "io/encode.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "io/exif.h"
#include "io/jpeg.h"
#include "io/webp.h"

namespace calotype {
namespace {

constexpr int kApp1 = 0xe1;
constexpr size_t kMostInSegment = 65'533;

std::vector<std::byte> joined(std::string_view start, std::span<const std::byte> rest) {
  const auto first = std::as_bytes(std::span(start.data(), start.size()));
  std::vector<std::byte> all(first.begin(), first.end());
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

std::vector<std::byte> as_jpeg(const Image& image, int quality, std::span<const std::byte> exif,
                               std::span<const std::byte> xmp) {
  std::vector<std::vector<std::byte>> bodies;
  if (!exif.empty()) bodies.push_back(joined(std::string_view("Exif\0\0", 6), exif));
  if (!xmp.empty()) bodies.push_back(joined(std::string_view("http://ns.adobe.com/xap/1.0/\0", 29), xmp));
  std::vector<JpegSegment> segments;
  for (const auto& body : bodies)
    if (body.size() <= kMostInSegment) segments.push_back({kApp1, body});
  return encode_jpeg(image.channels == 4 ? on_white(image) : image, quality, segments);
}

}  // namespace

const char* name_of(PictureFormat format) {
  constexpr const char* kNames[] = {"png", "jpeg", "webp"};
  return kNames[static_cast<int>(format)];
}

std::optional<PictureFormat> picture_format_from(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "png") return PictureFormat::png;
  if (lower == "jpeg" || lower == "jpg") return PictureFormat::jpeg;
  if (lower == "webp") return PictureFormat::webp;
  return std::nullopt;
}

std::optional<PictureFormat> format_of_ending(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  return ending.empty() ? std::nullopt : picture_format_from(std::string_view(ending).substr(1));
}

std::vector<std::byte> encode_picture(const Image& image, PictureFormat format, const EncodeOptions& options,
                                      const PictureNotes& notes) {
  const std::string xmp = write_xmp(notes.source);
  if (format == PictureFormat::png) {
    std::vector<PngText> texts;
    if (!notes.parameters.empty()) texts.push_back({"parameters", notes.parameters});
    texts.insert(texts.end(), notes.texts.begin(), notes.texts.end());
    if (!xmp.empty()) texts.push_back({"XML:com.adobe.xmp", xmp});
    return encode_png(image, texts);
  }
  const std::vector<std::byte> exif =
      notes.parameters.empty() ? std::vector<std::byte>{} : write_exif(notes.parameters);
  const auto xmp_bytes = std::as_bytes(std::span(xmp.data(), xmp.size()));
  if (format == PictureFormat::jpeg) return as_jpeg(image, options.quality, exif, xmp_bytes);
  return encode_webp(image.channels == 1 ? on_white(image) : image,
                     {.quality = options.quality, .lossless = options.lossless}, exif, xmp_bytes);
}

}  // namespace calotype
