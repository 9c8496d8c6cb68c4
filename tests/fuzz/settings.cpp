// Any bytes are a yaml within bounds whose settings can be laid over a network, or refused as `bad_file`.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "io/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  try {
    const ModelSettings settings = settings_from_yaml({reinterpret_cast<const char*>(data), size}, "fuzz");
    Recognised found;
    found.unet.emplace();
    found.vae.emplace();
    found.text.emplace();
    apply(settings, found);
    require_complete(found, "fuzz");
    const UNetConfig& unet = found.unet->config;
    if (unet.groups < 1 || (unet.num_heads < 1 && unet.num_head_channels < 1)) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file) std::abort();
  }
  return 0;
}
