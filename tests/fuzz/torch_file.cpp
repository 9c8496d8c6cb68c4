// Any bytes are a file of weights of some container, whose tensors lie within it or in memory that is bounded by it, or
// are refused as `bad_file` or `unsupported`. An input without the marks of one is taken as a bare pickle.

#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "io/pickle.h"
#include "io/tensor_file.h"
#include "io/torch_file.h"

namespace {

void read(std::span<const std::byte> file) {
  const calotype::TensorFileContent content = calotype::parse_tensor_file(file, "fuzz");
  unsigned sum = 0;
  for (const auto& tensor : content.tensors) {
    const auto bytes = calotype::stored_bytes(tensor.type, tensor.shape.count());
    if (!bytes || static_cast<size_t>(*bytes) != tensor.bytes.size()) std::abort();
    for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
    if (tensor.shape.count() < 1000) calotype::count_not_a_number(tensor);
  }
  volatile unsigned seen = sum;
  (void)seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span file(reinterpret_cast<const std::byte*>(data), size);
  try {
    if (calotype::is_torch_archive(file) || calotype::is_pickle(file)) {
      read(file);
    } else {
      const calotype::Pickle pickle(file, "fuzz");
      if (pickle.describe(pickle.root()).empty()) std::abort();
      pickle.find(pickle.root(), "state_dict");
    }
  } catch (const calotype::Error& error) {
    if (error.kind() != calotype::ErrorKind::bad_file && error.kind() != calotype::ErrorKind::unsupported) std::abort();
  }
  return 0;
}
