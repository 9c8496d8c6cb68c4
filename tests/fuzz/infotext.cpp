// Any text has parameters; what is written from them reads as the same prompts.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/infotext.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = calotype::parse_infotext({reinterpret_cast<const char*>(data), size});
  if (read.prompt.size() + read.negative.size() > size) std::abort();
  for (size_t i = 0; i < read.settings.size() && i < 8; ++i) {
    if (read.settings[i].first.empty() || !read.find(read.settings[i].first)) std::abort();
  }
  calotype::parse_infotext(calotype::write_infotext(read));
  return 0;
}
