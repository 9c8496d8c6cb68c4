#include "io/jpeg.h"

// jpeglib.h needs these before it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <memory>
#include <string>

#include "base/error.h"
#include "io/exif.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr int kApp1 = 0xe1, kMostScans = 200;
constexpr int64_t kMostPixelsAByte = 512;  // the luma of 8x8 pixels takes at least one bit

/// What libjpeg calls back. Its errors leave by longjmp, so nothing between may own anything.
struct Errors {
  jpeg_error_mgr manager{};
  std::jmp_buf way_out{};
  char message[JMSG_LENGTH_MAX] = "";
  bool cut_short = false;

  Errors() {
    jpeg_std_error(&manager);
    manager.error_exit = [](j_common_ptr common) {
      auto& self = *reinterpret_cast<Errors*>(common->err);
      common->err->format_message(common, self.message);
      std::longjmp(self.way_out, 1);
    };
    manager.emit_message = [](j_common_ptr common, int level) {
      // Bits that are missing at the end of a scan; other damage is usual and shows as a speck.
      if (level < 0 && common->err->msg_code == JWRN_HIT_MARKER)
        reinterpret_cast<Errors*>(common->err)->cut_short = true;
    };
    manager.output_message = [](j_common_ptr) {};
  }
};
static_assert(offsetof(Errors, manager) == 0);

struct Source {
  jpeg_source_mgr manager{};
  bool ended = false;

  explicit Source(std::span<const std::byte> file) {
    manager.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
    manager.bytes_in_buffer = file.size();
    manager.init_source = [](j_decompress_ptr) {};
    manager.term_source = [](j_decompress_ptr) {};
    manager.resync_to_restart = jpeg_resync_to_restart;
    manager.fill_input_buffer = [](j_decompress_ptr decoder) -> boolean {
      static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
      reinterpret_cast<Source*>(decoder->src)->ended = true;
      decoder->src->next_input_byte = kEnd;
      decoder->src->bytes_in_buffer = sizeof kEnd;
      return TRUE;
    };
    manager.skip_input_data = [](j_decompress_ptr decoder, long count) {
      if (count <= 0) return;
      jpeg_source_mgr& source = *decoder->src;
      if (static_cast<size_t>(count) > source.bytes_in_buffer) {
        source.fill_input_buffer(decoder);
        return;
      }
      source.next_input_byte += count;
      source.bytes_in_buffer -= count;
    };
  }
};
static_assert(offsetof(Source, manager) == 0);

/// A picture made of a great many scans would be decoded for hours.
struct Progress {
  jpeg_progress_mgr manager{};

  Progress() {
    manager.progress_monitor = [](j_common_ptr common) {
      if (common->is_decompressor && reinterpret_cast<j_decompress_ptr>(common)->input_scan_number > kMostScans) {
        auto& errors = *reinterpret_cast<Errors*>(common->err);
        std::snprintf(errors.message, sizeof errors.message, "more than %d scans", kMostScans);
        std::longjmp(errors.way_out, 1);
      }
    };
  }
};

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> file) : source_(file) {
    decoder_.err = &errors_.manager;
    if (setjmp(errors_.way_out)) return;
    jpeg_create_decompress(&decoder_);
    decoder_.src = &source_.manager;
    decoder_.progress = &progress_.manager;
  }
  ~Decoder() { jpeg_destroy_decompress(&decoder_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Each says whether it went well.
  bool read_header() {
    if (setjmp(errors_.way_out)) return false;
    return jpeg_read_header(&decoder_, TRUE) == JPEG_HEADER_OK;
  }
  bool start(J_COLOR_SPACE space) {
    if (setjmp(errors_.way_out)) return false;
    decoder_.out_color_space = space;
    return jpeg_start_decompress(&decoder_);
  }
  bool read_rows(uint8_t* to, size_t row) {
    if (setjmp(errors_.way_out)) return false;
    while (decoder_.output_scanline < decoder_.output_height) {
      JSAMPROW line = to + row * decoder_.output_scanline;
      jpeg_read_scanlines(&decoder_, &line, 1);
    }
    return true;
  }

  const jpeg_decompress_struct& header() const { return decoder_; }
  bool cut_short() const { return source_.ended && (errors_.cut_short || decoder_.progressive_mode); }
  std::string message() const { return printable(errors_.message); }

 private:
  Errors errors_;
  Source source_;
  Progress progress_;
  jpeg_decompress_struct decoder_{};
};

/// As Pillow does: c and k are stored inverted.
void cmyk_to_rgb(const std::vector<uint8_t>& cmyk, std::vector<uint8_t>& rgb) {
  for (size_t i = 0; i < cmyk.size() / 4; ++i) {
    const int k = cmyk[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const int ink = (255 - cmyk[4 * i + c]) * k + 128;
      rgb[3 * i + c] = static_cast<uint8_t>(std::max(0, k - (((ink >> 8) + ink) >> 8)));
    }
  }
}

}  // namespace

bool is_jpeg(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 3));
  return text == "\xff\xd8\xff";
}

std::vector<JpegSegment> jpeg_segments(std::span<const std::byte> file) {
  std::vector<JpegSegment> segments;
  if (!is_jpeg(file)) return segments;
  const auto byte = [&](size_t at) { return std::to_integer<int>(file[at]); };
  for (size_t at = 2; at + 4 <= file.size() && byte(at) == 0xff && segments.size() < 10'000;) {
    const int marker = byte(at + 1);
    if (marker == 0xff) {  // filling
      ++at;
      continue;
    }
    const bool bare = marker == 1 || (marker >= 0xd0 && marker <= 0xd7);
    const size_t length = bare ? 0 : byte(at + 2) << 8 | byte(at + 3);
    if (marker == 0xd9 || marker == 0xda || (!bare && length < 2) || length > file.size() - at - 2) break;
    if (!bare) segments.push_back({marker, file.subspan(at + 4, length - 2)});
    at += 2 + length;
  }
  return segments;
}

Image decode_jpeg(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  require(is_jpeg(file), ErrorKind::bad_file, "{}: not a JPEG file", where);
  Decoder decoder(file);
  const auto require_ok = [&](bool good) {
    require(good, ErrorKind::bad_file, "{}: damaged JPEG: {}", where, decoder.message());
  };
  require_ok(decoder.read_header());
  const int64_t width = decoder.header().image_width, height = decoder.header().image_height;
  require(width * height <= limits.max_pixels, ErrorKind::out_of_memory,
          "{}: {}x{} pixels are more than the limit of {}", where, width, height, limits.max_pixels);
  require(width * height <= (static_cast<int64_t>(file.size()) + 64) * kMostPixelsAByte, ErrorKind::bad_file,
          "{}: damaged JPEG: {}x{} pixels cannot come from {} bytes", where, width, height, file.size());
  const int components = decoder.header().num_components;
  require(components == 1 || components == 3 || components == 4, ErrorKind::unsupported,
          "{}: a JPEG of {} components; 1, 3 or 4 are read here", where, components);
  const J_COLOR_SPACE space = components == 4 ? JCS_CMYK : JCS_RGB;
  require_ok(decoder.start(space));
  const size_t count = static_cast<size_t>(width) * height;
  Image image{static_cast<int>(width), static_cast<int>(height), 3, std::vector<uint8_t>(count * 3)};
  if (components == 4) {
    std::vector<uint8_t> inks(count * 4);
    require_ok(decoder.read_rows(inks.data(), 4 * width));
    cmyk_to_rgb(inks, image.pixels);
  } else {
    require_ok(decoder.read_rows(image.pixels.data(), 3 * width));
  }
  require(!decoder.cut_short(), ErrorKind::bad_file, "{}: damaged JPEG: the file ends before the picture does", where);
  int orientation = 1;
  for (const JpegSegment& segment : jpeg_segments(file)) {
    const std::string_view start(reinterpret_cast<const char*>(segment.data.data()),
                                 std::min<size_t>(segment.data.size(), 6));
    if (segment.marker != kApp1 || start != std::string_view("Exif\0\0", 6)) continue;
    orientation = read_exif(segment.data).orientation;
    break;
  }
  return oriented(std::move(image), orientation);
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality, std::span<const JpegSegment> segments) {
  check(image.channels == 1 || image.channels == 3, "a JPEG has 1 or 3 channels, not {}", image.channels);
  require(
      image.width > 0 && image.height > 0 && image.width <= JPEG_MAX_DIMENSION && image.height <= JPEG_MAX_DIMENSION,
      ErrorKind::bad_input, "a JPEG has at most {} pixels a side, not {}x{}; write a PNG", JPEG_MAX_DIMENSION,
      image.width, image.height);
  Errors errors;
  jpeg_compress_struct encoder{};
  encoder.err = &errors.manager;
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  const auto run = [&]() -> bool {
    if (setjmp(errors.way_out)) return false;
    jpeg_create_compress(&encoder);
    jpeg_mem_dest(&encoder, &buffer, &size);
    encoder.image_width = image.width;
    encoder.image_height = image.height;
    encoder.input_components = image.channels;
    encoder.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&encoder);
    jpeg_set_quality(&encoder, quality, TRUE);
    encoder.optimize_coding = TRUE;
    if (image.channels == 3 && quality >= 90)
      encoder.comp_info[0].h_samp_factor = encoder.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&encoder, TRUE);
    for (const JpegSegment& segment : segments)
      jpeg_write_marker(&encoder, segment.marker, reinterpret_cast<const JOCTET*>(segment.data.data()),
                        static_cast<unsigned>(segment.data.size()));
    const size_t row = static_cast<size_t>(image.width) * image.channels;
    while (encoder.next_scanline < encoder.image_height) {
      JSAMPROW line = const_cast<JSAMPROW>(image.pixels.data()) + row * encoder.next_scanline;
      jpeg_write_scanlines(&encoder, &line, 1);
    }
    jpeg_finish_compress(&encoder);
    return true;
  };
  const bool good = run();
  jpeg_destroy_compress(&encoder);
  const std::unique_ptr<unsigned char, decltype(&std::free)> owner(buffer, std::free);
  check(good, "encoding a JPEG: {}", errors.message);
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
  return {bytes, bytes + size};
}

}  // namespace calotype
