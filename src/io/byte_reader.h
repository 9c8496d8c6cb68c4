#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace calotype {

/// Goes through bytes that may lie about what follows: every step is checked against the end. Little-endian.
class ByteReader {
 public:
  /// `what` is said of bytes that are missing: "the header", "the pickle".
  ByteReader(std::span<const std::byte> bytes, std::string_view where, std::string_view what)
      : bytes_(bytes), where_(where), what_(what) {}

  size_t position() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  bool done() const { return left() == 0; }

  std::span<const std::byte> take(uint64_t count) {
    require(count <= left(), ErrorKind::bad_file, "{}: {} is cut short at byte {}: {} bytes are expected, {} follow",
            where_, what_, at_, count, left());
    const auto taken = bytes_.subspan(at_, static_cast<size_t>(count));
    at_ += taken.size();
    return taken;
  }
  std::string_view text(uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  /// Up to the next line end, which is passed too.
  std::string_view line() {
    const std::string_view rest{reinterpret_cast<const char*>(bytes_.data()) + at_, left()};
    const size_t end = rest.find('\n');
    require(end != std::string_view::npos, ErrorKind::bad_file, "{}: {} is cut short at byte {}: a line has no end",
            where_, what_, at_);
    at_ += end + 1;
    return rest.substr(0, end);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string where_, what_;
  size_t at_ = 0;
};

}  // namespace calotype
