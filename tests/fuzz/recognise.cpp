// A safetensors file of any names and shapes is recognised, or refused as `bad_file` or `unsupported`; the table of
// keys of what was found is no longer than the file has reason for.

#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "io/recognise.h"
#include "io/safetensors.h"

namespace {

size_t rows(const calotype::KeyMap& map) {
  return map.rows().size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  try {
    const auto content = parse_safetensors({reinterpret_cast<const std::byte*>(data), size}, "fuzz");
    const Recognised found = recognise(content.tensors, "fuzz");
    const size_t most = 2000 * (content.tensors.size() + 1);
    if (found.unet && rows(unet_keys(found.unet->config)) > most) std::abort();
    if (found.vae && rows(vae_keys(found.vae->config)) > most) std::abort();
    if (found.text && rows(text_keys(found.text->config)) > most) std::abort();
    if (found.image && rows(image_tower_keys(found.image->config)) > most) std::abort();
    if (found.depth && rows(depth_keys(found.depth->config)) > most) std::abort();
    if (found.tiny_encoder && rows(tiny_encoder_keys(found.tiny_encoder->config)) > most) std::abort();
    if (found.tiny_decoder && rows(tiny_decoder_keys(found.tiny_decoder->config)) > most) std::abort();
    if (found.unet) prediction_by_statistic(content.tensors, *found.unet);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file && error.kind() != ErrorKind::unsupported) std::abort();
  }
  return 0;
}
