#include "text/vocabulary.h"

#include <zlib.h>

#include <algorithm>
#include <queue>
#include <span>
#include <unordered_map>

#include "base/error.h"
#include "text/embedded.h"
#include "text/unicode.h"

namespace calotype {

namespace {

constexpr int32_t kMerges = kStartOfText - 512;
constexpr int32_t kWordEnd = 256;  // added to a byte's id where it ends a word
constexpr size_t kSlots = 1 << 17;

size_t slot_of(uint32_t pair) {
  return pair * 0x9E3779B1u >> 15;
}

/// Printable Latin-1 comes first, in order; then the other bytes, in order.
bool is_printable(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
}

/// id -> byte
std::vector<unsigned char> byte_order() {
  std::vector<unsigned char> order;
  for (const bool printable : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (is_printable(byte) == printable) order.push_back(static_cast<unsigned char>(byte));
    }
  }
  return order;
}

int32_t id_of(unsigned char byte) {
  static const std::vector<int32_t> ids = [] {
    std::vector<int32_t> result(256);
    const std::vector<unsigned char> order = byte_order();
    for (size_t id = 0; id < order.size(); ++id) result[order[id]] = static_cast<int32_t>(id);
    return result;
  }();
  return ids[byte];
}

/// How the merge list spells a byte: printable ones as their Latin-1 character, the others from U+0100 on.
std::string spelling(int32_t id, unsigned char byte) {
  constexpr int32_t kPrintable = 188;
  std::string text;
  append_utf8(id < kPrintable ? byte : static_cast<char32_t>(0x100 + id - kPrintable), text);
  return text;
}

/// A gzip stream's first bytes: what holds the merges is a sixth of the file.
std::string inflate_head(std::span<const std::byte> compressed, size_t length) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  check(inflateInit2(&stream, kGzip) == Z_OK, "zlib cannot start: {}", stream.msg == nullptr ? "" : stream.msg);
  std::string text(length, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int status = inflate(&stream, Z_SYNC_FLUSH);
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  check(status == Z_OK || status == Z_STREAM_END, "the built-in vocabulary does not inflate (zlib says {})", status);
  return text;
}

}  // namespace

std::string clip_merges_text() {
  return inflate_head(embedded_clip_merges(), 1 << 20);
}

const Vocabulary& Vocabulary::clip() {
  static const Vocabulary vocabulary(clip_merges_text());
  return vocabulary;
}

Vocabulary::Vocabulary(std::string_view text) : merges_(kSlots) {
  std::unordered_map<std::string, int32_t> ids;  // by spelling
  ids.reserve(kVocabularySize);
  const std::vector<unsigned char> order = byte_order();
  for (const std::string_view ending : {"", "</w>"}) {
    for (int32_t id = 0; id < 256; ++id) {
      const unsigned char byte = order[static_cast<size_t>(id)];
      ids.emplace(spelling(id, byte).append(ending), static_cast<int32_t>(ids.size()));
      add_symbol(std::string(1, static_cast<char>(byte)).append(ending));
    }
  }
  const auto next_line = [&] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  };
  next_line();  // the header
  for (int32_t rank = 0; rank < kMerges; ++rank) {
    const std::string_view line = next_line();
    const size_t blank = std::min(line.find(' '), line.size());
    const auto left = ids.find(std::string(line.substr(0, blank)));
    const auto right = ids.find(std::string(line.substr(std::min(blank + 1, line.size()))));
    require(
        left != ids.end() && right != ids.end(), ErrorKind::bad_file,
        "vocabulary, line {}: expected two known symbols and a blank between them, found \"{}\"; is this CLIP's list?",
        rank + 2, line);
    const int32_t result = 512 + rank;
    add_merge(static_cast<uint32_t>(left->second) << 16 | static_cast<uint32_t>(right->second), result);
    add_symbol(std::string(symbol(left->second)).append(symbol(right->second)));
    const bool is_new = ids.emplace(left->first + right->first, result).second;
    require(is_new, ErrorKind::bad_file, "vocabulary, line {}: \"{}\" makes a symbol that is there already", rank + 2,
            line);
  }
  add_symbol("<start_of_text>");
  add_symbol("<end_of_text>");
}

void Vocabulary::add_symbol(std::string_view bytes) {
  symbols_ += bytes;
  symbol_begin_.push_back(static_cast<uint32_t>(symbols_.size()));
}

void Vocabulary::add_merge(uint32_t pair, int32_t result) {
  size_t slot = slot_of(pair);
  while (merges_[slot].result != 0) slot = (slot + 1) % kSlots;
  merges_[slot] = {pair, result};
}

int32_t Vocabulary::merged(uint32_t left, uint32_t right) const {
  const uint32_t pair = left << 16 | right;
  size_t slot = slot_of(pair);
  while (merges_[slot].result != 0 && merges_[slot].pair != pair) slot = (slot + 1) % kSlots;
  return merges_[slot].result;
}

void Vocabulary::append_ids(std::string_view word, std::vector<int32_t>& ids) const {
  if (word.empty()) return;
  // Symbols form a list over the word's places; one that has merged into its left neighbour is gone.
  constexpr int32_t kGone = -1;
  struct Symbol {
    int32_t id;
    size_t previous, next;
  };
  const size_t length = word.size();
  std::vector<Symbol> symbols(length);
  for (size_t i = 0; i < length; ++i) symbols[i] = {id_of(static_cast<unsigned char>(word[i])), i - 1, i + 1};
  symbols.back().id += kWordEnd;

  // What may merge: lowest rank first (results are numbered by rank), then leftmost. As a symbol's parts rank below it,
  // a merge never makes way for an earlier one: this is the order of "all of the lowest pair, left to right".
  struct Candidate {
    int32_t result;
    size_t left;
    bool operator<(const Candidate& other) const {
      return result != other.result ? result > other.result : left > other.left;
    }
  };
  const auto result_at = [&](size_t left) {
    const size_t right = symbols[left].next;
    if (symbols[left].id == kGone || right >= length) return 0;
    return merged(static_cast<uint32_t>(symbols[left].id), static_cast<uint32_t>(symbols[right].id));
  };
  std::vector<Candidate> first;
  for (size_t i = 0; i + 1 < length; ++i) {
    if (const int32_t result = result_at(i); result != 0) first.push_back({result, i});
  }
  std::priority_queue<Candidate> candidates(std::less<Candidate>(), std::move(first));
  const auto consider = [&](size_t left) {
    if (left >= length) return;
    if (const int32_t result = result_at(left); result != 0) candidates.push({result, left});
  };
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    if (result_at(best.left) != best.result) continue;  // one of the two has merged elsewhere
    Symbol& left = symbols[best.left];
    Symbol& right = symbols[left.next];
    left.id = best.result;
    left.next = right.next;
    right.id = kGone;
    if (left.next < length) symbols[left.next].previous = best.left;
    consider(left.previous);
    consider(best.left);
  }
  for (size_t i = 0; i < length; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace calotype
