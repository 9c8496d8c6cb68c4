#include "io/webp.h"

#include <webp/decode.h>
#include <webp/encode.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "io/exif.h"

namespace calotype {
namespace {

constexpr size_t kRiffHeader = 12, kChunkHeader = 8;
constexpr int64_t kPlausiblePixelsAByte = 500, kFewPixels = 4 << 20;
constexpr uint8_t kXmpFlag = 0x04, kExifFlag = 0x08, kAlphaFlag = 0x10;

uint32_t little_endian(std::span<const std::byte> bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | std::to_integer<uint32_t>(bytes[i]);
  return value;
}

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "no memory to decode it";
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return "the file ends before the picture does";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "it has features that are not known";
    default:
      return "its data make no picture";
  }
}

const uint8_t* octets(std::span<const std::byte> bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

/// Decodes all of it into a picture of a few pixels, to see that it is whole before memory is taken for it.
VP8StatusCode rehearse(std::span<const std::byte> file) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_INVALID_PARAM;
  config.options.use_scaling = 1;
  config.options.scaled_width = config.options.scaled_height = 16;
  config.output.colorspace = MODE_RGBA;
  const VP8StatusCode status = WebPDecode(octets(file), file.size(), &config);
  WebPFreeDecBuffer(&config.output);
  return status;
}

void append(std::vector<std::byte>& to, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(value >> (8 * i) & 255));
}

void append_chunk(std::vector<std::byte>& to, std::string_view type, std::span<const std::byte> data) {
  const auto letters = std::as_bytes(std::span(type.data(), type.size()));
  to.insert(to.end(), letters.begin(), letters.end());
  append(to, static_cast<uint32_t>(data.size()), 4);
  to.insert(to.end(), data.begin(), data.end());
  if (data.size() % 2) to.push_back({});
}

}  // namespace

bool is_webp(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min(file.size(), kRiffHeader));
  return text.size() == kRiffHeader && text.starts_with("RIFF") && text.ends_with("WEBP");
}

std::vector<WebpChunk> webp_chunks(std::span<const std::byte> file) {
  std::vector<WebpChunk> chunks;
  if (!is_webp(file)) return chunks;
  for (size_t at = kRiffHeader; file.size() - at >= kChunkHeader && chunks.size() < 10'000;) {
    const size_t length = little_endian(file.subspan(at + 4, 4));
    if (length > file.size() - at - kChunkHeader) break;
    chunks.push_back({{reinterpret_cast<const char*>(&file[at]), 4}, file.subspan(at + kChunkHeader, length)});
    at += kChunkHeader + std::min(length + length % 2, file.size() - at - kChunkHeader);
  }
  return chunks;
}

Image decode_webp(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  require(is_webp(file), ErrorKind::bad_file, "{}: not a WebP file", where);
  const auto require_ok = [&](VP8StatusCode status) {
    require(status == VP8_STATUS_OK, ErrorKind::bad_file, "{}: damaged WebP: {}", where, reason(status));
  };
  WebPBitstreamFeatures features;
  require_ok(WebPGetFeatures(octets(file), file.size(), &features));
  require(!features.has_animation, ErrorKind::unsupported, "{}: an animation; a single picture is expected", where);
  const int64_t width = features.width, height = features.height;
  require(width * height <= limits.max_pixels, ErrorKind::out_of_memory,
          "{}: {}x{} pixels are more than the limit of {}", where, width, height, limits.max_pixels);
  const uint64_t told = uint64_t{little_endian(file.subspan(4, 4))} + 8;
  require(file.size() >= told, ErrorKind::bad_file, "{}: damaged WebP: the file ends before the picture does", where);
  if (width * height > kFewPixels && width * height > static_cast<int64_t>(file.size()) * kPlausiblePixelsAByte)
    require_ok(rehearse(file));

  WebPDecoderConfig config;
  check(WebPInitDecoderConfig(&config), "another libwebp than the one built with");
  Image image{features.width, features.height, features.has_alpha ? 4 : 3, {}};
  image.pixels.resize(static_cast<size_t>(width) * height * image.channels);
  config.output.colorspace = features.has_alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.pixels.data(), static_cast<int>(width) * image.channels, image.pixels.size()};
  require_ok(WebPDecode(octets(file), file.size(), &config));
  int orientation = 1;
  for (const WebpChunk& chunk : webp_chunks(file))
    if (chunk.type == "EXIF") orientation = read_exif(chunk.data).orientation;
  return oriented(std::move(image), orientation);
}

std::vector<std::byte> encode_webp(const Image& image, const WebpOptions& options, std::span<const std::byte> exif,
                                   std::span<const std::byte> xmp) {
  check(image.channels == 3 || image.channels == 4, "a WebP has 3 or 4 channels, not {}", image.channels);
  require(
      image.width > 0 && image.height > 0 && image.width <= WEBP_MAX_DIMENSION && image.height <= WEBP_MAX_DIMENSION,
      ErrorKind::bad_input, "a WebP has at most {} pixels a side, not {}x{}; write a PNG", WEBP_MAX_DIMENSION,
      image.width, image.height);
  WebPConfig config;
  check(WebPConfigInit(&config), "another libwebp than the one built with");
  config.quality = static_cast<float>(options.quality);
  config.lossless = options.lossless;
  config.exact = options.lossless;
  WebPPicture picture;
  check(WebPPictureInit(&picture), "another libwebp than the one built with");
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.use_argb = options.lossless;
  picture.width = image.width;
  picture.height = image.height;
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  const int row = image.width * image.channels;
  const bool imported = image.channels == 4 ? WebPPictureImportRGBA(&picture, image.pixels.data(), row)
                                            : WebPPictureImportRGB(&picture, image.pixels.data(), row);
  const bool good = imported && WebPEncode(&config, &picture);
  const int error = picture.error_code;
  WebPPictureFree(&picture);
  const std::unique_ptr<uint8_t, decltype(&WebPFree)> owner(writer.mem, WebPFree);
  require(good, ErrorKind::internal, "encoding a WebP: error {}", error);
  const auto plain = std::as_bytes(std::span(writer.mem, writer.size));
  if (exif.empty() && xmp.empty()) return {plain.begin(), plain.end()};

  // The extended layout: a header that says what there is, the picture's own chunks, then the blocks.
  std::vector<std::byte> header;
  append(header, (exif.empty() ? 0 : kExifFlag) | (xmp.empty() ? 0 : kXmpFlag) | (image.channels == 4 ? kAlphaFlag : 0),
         4);
  append(header, image.width - 1, 3);
  append(header, image.height - 1, 3);
  std::vector<std::byte> body;
  append_chunk(body, "VP8X", header);
  for (const WebpChunk& chunk : webp_chunks(plain))
    if (chunk.type != "VP8X") append_chunk(body, chunk.type, chunk.data);
  if (!exif.empty()) append_chunk(body, "EXIF", exif);
  if (!xmp.empty()) append_chunk(body, "XMP ", xmp);
  std::vector<std::byte> file(plain.begin(), plain.begin() + 4);
  append(file, static_cast<uint32_t>(body.size() + 4), 4);
  file.insert(file.end(), plain.begin() + 8, plain.begin() + kRiffHeader);
  file.insert(file.end(), body.begin(), body.end());
  return file;
}

}  // namespace calotype
