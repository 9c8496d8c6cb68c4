#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/shape.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr size_t kMostTensors = 100'000;  // whole checkpoints with their training state have some ten thousand

/// Takes the parser's events, so that no tree of a hostile header is ever built.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(std::map<std::string, std::string>& metadata, std::string_view where)
      : metadata_(metadata), where_(where) {}

  std::vector<HeaderEntry> take() { return std::move(entries_); }

  bool null() override { return scalar("null"); }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(number_integer_t) override { return scalar("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return scalar("not a whole number below 2^64"); }
  bool binary(binary_t&) override { return scalar("binary"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (skipping_ > 0) return true;
    if (place_ == Place::shape) {
      if (entry_.shape.size() == Shape::kMaxRank) refuse(fmt::format("has more than {} axes", Shape::kMaxRank));
      entry_.shape.push_back(value);
    } else if (place_ == Place::offsets) {
      if (offsets_ == 2) refuse("has more than two data_offsets");
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
    } else {
      return scalar("a number");
    }
    return true;
  }

  bool string(string_t& value) override {
    if (skipping_ > 0) return true;
    if (place_ == Place::metadata) {
      if (!metadata_.emplace(key_, value).second) refuse("is there twice in __metadata__");
      return true;
    }
    if (place_ != Place::entry || field_ != Field::dtype) return scalar("a string");
    const auto type = stored_type(value);
    if (!type) refuse(fmt::format("has the unknown dtype {}", printable(value)));
    entry_.type = *type;
    return true;
  }

  bool start_object(std::size_t) override {
    if (skip()) return true;
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && name_ == "__metadata__") {
      if (std::exchange(metadata_seen_, true)) refuse("is there twice");
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::entry;
      entry_ = HeaderEntry{.name = name_, .shape = {}};
      seen_ = {};
    } else {
      return scalar("an object");
    }
    return true;
  }

  bool end_object() override {
    if (skipping_ > 0) return --skipping_, true;
    if (place_ == Place::entry) {
      for (size_t i = 0; i < seen_.size(); ++i)
        if (!seen_[i]) refuse(fmt::format("has no {}", kFields[i]));
      require(entries_.size() < kMostTensors, ErrorKind::bad_file, "{}: it names more than {} tensors", where_,
              kMostTensors);
      entries_.push_back(std::move(entry_));
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (skip()) return true;
    if (place_ == Place::entry && field_ == Field::shape) {
      place_ = Place::shape;
    } else if (place_ == Place::entry && field_ == Field::data_offsets) {
      place_ = Place::offsets;
      offsets_ = 0;
    } else {
      return scalar("an array");
    }
    return true;
  }

  bool end_array() override {
    if (skipping_ > 0) return --skipping_, true;
    if (place_ == Place::offsets && offsets_ != 2) refuse("has fewer than two data_offsets");
    place_ = Place::entry;
    return true;
  }

  bool key(string_t& value) override {
    if (skipping_ > 0) return true;
    if (place_ == Place::top) {
      name_ = value;
    } else if (place_ == Place::metadata) {
      key_ = value;
    } else {
      const auto at = std::find(std::begin(kFields), std::end(kFields), value) - std::begin(kFields);
      field_ = static_cast<Field>(at);
      if (field_ != Field::unknown && std::exchange(seen_[at], true)) refuse(fmt::format("has two fields {}", value));
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(ErrorKind::bad_file, "{}: the header is not valid JSON at its byte {}", where_, position);
  }

 private:
  enum class Place { outside, top, metadata, entry, shape, offsets };
  enum class Field { dtype, shape, data_offsets, unknown };
  static constexpr std::string_view kFields[] = {"dtype", "shape", "data_offsets"};

  /// Enters a value that belongs to a field nobody knows, however deep it is.
  bool skip() {
    if (skipping_ == 0 && !(place_ == Place::entry && field_ == Field::unknown)) return false;
    ++skipping_;
    return true;
  }

  bool scalar(const char* what) {
    if (skipping_ > 0 || (place_ == Place::entry && field_ == Field::unknown)) return true;
    switch (place_) {
      case Place::outside:
        fail(ErrorKind::bad_file, "{}: the header must be an object, it is {}", where_, what);
      case Place::top:
        refuse(fmt::format("must be described by an object, the file has {}", what));
      case Place::metadata:
        refuse(fmt::format("has the entry {} that must be a string, it is {}", printable(key_), what));
      case Place::entry:
        refuse(fmt::format("has a {} that is {}", kFields[static_cast<size_t>(field_)], what));
      case Place::shape:
        refuse(fmt::format("has a shape in which stands {}", what));
      case Place::offsets:
        refuse(fmt::format("has data_offsets among which stands {}", what));
    }
    return false;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    fail(ErrorKind::bad_file, "{}: {} {}", where_, printable(name_), why);
  }

  std::map<std::string, std::string>& metadata_;
  std::string_view where_;
  std::vector<HeaderEntry> entries_;
  HeaderEntry entry_;
  std::array<bool, 3> seen_{};
  std::string name_, key_;  // of the tensor, of the metadata entry
  Place place_ = Place::outside;
  Field field_ = Field::unknown;
  int offsets_ = 0;
  size_t skipping_ = 0;
  bool metadata_seen_ = false;
};

}  // namespace

std::vector<HeaderEntry> parse_header(std::string_view json, std::map<std::string, std::string>& metadata,
                                      std::string_view where) {
  const size_t first = json.find_first_not_of(" \t\r\n");
  require(first != std::string_view::npos && json[first] == '{', ErrorKind::bad_file,
          "{}: the header must be a JSON object", where);
  // The parser takes a zero byte for the end of its input.
  require(json.find('\0') == std::string_view::npos, ErrorKind::bad_file, "{}: the header has a zero byte", where);
  HeaderReader reader(metadata, where);
  nlohmann::json::sax_parse(json, &reader);
  std::vector<HeaderEntry> entries = reader.take();
  std::vector<std::string_view> names;
  for (const HeaderEntry& entry : entries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  require(twice == names.end(), ErrorKind::bad_file, "{}: there are two tensors named {}", where,
          twice == names.end() ? std::string() : printable(*twice));
  return entries;
}

}  // namespace calotype
