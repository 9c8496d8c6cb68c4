// Any bytes are a picture, or refused.

#include "io/jpeg.h"

#include "fuzz/pictures.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  fuzz::decodes_or_refuses({data, size}, [](auto file) { return decode_jpeg(file, "fuzz", fuzz::kLimits); });
  return 0;
}
