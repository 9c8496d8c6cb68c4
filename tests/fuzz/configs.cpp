// Any bytes are a folder's config files, one a line, or refused as `bad_file` or `unsupported`; whatever parses as JSON
// at all is at most as deep as allowed.

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "io/json.h"
#include "io/settings.h"

namespace {

/// The first line, taken off; all of it where there is only one.
std::string take_line(std::string& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string line = rest.substr(0, end);
  rest.erase(0, end + 1);
  return line;
}

int depth_of(const nlohmann::json& value) {
  int deepest = 0;
  for (const auto& item : value)
    if (item.is_structured()) deepest = std::max(deepest, depth_of(item));
  return value.is_structured() ? deepest + 1 : 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  std::string rest(reinterpret_cast<const char*>(data), size);
  try {
    if (depth_of(parse_json(rest, "fuzz")) > kMaxJsonDepth) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file) std::abort();
  }
  FolderConfigs configs;
  for (std::string* text : {&configs.unet, &configs.vae, &configs.text_encoder, &configs.scheduler,
                            &configs.depth_estimator, &configs.feature_extractor, &configs.image_encoder,
                            &configs.low_res_scheduler, &configs.image_noising_scheduler, &configs.model_index})
    *text = take_line(rest);
  try {
    settings_from_configs(configs, "fuzz");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file && error.kind() != ErrorKind::unsupported) std::abort();
  }
  return 0;
}
