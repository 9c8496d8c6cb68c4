#include "text/adapter_tags.h"

#include <optional>

#include "text/unicode.h"

namespace calotype {
namespace {

std::optional<AdapterTag> tag_of(std::u32string_view arguments) {
  AdapterTag tag;
  int plain = 0;
  for (size_t at = 0; at <= arguments.size();) {
    const size_t end = std::min(arguments.find(':', at), arguments.size());
    std::u32string_view argument = arguments.substr(at, end - at);
    at = end + 1;
    if (tag.name.empty()) {
      if (argument.empty()) return std::nullopt;
      tag.name = encode_utf8(argument);
      continue;
    }
    const bool text = argument.starts_with(U"te="), unet = argument.starts_with(U"unet=");
    if (text || unet) argument = argument.substr(argument.find('=') + 1);
    const std::optional<double> weight = decimal_number(argument);
    if (!weight || plain > 1) return std::nullopt;
    if (text || unet) {
      (text ? tag.text : tag.unet) = *weight;
    } else if (plain++ == 0) {
      tag.unet = tag.text = *weight;
    } else {
      tag.text = *weight;
    }
  }
  return tag;
}

}  // namespace

TaggedPrompt read_adapter_tags(std::string_view prompt, PromptNotes* notes) {
  constexpr size_t kLongest = 512;
  const std::u32string decoded = decode_utf8(prompt);
  const std::u32string_view text = decoded;
  TaggedPrompt result;
  std::u32string kept;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = std::min(text.find('<', at), text.size());
    kept += text.substr(at, begin - at);
    at = begin;
    if (begin == text.size()) break;
    size_t colon = begin + 1;
    while (colon < text.size() && is_word_character(text[colon]) && colon - begin < kLongest) ++colon;
    const size_t end = text.substr(0, std::min(begin + kLongest, text.size())).find('>', colon);
    const std::u32string_view kind = text.substr(begin + 1, colon - begin - 1);
    const bool is_tag = colon > begin + 1 && colon < text.size() && text[colon] == ':' && end != text.npos;
    std::optional<AdapterTag> tag;
    if (is_tag && (kind == U"lora" || kind == U"lyco")) tag = tag_of(text.substr(colon + 1, end - colon - 1));
    if (tag) {
      result.adapters.push_back(std::move(*tag));
      at = end + 1;
      continue;
    }
    if (is_tag && notes) notes->add_at("a tag that is no <lora:name:weight> is drawn as text", text, begin);
    kept.push_back(text[at++]);
  }
  result.text = encode_utf8(kept);
  return result;
}

}  // namespace calotype
