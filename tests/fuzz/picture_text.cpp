// Any bytes have texts, within the limit, or are no picture; EXIF, XMP and graphs are read from any bytes at all.

#include "io/picture_text.h"

#include <string_view>

#include "fuzz/pictures.h"
#include "io/comfy_graph.h"
#include "io/exif.h"
#include "io/printable.h"
#include "io/provenance.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const PictureText found = picture_text(file, "fuzz", fuzz::kLimits);
    if (!is_utf8(found.parameters)) std::abort();
    for (const PngText& other : found.others) read_comfy_graph(other.text);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file && error.kind() != ErrorKind::unsupported) std::abort();
  }
  const Exif exif = read_exif(file);
  if (exif.orientation < 1 || exif.orientation > 8 || !is_utf8(exif.user_comment)) std::abort();
  if (source_type_in(text).size() > 100) std::abort();
  if (const auto run = read_comfy_graph(text)) write_infotext(as_infotext(*run));
  return 0;
}
