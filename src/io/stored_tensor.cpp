#include "io/stored_tensor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/blocks.h"
#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

struct TypeRow {
  std::string_view name;
  int bits;
  std::optional<DType> dtype;
};

// Indexed by StoredType.
constexpr std::array<TypeRow, 32> kTypes = {{
    {"BOOL", 8, std::nullopt},
    {"F4", 4, std::nullopt},
    {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},
    {"U8", 8, DType::u8},
    {"I8", 8, std::nullopt},
    {"F8_E5M2", 8, std::nullopt},
    {"F8_E4M3", 8, std::nullopt},
    {"F8_E8M0", 8, std::nullopt},
    {"F8_E4M3FNUZ", 8, std::nullopt},
    {"F8_E5M2FNUZ", 8, std::nullopt},
    {"I16", 16, std::nullopt},
    {"U16", 16, std::nullopt},
    {"F16", 16, DType::f16},
    {"BF16", 16, DType::bf16},
    {"I32", 32, DType::i32},
    {"U32", 32, std::nullopt},
    {"F32", 32, DType::f32},
    {"C64", 64, std::nullopt},
    {"F64", 64, DType::f64},
    {"I64", 64, DType::i64},
    {"U64", 64, std::nullopt},
    {"Q4_0", 0, DType::q4_0},
    {"Q4_1", 0, DType::q4_1},
    {"Q5_0", 0, DType::q5_0},
    {"Q5_1", 0, DType::q5_1},
    {"Q8_0", 0, DType::q8_0},
    {"Q2_K", 0, DType::q2_k},
    {"Q3_K", 0, DType::q3_k},
    {"Q4_K", 0, DType::q4_k},
    {"Q5_K", 0, DType::q5_k},
    {"Q6_K", 0, DType::q6_k},
}};

constexpr int64_t kPiece = 8192;  // values that are looked at together; whole blocks

const TypeRow& row(StoredType type) {
  return kTypes[static_cast<size_t>(type)];
}

double from_f8_e4m3(uint8_t bits) {  // no infinities: the greatest exponent holds numbers too
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

double value_at(const StoredTensor& tensor, size_t i) {
  const std::byte* from = tensor.bytes.data() + i * (row(tensor.type).bits / 8);
  switch (tensor.type) {
    case StoredType::boolean:
    case StoredType::u8:
      return load<uint8_t>(from);
    case StoredType::i8:
      return load<int8_t>(from);
    case StoredType::f8_e5m2:
      return to_float(Float16{static_cast<uint16_t>(load<uint8_t>(from) << 8)});
    case StoredType::f8_e4m3:
      return from_f8_e4m3(load<uint8_t>(from));
    case StoredType::i16:
      return load<int16_t>(from);
    case StoredType::u16:
      return load<uint16_t>(from);
    case StoredType::f16:
      return to_float(load<Float16>(from));
    case StoredType::bf16:
      return to_float(load<BFloat16>(from));
    case StoredType::i32:
      return load<int32_t>(from);
    case StoredType::u32:
      return load<uint32_t>(from);
    case StoredType::f32:
      return load<float>(from);
    case StoredType::f64:
      return load<double>(from);
    case StoredType::i64:
      return static_cast<double>(load<int64_t>(from));
    case StoredType::u64:
      return static_cast<double>(load<uint64_t>(from));
    default:
      fail(ErrorKind::unsupported, "{}: values of type {} cannot be read", printable(tensor.name),
           name_of(tensor.type));
  }
}

/// Values whose bits, the sign apart, are above `limit`: every value of a whole model passes here.
template <class Bits>
int64_t count_above(std::span<const std::byte> bytes, Bits limit) {
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  int64_t found = 0;
  for (size_t at = 0; at + sizeof(Bits) <= bytes.size(); at += sizeof(Bits))
    found += static_cast<Bits>(load<Bits>(&bytes[at]) & ~kSign) > limit;
  return found;
}

int64_t count_special_in_blocks(const StoredTensor& tensor, bool infinite) {
  std::vector<float> values(kPiece);
  int64_t found = 0;
  const int64_t count = tensor.shape.count();
  for (int64_t first = 0; first < count; first += kPiece) {
    const std::span piece = std::span(values).first(std::min(kPiece, count - first));
    widen(tensor, first, piece);
    for (const float value : piece) found += infinite ? !std::isfinite(value) : std::isnan(value);
  }
  return found;
}

/// Values that are not a number, or infinite too.
int64_t count_special(const StoredTensor& tensor, bool infinite) {
  switch (tensor.type) {
    case StoredType::f16:
      return count_above<uint16_t>(tensor.bytes, 0x7c00 - infinite);
    case StoredType::bf16:
      return count_above<uint16_t>(tensor.bytes, 0x7f80 - infinite);
    case StoredType::f32:
      return count_above<uint32_t>(tensor.bytes, 0x7f800000 - infinite);
    case StoredType::f64:
      return count_above<uint64_t>(tensor.bytes, 0x7ff0000000000000 - infinite);
    case StoredType::f8_e5m2:
    case StoredType::f8_e4m3: {
      int64_t found = 0;
      for (int64_t i = 0; i < tensor.shape.count(); ++i) {
        const double value = value_at(tensor, i);
        found += infinite ? !std::isfinite(value) : std::isnan(value);
      }
      return found;
    }
    default:
      return block_length(tensor.type) > 1 ? count_special_in_blocks(tensor, infinite) : 0;
  }
}

}  // namespace

std::string_view name_of(StoredType type) {
  return row(type).name;
}

std::optional<StoredType> stored_type(std::string_view name) {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].name == name && kTypes[i].bits > 0) return static_cast<StoredType>(i);
  return std::nullopt;
}

std::optional<StoredType> stored_type_as_asked(std::string_view name) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (std::ranges::equal(kTypes[i].name, name, {}, {}, upper)) return static_cast<StoredType>(i);
  return std::nullopt;
}

int bits_of(StoredType type) {
  return row(type).bits;
}

int64_t block_length(StoredType type) {
  return row(type).bits > 0 ? 1 : block_size(*row(type).dtype).elements;
}

std::optional<int64_t> stored_bytes(StoredType type, int64_t count) {
  const BlockSize block = row(type).bits > 0 ? BlockSize{8, row(type).bits} : block_size(*row(type).dtype);
  // A plain type: eight elements take as many bytes as one has bits.
  const auto bytes = static_cast<__int128>(count) * block.bytes;
  if (bytes % block.elements != 0 || bytes / block.elements > int64_t{1} << 62) return std::nullopt;
  if (row(type).bits == 0 && count % block.elements != 0) return std::nullopt;
  return static_cast<int64_t>(bytes / block.elements);
}

std::optional<DType> dtype_of(StoredType type) {
  return row(type).dtype;
}

StoredType stored_type_of(DType dtype) {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].dtype == dtype) return static_cast<StoredType>(i);
  fail(ErrorKind::internal, "no file has the type {}", name_of(dtype));
}

std::vector<double> values_of(const StoredTensor& tensor) {
  std::vector<double> values(tensor.shape.count());
  if (block_length(tensor.type) > 1) {
    std::vector<float> floats(values.size());
    widen(tensor, 0, floats);
    std::ranges::copy(floats, values.begin());
    return values;
  }
  for (size_t i = 0; i < values.size(); ++i) values[i] = value_at(tensor, i);
  return values;
}

void widen(const StoredTensor& tensor, int64_t first, std::span<float> out) {
  const auto dtype = dtype_of(tensor.type);
  const auto count = static_cast<int64_t>(out.size());
  if (dtype && (block_length(tensor.type) > 1 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16))
    return widen(tensor.bytes.data(), *dtype, first, count, out.data());
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(value_at(tensor, first + i));
}

int64_t count_not_a_number(const StoredTensor& tensor) {
  return count_special(tensor, false);
}

int64_t count_not_finite(const StoredTensor& tensor) {
  return count_special(tensor, true);
}

}  // namespace calotype
