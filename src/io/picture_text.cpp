#include "io/picture_text.h"

#include <algorithm>
#include <utility>

#include "base/mapped_file.h"
#include "io/exif.h"
#include "io/jpeg.h"
#include "io/picture.h"
#include "io/printable.h"
#include "io/provenance.h"
#include "io/webp.h"

namespace calotype {
namespace {

constexpr int kApp1 = 0xe1;
constexpr std::string_view kExifStart("Exif\0\0", 6), kXmpStart("http://ns.adobe.com/xap/1.0/\0", 29);

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void add_exif(PictureText& text, Exif exif) {
  if (text.parameters.empty()) text.parameters = std::move(exif.user_comment);
  // ComfyUI writes `prompt:{..}` and `workflow:{..}` into tags of cameras.
  for (const std::string& tag : {exif.make, exif.model})
    for (const std::string_view keyword : {"prompt", "workflow"})
      if (tag.starts_with(keyword) && tag.substr(keyword.size()).starts_with(":{"))
        text.others.push_back({std::string(keyword), tag.substr(keyword.size() + 1)});
  if (!exif.software.empty()) text.others.push_back({"Software", std::move(exif.software)});
  if (!exif.maker_note.empty() && is_utf8(exif.maker_note) && exif.maker_note.size() < 100)
    text.others.push_back({"MakerNote", std::move(exif.maker_note)});
}

void add_xmp(PictureText& text, std::string_view xmp) {
  if (text.source_type.empty()) text.source_type = source_type_in(xmp);
}

}  // namespace

PictureText picture_text(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  require_picture(file, where);
  PictureText text;
  const auto most = static_cast<size_t>(limits.max_text_bytes);
  for (PngText& chunk : png_texts(file, limits)) {
    if (chunk.keyword == "XML:com.adobe.xmp") add_xmp(text, chunk.text);
    if (chunk.keyword == "parameters" && text.parameters.empty()) {
      text.parameters = std::move(chunk.text);
    } else {
      text.others.push_back(std::move(chunk));
    }
  }
  if (is_png(file)) return text;
  for (const JpegSegment& segment : jpeg_segments(file)) {
    if (segment.marker != kApp1) continue;
    const std::string_view data = text_of(segment.data);
    if (data.starts_with(kExifStart)) add_exif(text, read_exif(segment.data, most));
    if (data.starts_with(kXmpStart)) add_xmp(text, data.substr(kXmpStart.size()));
  }
  for (const WebpChunk& chunk : webp_chunks(file)) {
    if (chunk.type == "EXIF") add_exif(text, read_exif(chunk.data, most));
    if (chunk.type == "XMP ") add_xmp(text, text_of(chunk.data));
  }
  return text;
}

PictureText read_picture_text(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  return picture_text(file.bytes(), path.string(), limits);
}

}  // namespace calotype
