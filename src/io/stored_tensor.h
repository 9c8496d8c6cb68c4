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
/// Behind them the types in blocks (base/blocks.h), which only GGUF files have.
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
  u64,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k
};

/// The format's word, such as "BF16" or "Q4_0".
std::string_view name_of(StoredType type);
/// The type that safetensors files give this name; none in blocks.
std::optional<StoredType> stored_type(std::string_view name);
/// The same in any case, and with types in blocks: as users write it.
std::optional<StoredType> stored_type_as_asked(std::string_view name);
/// Bits of one element; some types take less than a byte. 0 for types in blocks.
int bits_of(StoredType type);
/// Elements of a block that shares a scale; 1 for the plain types. Rows are whole numbers of blocks.
int64_t block_length(StoredType type);
/// Bytes of `count` elements; nothing where they are no whole number of bytes or blocks, or more than 2^62.
std::optional<int64_t> stored_bytes(StoredType type, int64_t count);
/// The type as a tensor has it; none for those that only occur in files.
std::optional<DType> dtype_of(StoredType type);
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
/// Values [first, first + out.size()) in row-major order, rounded to f32 where they are wider. Throws `unsupported`.
void widen(const StoredTensor& tensor, int64_t first, std::span<float> out);

/// How many values are not a number; 0 for integers.
int64_t count_not_a_number(const StoredTensor& tensor);
/// The same, infinite ones counted too.
int64_t count_not_finite(const StoredTensor& tensor);

}  // namespace calotype
