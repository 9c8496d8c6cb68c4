#include "io/png.h"

#include <spng.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/output_file.h"
#include "io/exif.h"
#include "io/png_chunks.h"
#include "io/png_text.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr double kMostDeflated = 1032;  // no deflate stream unpacks to more times its size

using Context = std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)>;

/// The file as the decoder is to see it: the signature and the chunks that make pixels, one after another. Text is read
/// elsewhere, within limits, and what nobody needs cannot do harm.
struct Pieces {
  std::vector<std::span<const std::byte>> spans;
  size_t index = 0, offset = 0;

  static int read(spng_ctx*, void* user, void* to, size_t length) {
    auto& self = *static_cast<Pieces*>(user);
    auto* out = static_cast<std::byte*>(to);
    while (length > 0) {
      if (self.index == self.spans.size()) return SPNG_IO_EOF;
      const auto rest = self.spans[self.index].subspan(self.offset);
      const size_t count = std::min(length, rest.size());
      std::memcpy(out, rest.data(), count);
      out += count;
      length -= count;
      self.offset += count;
      if (self.offset == self.spans[self.index].size()) ++self.index, self.offset = 0;
    }
    return 0;
  }
};

bool makes_pixels(std::string_view type) {
  return type == "tRNS" || !(type[0] & 0x20);  // upper case: critical
}

int orientation_of(const std::vector<PngChunk>& chunks) {
  for (const PngChunk& chunk : chunks)
    if (chunk.type == "eXIf" && chunk.intact) return read_exif(chunk.data).orientation;
  return 1;
}

/// A file whose header was read and found possible, ready to be decoded.
class Reader {
 public:
  Reader(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits)
      : where_(where), chunks_(png_chunks(file)), context_(spng_ctx_new(0), spng_ctx_free) {
    require(is_png(file), ErrorKind::bad_file, "{}: not a PNG file", where);
    if (!chunks_.empty() && chunks_[0].type == "IHDR" && chunks_[0].data.size() == 13) {
      const uint64_t width = big_endian(&chunks_[0].data[0]), height = big_endian(&chunks_[0].data[4]);
      require(width == 0 || height <= static_cast<uint64_t>(limits.max_pixels) / width, ErrorKind::out_of_memory,
              "{}: {}x{} pixels are more than the limit of {}", where, width, height, limits.max_pixels);
    }
    pieces_.spans.push_back(file.first(kPngSignature));
    bool has_key = false;
    double packed = 0;
    for (const PngChunk& chunk : chunks_) {
      if (chunk.type == "IDAT") packed += static_cast<double>(chunk.data.size());
      if (makes_pixels(chunk.type)) pieces_.spans.push_back(chunk.whole);
      has_key = has_key || chunk.type == "tRNS";
    }
    require(context_ != nullptr, ErrorKind::out_of_memory, "{}: no memory to decode it", where);
    require_ok(spng_set_png_stream(context_.get(), Pieces::read, &pieces_));
    require_ok(spng_get_ihdr(context_.get(), &header_));
    const int samples =
        header_.color_type == 3 ? 1 : (header_.color_type & 2 ? 3 : 1) + (header_.color_type & 4 ? 1 : 0);
    const double needed = double{1} * header_.width * header_.height * samples * header_.bit_depth / 8;
    require(needed <= packed * kMostDeflated + 1000, ErrorKind::bad_file,
            "{}: damaged PNG: {}x{} pixels cannot come from {} bytes", where, header_.width, header_.height, packed);
    spng_trns ignored;
    transparent_ = (header_.color_type & 4) != 0 || (has_key && spng_get_trns(context_.get(), &ignored) == 0);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const spng_ihdr& header() const { return header_; }
  int width() const { return static_cast<int>(header_.width); }
  int height() const { return static_cast<int>(header_.height); }
  bool transparent() const { return transparent_; }
  int orientation() const { return orientation_of(chunks_); }
  template <class Sample>
  void decode(std::vector<Sample>& pixels, int format, int flags) {
    size_t size = 0;
    require_ok(spng_decoded_image_size(context_.get(), format, &size));
    pixels.resize(size / sizeof(Sample));
    require_ok(spng_decode_image(context_.get(), pixels.data(), size, format, flags));
  }

 private:
  void require_ok(int status) const {
    require(status == 0, ErrorKind::bad_file, "{}: damaged PNG: {}", where_, spng_strerror(status));
  }

  std::string where_;
  std::vector<PngChunk> chunks_;
  Pieces pieces_;
  Context context_;
  spng_ihdr header_{};
  bool transparent_ = false;
};

std::vector<std::byte> encoded(spng_ihdr header, std::span<const std::byte> pixels, std::span<const PngText> texts) {
  const Context context(spng_ctx_new(SPNG_CTX_ENCODER), spng_ctx_free);
  const auto require_ok = [](int status) {
    require(status == 0, ErrorKind::internal, "encoding a PNG: {}", spng_strerror(status));
  };
  require(context != nullptr, ErrorKind::out_of_memory, "no memory to encode a PNG");
  require_ok(spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1));
  require_ok(spng_set_ihdr(context.get(), &header));

  std::vector<std::string> bodies;  // must outlive the encoder's use of them
  bodies.reserve(texts.size());
  std::vector<spng_text> chunks;
  char nothing[1] = "";
  for (const PngText& text : texts) {
    if (text.text.empty()) continue;
    check(!text.keyword.empty() && text.keyword.size() < sizeof(spng_text::keyword), "{}: no keyword of a PNG text",
          text.keyword);
    const std::string body = as_utf8(text.text);
    const auto latin1 = text.keyword == "XML:com.adobe.xmp" ? std::nullopt : to_latin1(body);
    bodies.push_back(latin1 ? *latin1 : body);
    spng_text chunk{};
    std::memcpy(chunk.keyword, text.keyword.data(), text.keyword.size());
    chunk.type = latin1 ? SPNG_TEXT : SPNG_ITXT;
    chunk.length = bodies.back().size();
    chunk.text = bodies.back().data();
    chunk.language_tag = nothing;
    chunk.translated_keyword = nothing;
    chunks.push_back(chunk);
  }
  if (!chunks.empty()) require_ok(spng_set_text(context.get(), chunks.data(), static_cast<uint32_t>(chunks.size())));

  require_ok(spng_encode_image(context.get(), pixels.data(), pixels.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE));
  size_t size = 0;
  int status = 0;
  const std::unique_ptr<void, decltype(&std::free)> buffer(spng_get_png_buffer(context.get(), &size, &status),
                                                           std::free);
  require_ok(status);
  const auto* bytes = static_cast<const std::byte*>(buffer.get());
  return {bytes, bytes + size};
}

}  // namespace

Image decode_png(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  Reader reader(file, where, limits);
  Image image{reader.width(), reader.height(), reader.transparent() ? 4 : 3, {}};
  reader.decode(image.pixels, reader.transparent() ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8, SPNG_DECODE_TRNS);
  return oriented(std::move(image), reader.orientation());
}

std::optional<Grey16> decode_png_grey16(std::span<const std::byte> file, std::string_view where,
                                        const ImageLimits& limits) {
  Reader reader(file, where, limits);
  if (reader.header().color_type != SPNG_COLOR_TYPE_GRAYSCALE || reader.header().bit_depth != 16) return std::nullopt;
  Grey16 image{reader.width(), reader.height(), {}};
  reader.decode(image.pixels, SPNG_FMT_PNG, 0);
  return image;
}

std::vector<std::byte> encode_png(const Image& image, std::span<const PngText> texts) {
  check(image.channels == 1 || image.channels == 3 || image.channels == 4, "a PNG has 1, 3 or 4 channels, not {}",
        image.channels);
  check(image.width > 0 && image.height > 0 &&
            image.pixels.size() == static_cast<size_t>(image.width) * image.height * image.channels,
        "an image of {}x{}x{} cannot have {} bytes", image.width, image.height, image.channels, image.pixels.size());
  spng_ihdr header{};
  header.width = image.width;
  header.height = image.height;
  header.bit_depth = 8;
  header.color_type = image.channels == 1   ? SPNG_COLOR_TYPE_GRAYSCALE
                      : image.channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR
                                            : SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
  return encoded(header, std::as_bytes(std::span(image.pixels)), texts);
}

std::vector<std::byte> encode_png(const Grey16& image, std::span<const PngText> texts) {
  check(image.width > 0 && image.height > 0 && image.pixels.size() == static_cast<size_t>(image.width) * image.height,
        "a grey image of {}x{} cannot have {} pixels", image.width, image.height, image.pixels.size());
  spng_ihdr header{};
  header.width = image.width;
  header.height = image.height;
  header.bit_depth = 16;
  header.color_type = SPNG_COLOR_TYPE_GRAYSCALE;
  return encoded(header, std::as_bytes(std::span(image.pixels)), texts);
}

void write_png(const std::filesystem::path& path, const Image& image, std::span<const PngText> texts) {
  const std::vector<std::byte> bytes = encode_png(image, texts);
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace calotype
