#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/shape.h"

namespace calotype {

/// Element types that files name, in the safetensors format's order of alignment: its writers put the last ones first.
enum class StoredType : uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3_fnuz,
  f8_e5m2_fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64
};

/// The format's word, such as "BF16".
std::string_view name_of(StoredType type);
std::optional<StoredType> stored_type(std::string_view name);
/// Bits of one element; two of the types take less than a byte.
int bits_of(StoredType type);
/// The type as a tensor has it; none for those that only occur in files.
std::optional<DType> dtype_of(StoredType type);
/// Throws `internal` for q8_0, which safetensors does not know.
StoredType stored_type_of(DType dtype);

/// A weight as it lies in a file: row-major, little-endian, possibly unaligned. The file's owner keeps the bytes alive.
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  Shape shape;
  std::span<const std::byte> bytes;
};

/// All values, widened; for small tensors, tests and inspection. Throws `unsupported` for types without a plain
/// meaning.
std::vector<double> values_of(const StoredTensor& tensor);

/// How many values are not a number; 0 for integers.
int64_t count_not_a_number(const StoredTensor& tensor);
/// The same, infinite ones counted too.
int64_t count_not_finite(const StoredTensor& tensor);

}  // namespace calotype
