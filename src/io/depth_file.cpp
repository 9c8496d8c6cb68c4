#include "io/depth_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/picture.h"
#include "io/png.h"

namespace calotype {
namespace {

static_assert(std::endian::native == std::endian::little);

/// The next word of a header, which ends in white space; the one that ends the header is taken too.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  const std::string_view word = text.substr(0, std::min(text.find_first_of(kSpace), text.size()));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

template <class T>
T number_of(std::string_view word, std::string_view where) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  require(error == std::errc{} && end == word.data() + word.size() && !word.empty(), ErrorKind::bad_file,
          "{}: the header of the PFM is damaged", where);
  return value;
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

void append(std::vector<std::byte>& to, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace

bool is_pfm(std::span<const std::byte> file) {
  if (file.size() < 3 || file[0] != std::byte{'P'}) return false;
  const auto kind = static_cast<char>(file[1]), after = static_cast<char>(file[2]);
  return (kind == 'f' || kind == 'F') && (after == '\n' || after == '\r' || after == ' ');
}

FloatMap decode_pfm(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits) {
  constexpr size_t kMostHeader = 256;
  const std::string_view start(reinterpret_cast<const char*>(file.data()), std::min(file.size(), kMostHeader));
  std::string_view header = start;
  require(next_word(header) == "Pf", ErrorKind::unsupported, "{}: a PFM of one channel was expected, this has three",
          where);
  FloatMap map{number_of<int>(next_word(header), where), number_of<int>(next_word(header), where), {}};
  const auto scale = number_of<double>(next_word(header), where);
  require(map.width > 0 && map.height > 0 && std::isfinite(scale) && scale != 0, ErrorKind::bad_file,
          "{}: the header of the PFM is damaged", where);
  const int64_t pixels = int64_t{map.width} * map.height;
  require(pixels <= limits.max_pixels, ErrorKind::out_of_memory, "{}: {}x{} pixels are more than the {} that are read",
          where, map.width, map.height, limits.max_pixels);
  const auto body = file.subspan(start.size() - header.size());
  require(body.size() >= 4 * static_cast<size_t>(pixels), ErrorKind::bad_file,
          "{}: {}x{} pixels take {} bytes, the file has {}", where, map.width, map.height, 4 * pixels, body.size());
  map.values.resize(static_cast<size_t>(pixels));
  const size_t row = map.width;
  for (size_t y = 0; y < static_cast<size_t>(map.height); ++y)
    std::memcpy(&map.values[(map.height - 1 - y) * row], body.data() + 4 * y * row, 4 * row);
  if (scale > 0)
    for (float& value : map.values) value = std::bit_cast<float>(__builtin_bswap32(std::bit_cast<uint32_t>(value)));
  return map;
}

FloatMap read_depth(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  if (is_pfm(file.bytes())) return decode_pfm(file.bytes(), path.string(), limits);
  const Grey16 image = read_grey16(path, limits);
  return {image.width, image.height, {image.pixels.begin(), image.pixels.end()}};
}

std::vector<std::byte> encode_depth_png(const FloatMap& map, const std::string& model) {
  const auto [least, greatest] = std::ranges::minmax_element(map.values);
  const double low = *least, range = static_cast<double>(*greatest) - low;
  Grey16 image{map.width, map.height, {}};
  image.pixels.reserve(map.values.size());
  for (const float value : map.values)
    image.pixels.push_back(
        range > std::numeric_limits<double>::epsilon() ? static_cast<uint16_t>(65535 * ((value - low) / range)) : 0);
  const std::array<PngText, 3> texts{{{"Depth minimum", fmt::format("{:.9g}", *least)},
                                      {"Depth maximum", fmt::format("{:.9g}", *greatest)},
                                      {"Depth model", model}}};
  return encode_png(image, texts);
}

std::vector<std::byte> encode_pfm(const FloatMap& map) {
  std::vector<std::byte> file = bytes_of(fmt::format("Pf\n{} {}\n-1.0\n", map.width, map.height));
  const std::span<const float> values = map.values;
  for (int y = map.height - 1; y >= 0; --y)
    append(file, values.subspan(static_cast<size_t>(y) * map.width, static_cast<size_t>(map.width)));
  return file;
}

std::vector<std::byte> encode_npy(const FloatMap& map) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", map.height, map.width);
  constexpr size_t kFixed = 10, kAligned = 64;  // magic, version and length; then the header, all in 64s
  header.append(kAligned - (kFixed + header.size() + 1) % kAligned, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  std::string start("\x93NUMPY\x01", 7);
  start += '\0';
  start += static_cast<char>(length & 255);
  start += static_cast<char>(length >> 8);
  std::vector<std::byte> file = bytes_of(start + header);
  append(file, map.values);
  return file;
}

}  // namespace calotype
