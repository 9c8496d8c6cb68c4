// A target with a fault, to see that the driver finds it.

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.size() > 5 && text.substr(0, 4) == "FAUL" && text[4] == ':') std::abort();
  return 0;
}
