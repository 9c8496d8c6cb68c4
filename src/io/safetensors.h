#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/stored_tensor.h"
#include "io/tensor_file.h"

namespace calotype {

/// What a safetensors file says of itself.
struct SafetensorsContent {
  std::vector<StoredTensor> tensors;            // in the order of their bytes
  std::map<std::string, std::string> metadata;  // of `__metadata__`
  std::span<const std::byte> data;              // what follows the header
};

/// Reads and checks the header of a whole file; the tensors point into `file`. Strict as the reference library: the
/// tensors cover the data without gap or overlap, names are unique, byte counts fit shapes. Header at most 100 MB, at
/// most eight axes. Throws `bad_file` with `where` in front.
SafetensorsContent parse_safetensors(std::span<const std::byte> file, std::string_view where);

/// A safetensors file, mapped, where nothing else will do: what Calotype itself has written. Copies share the mapping.
class Safetensors : public TensorFile {
 public:
  /// Throws `bad_file`.
  explicit Safetensors(const std::filesystem::path& path);
};

/// A tensor that is to be written.
struct TensorPlan {
  std::string name;
  StoredType type = StoredType::f32;
  Shape shape;
};

/// Takes the bytes of one tensor, in pieces of any size.
using ByteSink = std::function<void(std::span<const std::byte>)>;

/// Writes a file without holding it: `fill` is called once for each tensor in the order in which they lie (type with
/// the greatest alignment first, then name), and must hand exactly its bytes to the sink. Same tensors and metadata,
/// same bytes; those of the reference library where there is at most one metadata entry (its own order of several
/// changes from run to run). The file appears once it is whole. Throws `cannot_write`; names and metadata must be
/// UTF-8.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorPlan> plans,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<void(const TensorPlan&, const ByteSink&)>& fill);

/// The same for tensors that are in memory.
void write_safetensors(const std::filesystem::path& path, std::span<const StoredTensor> tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace calotype
