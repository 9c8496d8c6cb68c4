#include "text/chunks.h"

#include <algorithm>

#include "base/error.h"

namespace calotype {
namespace {

constexpr size_t kRoom = kChunkTokens;

/// Fills chunks one after the other.
class ChunkWriter {
 public:
  explicit ChunkWriter(int32_t padding) : padding_(padding) {}

  size_t size() const { return tokens_.size(); }
  size_t room() const { return kRoom - tokens_.size(); }

  void push(int32_t id, double weight) { tokens_.push_back({id, weight}); }

  void place(const InversionNames::Found& found, double weight) {
    const auto count = static_cast<size_t>(found.vectors);
    if (count > room()) close();
    placements_.push_back({static_cast<int64_t>(size()) + 1, found.index});
    tokens_.insert(tokens_.end(), count, {0, weight});
  }

  void close() {
    require(result_.chunks.size() < kMostChunks, ErrorKind::bad_input,
            "prompt: it has more than {} tokens, which is as many as are read; shorten it", kMostChunks * kRoom);
    Chunk chunk;
    chunk.ids.fill(padding_);
    chunk.weights.fill(1);
    chunk.ids[0] = kStartOfText;
    for (size_t i = 0; i < size(); ++i) {
      chunk.ids[i + 1] = tokens_[i].id;
      chunk.weights[i + 1] = tokens_[i].weight;
    }
    chunk.ids[size() + 1] = kEndOfText;
    if (padding_ != kEndOfText)  // an end token that the text itself holds counts too
      std::fill(std::find(chunk.ids.begin(), chunk.ids.end(), kEndOfText) + 1, chunk.ids.end(), padding_);
    chunk.length = static_cast<int64_t>(size());
    chunk.placements = std::move(placements_);
    result_.token_count += kChunkTokens;
    result_.chunks.push_back(std::move(chunk));
    tokens_.clear();
    placements_.clear();
  }

  /// Closes the chunk behind its first `kept` tokens; the others begin the next one.
  void close_after(size_t kept) {
    const std::vector<Token> rest(tokens_.begin() + static_cast<int64_t>(kept), tokens_.end());
    std::vector<Chunk::Placement> moved;
    const auto is_kept = [&](const Chunk::Placement& at) { return at.place <= static_cast<int64_t>(kept); };
    for (const Chunk::Placement& at : placements_)
      if (!is_kept(at)) moved.push_back({at.place - static_cast<int64_t>(kept), at.inversion});
    placements_.erase(std::find_if_not(placements_.begin(), placements_.end(), is_kept), placements_.end());
    tokens_.resize(kept);
    close();
    tokens_ = rest;
    placements_ = std::move(moved);
  }

  ChunkedPrompt finish() {
    if (!tokens_.empty() || result_.chunks.empty()) {
      const auto length = static_cast<int64_t>(size());
      close();
      result_.token_count += length - kChunkTokens;
    }
    return std::move(result_);
  }

 private:
  struct Token {
    int32_t id;
    double weight;
  };
  int32_t padding_;
  std::vector<Token> tokens_;
  std::vector<Chunk::Placement> placements_;
  ChunkedPrompt result_;
};

/// Tokens of one word, or the name of an inversion.
struct Group {
  std::vector<int32_t> ids;
  InversionNames::Found inversion = {};
};

std::vector<Group> groups_of(std::string_view text, const Tokenizer& tokenizer, const InversionNames& inversions) {
  std::vector<int32_t> ids;
  std::vector<size_t> begins;  // of words, as blanks part them
  tokenizer.for_each_word(text, [&](const Tokenizer::Word& word) {
    if (word.after_blank) begins.push_back(ids.size());
    tokenizer.append_ids(word, ids);
  });
  std::vector<Group> groups;
  size_t next_begin = 0;
  for (size_t i = 0; i < ids.size();) {
    const bool begins_word = next_begin < begins.size() && begins[next_begin] <= i;
    while (next_begin < begins.size() && begins[next_begin] <= i) ++next_begin;
    if (const auto found = inversions.find(std::span(ids).subspan(i)); found.tokens > 0) {
      groups.push_back({{}, found});
      i += found.tokens;
      continue;
    }
    if (begins_word || groups.empty() || groups.back().inversion.tokens > 0) groups.emplace_back();
    groups.back().ids.push_back(ids[i++]);
  }
  return groups;
}

}  // namespace

bool ChunkedPrompt::weighted() const {
  return std::ranges::any_of(chunks, [](const Chunk& chunk) {
    return std::ranges::any_of(chunk.weights, [](double weight) { return weight != 1; });
  });
}

ChunkedPrompt in_chunks(std::span<const Fragment> fragments, const Tokenizer& tokenizer,
                        const InversionNames& inversions, int backtrack) {
  constexpr size_t kNowhere = static_cast<size_t>(-1);
  const int32_t comma = Tokenizer::clip().encode(",").front();
  ChunkWriter writer(tokenizer.pad_id());
  size_t last_comma = kNowhere;
  const auto close = [&] {
    writer.close();
    last_comma = kNowhere;
  };
  for (const Fragment& fragment : fragments) {
    if (fragment.ends_chunk) {
      close();
      continue;
    }
    const std::vector<int32_t> ids = tokenizer.encode(fragment.text);
    for (size_t i = 0; i < ids.size();) {
      if (ids[i] == comma) {
        last_comma = writer.size();
      } else if (writer.room() == 0 && last_comma != kNowhere &&
                 writer.size() - last_comma <= static_cast<size_t>(backtrack)) {
        writer.close_after(last_comma + 1);
        last_comma = kNowhere;
      }
      if (writer.room() == 0) close();
      const InversionNames::Found found = inversions.find(std::span(ids).subspan(i));
      if (found.tokens > 0) {
        if (static_cast<size_t>(found.vectors) > writer.room()) close();
        writer.place(found, fragment.weight);
        i += found.tokens;
      } else {
        writer.push(ids[i++], fragment.weight);
      }
    }
  }
  return writer.finish();
}

ChunkedPrompt in_comfy_chunks(std::span<const Fragment> fragments, const Tokenizer& tokenizer,
                              const InversionNames& inversions) {
  constexpr size_t kLongWord = 8;
  ChunkWriter writer(tokenizer.pad_id());
  for (const Fragment& fragment : fragments)
    for (const Group& group : groups_of(fragment.text, tokenizer, inversions)) {
      if (group.inversion.tokens > 0) {
        writer.place(group.inversion, fragment.weight);
        continue;
      }
      if (group.ids.size() > writer.room() && group.ids.size() < kLongWord) writer.close();
      for (const int32_t id : group.ids) {
        if (writer.room() == 0) writer.close();
        writer.push(id, fragment.weight);
      }
    }
  return writer.finish();
}

}  // namespace calotype
