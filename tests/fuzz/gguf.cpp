// Any bytes are a whole GGUF file, whose tensors lie within it, or are refused as `bad_file` or `unsupported`.

#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "io/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span file(reinterpret_cast<const std::byte*>(data), size);
  try {
    const calotype::GgufContent content = calotype::parse_gguf(file, "fuzz");
    size_t total = 0;
    for (const auto& tensor : content.tensors) {
      total += tensor.bytes.size();
      calotype::count_not_finite(tensor);
    }
    if (total > size || content.text_metadata().size() > content.entries.size()) std::abort();
  } catch (const calotype::Error& error) {
    if (error.kind() != calotype::ErrorKind::bad_file && error.kind() != calotype::ErrorKind::unsupported) std::abort();
  }
  return 0;
}
