#include <fmt/format.h>

#include "io/key_table.h"

namespace calotype {
namespace {

constexpr KeyLine kBlock[] = {
    {"conv1", "conv.0", "conv.0"},
    {"conv2", "conv.2", "conv.2"},
    {"conv3", "conv.4", "conv.4"},
};

/// The layers are a numbered list in both layouts; diffusers' does not count the decoder's clamp.
class TinyTable {
 public:
  TinyTable(const std::vector<int64_t>& blocks, int first, int skipped)
      : blocks_(blocks), next_(first), less_(skipped) {}

  /// `places` that are taken by layers without weights come before a step between two resolutions.
  std::vector<KeyRow> rows(const char* step, int places, int places_after_first) {
    add("conv_in", Holds::weight_and_bias);
    next_ += places_after_first;
    for (size_t level = 0; level < blocks_.size(); ++level) {
      if (level > 0) {
        next_ += places;
        add(fmt::format("{}.{}", step, level - 1), Holds::weight);
      }
      for (int64_t i = 0; i < blocks_[level]; ++i, ++next_)
        add_lines(rows_, kBlock,
                  {fmt::format("blocks.{}.{}.", level, i), fmt::format("{}.", next_),
                   fmt::format("layers.{}.", next_ - less_)});
    }
    add("conv_out", Holds::weight_and_bias);
    return std::move(rows_);
  }

 private:
  void add(const std::string& ours, Holds holds) {
    const std::string original = fmt::format("{}", next_), theirs = fmt::format("layers.{}", next_ - less_);
    const KeyLine line{ours, original, theirs, holds};
    add_lines(rows_, {&line, 1});
    ++next_;
  }

  const std::vector<int64_t>& blocks_;
  int next_, less_;
  std::vector<KeyRow> rows_;
};

}  // namespace

KeyMap tiny_encoder_keys(const TinyVaeConfig& config) {
  return KeyMap(TinyTable(config.encoder_blocks, 0, 0).rows("down", 0, 0));
}

KeyMap tiny_decoder_keys(const TinyVaeConfig& config) {
  return KeyMap(TinyTable(config.decoder_blocks, 1, 1).rows("up", 1, 1));
}

}  // namespace calotype
