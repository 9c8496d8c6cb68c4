#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"
#include "io/stored_tensor.h"

namespace calotype {

/// Types of values in the metadata, by their numbers in the file.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// "u8", "string", ...; "?" for numbers that are none.
std::string_view name_of(GgufType type);

/// One entry of the metadata. Its bytes have been checked to be whole, arrays in arrays too.
struct GgufEntry {
  std::string key;
  GgufType type = GgufType::u8;
  std::span<const std::byte> bytes;  // of the value: a string and an array with their lengths
};

/// What a GGUF file says of itself.
struct GgufContent {
  uint32_t version = 0, alignment = 32;
  std::vector<GgufEntry> entries;
  std::vector<StoredTensor> tensors;  // row-major: the file's dimensions in reverse

  /// The entries that are texts, numbers or truth values, as text.
  std::map<std::string, std::string> text_metadata() const;
};

/// Reads and checks the header of a whole file; the tensors point into `file`. Versions 2 and 3, little-endian; types
/// F32, F16, BF16, F64, integers, Q4_0 to Q8_0 and Q2_K to Q6_K; all others are named and refused as `unsupported`. All
/// else that is wrong is `bad_file`: what lies outside the file, overlaps, overflows, is there twice, or is no whole
/// number of blocks a row. `where` stands in front of messages.
GgufContent parse_gguf(std::span<const std::byte> file, std::string_view where);

/// Writes a GGUF file of version 3 without holding it, tensors in the order given, nothing behind the last one: `fill`
/// as for `write_safetensors`. Metadata are texts. Names must be UTF-8, types those that GGUF knows. The file appears
/// once it is whole. Throws `cannot_write`.
void write_gguf(const std::filesystem::path& path, const std::vector<TensorPlan>& plans,
                const std::map<std::string, std::string>& metadata,
                const std::function<void(const TensorPlan&, const ByteSink&)>& fill);

/// The file's number for a type; none for those that GGUF does not have.
std::optional<uint32_t> gguf_number(StoredType type);

}  // namespace calotype
