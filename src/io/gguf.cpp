#include "io/gguf.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/error.h"
#include "io/byte_reader.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr uint64_t kMostTensors = 100'000;
constexpr int64_t kMostValues = int64_t{1} << 62;  // what Shape::count can hold

struct TypeNumber {
  uint32_t number;
  StoredType type;
};
constexpr TypeNumber kTypes[] = {
    {0, StoredType::f32},   {1, StoredType::f16},   {2, StoredType::q4_0},  {3, StoredType::q4_1},
    {6, StoredType::q5_0},  {7, StoredType::q5_1},  {8, StoredType::q8_0},  {10, StoredType::q2_k},
    {11, StoredType::q3_k}, {12, StoredType::q4_k}, {13, StoredType::q5_k}, {14, StoredType::q6_k},
    {24, StoredType::i8},   {25, StoredType::i16},  {26, StoredType::i32},  {27, StoredType::i64},
    {28, StoredType::f64},  {30, StoredType::bf16},
};

struct OtherType {
  uint32_t number;
  const char* name;
};
constexpr OtherType kOthers[] = {{4, "Q4_2"},    {5, "Q4_3"},     {9, "Q8_1"},   {15, "Q8_K"},   {16, "IQ2_XXS"},
                                 {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
                                 {22, "IQ2_S"},  {23, "IQ4_XS"},  {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},
                                 {39, "MXFP4"},  {40, "NVFP4"}};

constexpr std::string_view kValueTypes[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                            "bool", "string", "array", "u64", "i64", "f64"};
constexpr std::array<uint64_t, 13> kValueBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};  // 0: of any length

class Header {
 public:
  Header(std::span<const std::byte> file, std::string_view where)
      : file_(file), where_(where), reader_(file, where, "the header") {}

  GgufContent read() {
    reader_.take(4);
    content_.version = reader_.number<uint32_t>();
    require(content_.version < 0x10000 || content_.version % 0x10000 != 0, ErrorKind::unsupported,
            "{}: a big-endian GGUF file; only little-endian ones are read", where_);
    require(content_.version == 2 || content_.version == 3, ErrorKind::unsupported,
            "{}: GGUF of version {}; versions 2 and 3 are read", where_, content_.version);
    const uint64_t tensors = count(), entries = count();
    // Each takes so many bytes at least: numbers that lie are found before anything is made.
    require(tensors <= reader_.left() / 20 && tensors <= kMostTensors, ErrorKind::bad_file,
            "{}: it names {} tensors, more than the file can hold", where_, tensors);
    require(entries <= reader_.left() / 9, ErrorKind::bad_file,
            "{}: it names {} entries of metadata, more than the file can hold", where_, entries);
    for (uint64_t i = 0; i < entries; ++i) read_entry();
    for (uint64_t i = 0; i < tensors; ++i) read_tensor();
    place_tensors();
    return std::move(content_);
  }

 private:
  uint64_t count() { return reader_.number<uint64_t>(); }
  std::string_view text() { return reader_.text(count()); }

  void read_entry() {
    GgufEntry entry;
    const std::string_view key = text();
    entry.key = std::string(key);
    require(keys_.insert(key).second, ErrorKind::bad_file, "{}: the metadata have {} twice", where_, printable(key));
    entry.type = value_type(reader_.number<uint32_t>(), key);
    const size_t begin = reader_.position();
    pass_value(entry.type, key);
    entry.bytes = file_.subspan(begin, reader_.position() - begin);
    if (key == "general.alignment") read_alignment(entry);
    content_.entries.push_back(std::move(entry));
  }

  GgufType value_type(uint32_t number, std::string_view key) const {
    require(number < kValueBytes.size(), ErrorKind::bad_file, "{}: {}: {} is no type of metadata", where_,
            printable(key), number);
    return static_cast<GgufType>(number);
  }

  /// Goes behind a value. Arrays may lie in arrays to any depth, so what is still to come is kept in a list.
  void pass_value(GgufType type, std::string_view key) {
    if (type == GgufType::string) return void(text());
    if (type != GgufType::array) return void(reader_.take(kValueBytes[static_cast<size_t>(type)]));
    std::vector<uint64_t> open = {1};  // arrays still to be passed, on each level
    while (!open.empty()) {
      if (open.back() == 0) {
        open.pop_back();
        continue;
      }
      --open.back();
      const uint32_t number = reader_.number<uint32_t>();
      const uint64_t length = count();
      if (length == 0) continue;
      const GgufType element = value_type(number, key);
      require(length <= reader_.left(), ErrorKind::bad_file, "{}: {}: an array of {} elements, {} bytes follow", where_,
              printable(key), length, reader_.left());
      if (element == GgufType::array)
        open.push_back(length);
      else if (element == GgufType::string)
        for (uint64_t i = 0; i < length; ++i) text();
      else
        reader_.take(length * kValueBytes[static_cast<size_t>(element)]);
    }
  }

  void read_alignment(const GgufEntry& entry) {
    uint64_t value = 0;
    const bool narrow = entry.type == GgufType::u32;
    require(narrow || entry.type == GgufType::u64, ErrorKind::bad_file,
            "{}: general.alignment is a {}, a u32 is expected", where_, name_of(entry.type));
    std::memcpy(&value, entry.bytes.data(), narrow ? 4 : 8);
    const bool power = value != 0 && (value & (value - 1)) == 0;
    require((power || (value != 0 && value % 8 == 0)) && value <= uint64_t{1} << 31, ErrorKind::bad_file,
            "{}: general.alignment is {}, a power of two or a multiple of 8 is expected", where_, value);
    content_.alignment = static_cast<uint32_t>(value);
  }

  void read_tensor() {
    const std::string_view name = text();
    require(is_utf8(name), ErrorKind::bad_file, "{}: the name of tensor {} is not UTF-8", where_, offsets_.size());
    require(names_.insert(name).second, ErrorKind::bad_file, "{}: it has the tensor {} twice", where_, printable(name));
    const uint32_t axes = reader_.number<uint32_t>();
    require(axes <= Shape::kMaxRank, ErrorKind::bad_file, "{}: {} has {} axes, at most {} are read", where_,
            printable(name), axes, Shape::kMaxRank);
    std::vector<int64_t> extents(axes);
    int64_t values = 1;
    for (uint32_t i = 0; i < axes; ++i) {
      const uint64_t extent = count();
      const bool fits = extent <= static_cast<uint64_t>(kMostValues) &&
                        (extent == 0 || values <= kMostValues / static_cast<int64_t>(extent));
      require(fits, ErrorKind::bad_file, "{}: {}: its sizes multiply to more than any file can hold", where_,
              printable(name));
      values *= static_cast<int64_t>(extent);
      extents[axes - 1 - i] = static_cast<int64_t>(extent);  // the file begins with the fastest
    }
    StoredTensor tensor{.name = std::string(name), .type = tensor_type(name), .shape = Shape(extents), .bytes = {}};
    const int64_t row = axes == 0 ? 1 : extents.back(), block = block_length(tensor.type);
    require(row % block == 0, ErrorKind::bad_file, "{}: {}: a row of {} values is no whole number of blocks of {}",
            where_, printable(name), row, block);
    require(stored_bytes(tensor.type, values).has_value(), ErrorKind::bad_file,
            "{}: {}: its sizes multiply to more than any file can hold", where_, printable(name));
    offsets_.push_back(reader_.number<uint64_t>());
    content_.tensors.push_back(std::move(tensor));
  }

  StoredType tensor_type(std::string_view name) {
    const uint32_t number = reader_.number<uint32_t>();
    for (const TypeNumber& known : kTypes)
      if (known.number == number) return known.type;
    for (const OtherType& other : kOthers)
      if (other.number == number)
        fail(ErrorKind::unsupported, "{}: {} is of type {} (number {}), which is not read", where_, printable(name),
             other.name, number);
    fail(ErrorKind::unsupported, "{}: {} is of type number {}, which is not known", where_, printable(name), number);
  }

  void place_tensors() {
    const uint64_t alignment = content_.alignment;
    const uint64_t start = (reader_.position() + alignment - 1) / alignment * alignment;
    std::vector<size_t> order;
    for (size_t i = 0; i < content_.tensors.size(); ++i) {
      StoredTensor& tensor = content_.tensors[i];
      const uint64_t offset = offsets_[i];
      const auto size = static_cast<uint64_t>(*stored_bytes(tensor.type, tensor.shape.count()));
      require(offset % alignment == 0, ErrorKind::bad_file, "{}: {}: its offset {} is no multiple of the alignment {}",
              where_, printable(tensor.name), offset, alignment);
      if (size == 0) continue;
      const bool inside =
          start <= file_.size() && offset <= file_.size() - start && size <= file_.size() - start - offset;
      require(inside, ErrorKind::bad_file,
              "{}: {}: {} bytes from {} on lie outside the file; it is cut short or damaged", where_,
              printable(tensor.name), size, offset);
      tensor.bytes = file_.subspan(start + offset, size);
      order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return offsets_[a] < offsets_[b]; });
    for (size_t i = 1; i < order.size(); ++i) {
      const StoredTensor& before = content_.tensors[order[i - 1]];
      require(offsets_[order[i - 1]] + before.bytes.size() <= offsets_[order[i]], ErrorKind::bad_file,
              "{}: {} and {} share bytes", where_, printable(before.name), printable(content_.tensors[order[i]].name));
    }
  }

  std::span<const std::byte> file_;
  std::string where_;
  ByteReader reader_;
  GgufContent content_;
  std::vector<uint64_t> offsets_;
  std::unordered_set<std::string_view> keys_, names_;
};

template <class T>
T value_of(const GgufEntry& entry) {
  T value;
  std::memcpy(&value, entry.bytes.data(), sizeof(T));
  return value;
}

}  // namespace

std::string_view name_of(GgufType type) {
  const auto number = static_cast<uint32_t>(type);
  return number < std::size(kValueTypes) ? kValueTypes[number] : "?";
}

std::map<std::string, std::string> GgufContent::text_metadata() const {
  constexpr size_t kLength = 8;
  std::map<std::string, std::string> texts;
  for (const GgufEntry& entry : entries) {
    std::string& text = texts[entry.key];
    switch (entry.type) {
      case GgufType::string:
        text.assign(reinterpret_cast<const char*>(entry.bytes.data()) + kLength, entry.bytes.size() - kLength);
        break;
      case GgufType::u8:
        text = fmt::format("{}", value_of<uint8_t>(entry));
        break;
      case GgufType::i8:
        text = fmt::format("{}", value_of<int8_t>(entry));
        break;
      case GgufType::u16:
        text = fmt::format("{}", value_of<uint16_t>(entry));
        break;
      case GgufType::i16:
        text = fmt::format("{}", value_of<int16_t>(entry));
        break;
      case GgufType::u32:
        text = fmt::format("{}", value_of<uint32_t>(entry));
        break;
      case GgufType::i32:
        text = fmt::format("{}", value_of<int32_t>(entry));
        break;
      case GgufType::u64:
        text = fmt::format("{}", value_of<uint64_t>(entry));
        break;
      case GgufType::i64:
        text = fmt::format("{}", value_of<int64_t>(entry));
        break;
      case GgufType::f32:
        text = fmt::format("{}", value_of<float>(entry));
        break;
      case GgufType::f64:
        text = fmt::format("{}", value_of<double>(entry));
        break;
      case GgufType::boolean:
        text = value_of<uint8_t>(entry) ? "true" : "false";
        break;
      case GgufType::array:
        texts.erase(entry.key);
        break;
    }
  }
  return texts;
}

GgufContent parse_gguf(std::span<const std::byte> file, std::string_view where) {
  require(file.size() >= 4 && std::memcmp(file.data(), "GGUF", 4) == 0, ErrorKind::bad_file,
          "{}: a GGUF file begins with the letters GGUF, this one does not", where);
  return Header(file, where).read();
}

std::optional<uint32_t> gguf_number(StoredType type) {
  for (const TypeNumber& known : kTypes)
    if (known.type == type) return known.number;
  return std::nullopt;
}

}  // namespace calotype
