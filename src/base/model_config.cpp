#include "base/model_config.h"

#include <algorithm>

namespace calotype {

bool UNetConfig::attends(int64_t level) const {
  return std::ranges::find(attention_resolutions, int64_t{1} << level) != attention_resolutions.end();
}

bool UNetConfig::self_attends(int64_t level) const {
  return level >= static_cast<int64_t>(disable_self_attentions.size()) || !disable_self_attentions[level];
}

int64_t UNetConfig::heads(int64_t channels) const {
  return num_heads > 0 ? num_heads : channels / num_head_channels;
}

}  // namespace calotype
