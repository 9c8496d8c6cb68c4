#include "text/editing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <unordered_set>

#include "base/error.h"
#include "text/unicode.h"

namespace calotype {
namespace {

struct Node;
using Sequence = std::vector<const Node*>;

/// A piece of a parsed prompt. `texts`: nothing for a stretch of plain text.
struct Node {
  enum class Kind { text, sequence, alternation, editing } kind;
  std::u32string_view text;     // of plain text
  std::vector<Sequence> parts;  // sequence: one; alternation: the choices; editing: before and after
  std::u32string_view when;     // of an editing
};

/// Reads by ordered choice: whatever begins at a place is read in one way or not at all, whoever asks, so a place that
/// failed once is not tried again and the time grows with the text alone.
class EditingParser {
 public:
  explicit EditingParser(std::u32string_view text) : text_(text) {}

  /// The whole text, or nothing where something is left over that no rule takes.
  std::optional<Sequence> parse() {
    Sequence whole;
    for (;;) {
      const Sequence some = parts(0);
      whole.insert(whole.end(), some.begin(), some.end());
      if (at_ == text_.size()) return whole;
      if (text_[at_] == '|' || text_[at_] == '\\') return std::nullopt;
      whole.push_back(plain(at_, at_ + 1));
      ++at_;
    }
  }

 private:
  bool next_is(char32_t c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char32_t c) { return next_is(c) && ++at_; }

  const Node* make(Node node) { return &nodes_.emplace_back(std::move(node)); }
  const Node* plain(size_t begin, size_t end) {
    return make({Node::Kind::text, text_.substr(begin, end - begin), {}, {}});
  }

  /// As many things as there are, stray brackets, colons and bars apart.
  Sequence parts(size_t depth) {
    Sequence found;
    while (at_ < text_.size()) {
      const char32_t c = text_[at_];
      const Node* node = nullptr;
      if (c == '(' || c == '[') {
        node = failed_.contains(at_) ? nullptr : bracket(depth);
      } else if (c == '\\') {
        if (at_ + 1 < text_.size()) node = plain(at_, at_ + 2), at_ += 2;
      } else if (c != ']' && c != ')' && c != ':' && c != '|') {
        const size_t end = std::min(text_.find_first_of(U"\\[]():|", at_), text_.size());
        node = plain(at_, end);
        at_ = end;
      }
      if (!node) break;
      found.push_back(node);
    }
    return found;
  }

  /// What begins with the bracket at the present place; where it is none of the forms, the place stays.
  const Node* bracket(size_t depth) {
    if (depth >= kDeepestBrackets) fail_too_deep(at_);
    const size_t begin = at_++;
    const Node* node = text_[begin] == '(' ? round(begin, depth) : square(begin, depth);
    if (!node) {
      failed_.insert(begin);
      at_ = begin;
    }
    return node;
  }

  const Node* round(size_t begin, size_t depth) {
    Sequence inside{plain(begin, begin + 1)};
    for (int part = 0; part < 2; ++part) {
      const Sequence some = parts(depth + 1);
      inside.insert(inside.end(), some.begin(), some.end());
      inside.push_back(plain(at_, std::min(at_ + 1, text_.size())));
      if (take(')')) return make({Node::Kind::sequence, {}, {inside}, {}});
      if (!take(':')) return nullptr;
    }
    return nullptr;
  }

  const Node* square(size_t begin, size_t depth) {
    Sequence first = parts(depth + 1);
    if (take(']')) {
      first.insert(first.begin(), plain(begin, begin + 1));
      first.push_back(plain(at_ - 1, at_));
      return make({Node::Kind::sequence, {}, {first}, {}});
    }
    if (take('|')) return alternation(std::move(first), depth);
    if (!take(':')) return nullptr;
    if (const auto when = ending()) return make({Node::Kind::editing, {}, {Sequence{}, first}, *when});
    Sequence second = parts(depth + 1);
    if (!take(':')) return nullptr;
    if (const auto when = ending()) return make({Node::Kind::editing, {}, {first, second}, *when});
    return nullptr;
  }

  const Node* alternation(Sequence first, size_t depth) {
    std::vector<Sequence> choices{std::move(first)};
    do choices.push_back(parts(depth + 1));
    while (take('|'));
    return take(']') ? make({Node::Kind::alternation, {}, std::move(choices), {}}) : nullptr;
  }

  /// "blanks number blanks ]": the number; where something else stands there, the place stays.
  std::optional<std::u32string_view> ending() {
    const size_t begin = skip_blanks(text_, at_);
    const size_t end = std::min(text_.find_first_not_of(U"0123456789+-.eE", begin), text_.size());
    const size_t closing = skip_blanks(text_, end);
    const std::u32string_view number = text_.substr(begin, end - begin);
    if (closing >= text_.size() || text_[closing] != ']' || !decimal_number(number)) return std::nullopt;
    at_ = closing + 1;
    return number;
  }

  std::u32string_view text_;
  size_t at_ = 0;
  std::deque<Node> nodes_;
  std::unordered_set<size_t> failed_;

 public:
  EditingParser(const EditingParser&) = delete;
  EditingParser& operator=(const EditingParser&) = delete;
};

/// Turns a parsed prompt into its texts.
class Timetable {
 public:
  explicit Timetable(const EditingOptions& options)
      : options_(options), steps_(options.second_pass > 0 ? options.second_pass : options.steps) {}

  std::set<int64_t> ends(const Sequence& whole) const {
    std::set<int64_t> ends{steps_};
    bool every_step = false;
    collect(whole, ends, every_step);
    for (int64_t step = 1; every_step && step < steps_; ++step) ends.insert(step);
    return ends;
  }

  void write(const Sequence& parts, int64_t step, std::u32string& out) const {
    for (const Node* node : parts) {
      if (node->kind == Node::Kind::text) {
        out += node->text;
        continue;
      }
      size_t chosen = 0;
      if (node->kind == Node::Kind::alternation) chosen = static_cast<size_t>(step - 1) % node->parts.size();
      if (node->kind == Node::Kind::editing) chosen = step <= last_of_first(node->when) ? 0 : 1;
      write(node->parts[chosen], step, out);
    }
  }

  int64_t steps() const { return steps_; }

 private:
  int64_t last_of_first(std::u32string_view when) const {
    const double value = decimal_number(when).value_or(0);
    const auto steps = static_cast<double>(steps_);
    const bool share = options_.fractions_below_1 ? value < 1 : when.find('.') != when.npos;
    double last = share ? value * steps : value;
    if (options_.second_pass > 0) last = share ? (value - 1) * steps : value - static_cast<double>(options_.steps);
    return static_cast<int64_t>(std::clamp(std::trunc(last), -1.0, steps));
  }

  void collect(const Sequence& parts, std::set<int64_t>& ends, bool& every_step) const {
    for (const Node* node : parts) {
      every_step |= node->kind == Node::Kind::alternation;
      if (node->kind == Node::Kind::editing)
        if (const int64_t last = last_of_first(node->when); last >= 1) ends.insert(last);
      for (const Sequence& part : node->parts) collect(part, ends, every_step);
    }
  }

  EditingOptions options_;
  int64_t steps_;
};

}  // namespace

std::vector<ScheduledText> read_editing(std::string_view prompt, const EditingOptions& options, PromptNotes* notes) {
  constexpr size_t kMostBytes = size_t{16} << 20;
  const std::u32string text = decode_utf8(prompt);
  const Timetable timetable(options);
  EditingParser parser(text);
  const std::optional<Sequence> whole = parser.parse();
  if (!whole) {
    if (notes)
      notes->add("a bar or a last backslash has no place in the prompt's brackets, so nothing in it is switched");
    return {{timetable.steps(), encode_utf8(text)}};
  }
  const std::set<int64_t> ends = timetable.ends(*whole);
  require(ends.size() < 2 || ends.size() * prompt.size() <= kMostBytes, ErrorKind::bad_input,
          "prompt: {} bytes that change at {} steps; write a shorter prompt or take fewer steps", prompt.size(),
          ends.size());
  std::vector<ScheduledText> schedule;
  for (const int64_t end : ends) {
    std::u32string written;
    timetable.write(*whole, end, written);
    schedule.push_back({end, encode_utf8(written)});
  }
  return schedule;
}

}  // namespace calotype
