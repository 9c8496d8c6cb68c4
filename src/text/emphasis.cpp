#include "text/emphasis.h"

#include "text/unicode.h"

namespace calotype {
namespace {

constexpr std::u32string_view kBreak = U"BREAK";
constexpr double kRound = 1.1, kSquare = 1 / 1.1;

class EmphasisReader {
 public:
  EmphasisReader(std::u32string_view text, PromptNotes* notes) : text_(text), notes_(notes) {}

  std::vector<Fragment> read() {
    for (size_t at = 0; at < text_.size();) at = step(at);
    note_open();
    for (const Open& open : round_) multiply_from(open.piece, kRound);
    for (const Open& open : square_) multiply_from(open.piece, kSquare);
    if (pieces_.empty()) add(U"");
    return joined();
  }

 private:
  struct Piece {
    std::u32string text;
    double weight;
    bool ends_chunk;
  };
  struct Open {
    size_t piece, place;
  };

  void add(std::u32string_view text, bool ends_chunk = false) {
    pieces_.push_back({std::u32string(text), 1, ends_chunk});
  }

  void multiply_from(size_t first, double factor) {
    for (size_t i = first; i < pieces_.size(); ++i) pieces_[i].weight *= factor;
  }

  /// Reads what stands at `at`, and returns where the next thing begins.
  size_t step(size_t at) {
    switch (text_[at]) {
      case '\\':
        return backslash(at);
      case '(':
        open(round_, at);
        return at + 1;
      case '[':
        open(square_, at);
        return at + 1;
      case ':':
        return colon(at);
      case ')':
        close(round_, kRound, at);
        return at + 1;
      case ']':
        close(square_, kSquare, at);
        return at + 1;
      default: {
        const size_t end = std::min(text_.find_first_of(U"\\()[]:", at), text_.size());
        words(text_.substr(at, end - at));
        return end;
      }
    }
  }

  size_t backslash(size_t at) {
    const bool literal = at + 1 < text_.size() && std::u32string_view(U"()[]\\").find(text_[at + 1]) != text_.npos;
    add(literal ? text_.substr(at + 1, 1) : U"");
    if (!literal && notes_) notes_->add_at("a backslash that stands before no bracket is left out", text_, at);
    return literal ? at + 2 : at + 1;
  }

  void open(std::vector<Open>& stack, size_t at) {
    if (round_.size() + square_.size() >= kDeepestBrackets) fail_too_deep(at);
    stack.push_back({pieces_.size(), at});
  }

  void close(std::vector<Open>& stack, double factor, size_t at) {
    if (stack.empty()) {
      add(text_.substr(at, 1));
      if (notes_) notes_->add_at("a bracket closes that was not opened, and is drawn as text", text_, at);
      return;
    }
    multiply_from(stack.back().piece, factor);
    stack.pop_back();
  }

  /// ": number )" ends a round bracket with a weight; any other colon is text.
  size_t colon(size_t at) {
    const size_t begin = skip_blanks(text_, at + 1);
    size_t end = begin;
    if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
    const size_t digits = end;
    while (end < text_.size() && (text_[end] == '.' || (text_[end] >= '0' && text_[end] <= '9'))) ++end;
    const size_t closing = skip_blanks(text_, end);
    const bool closes = end > digits && closing < text_.size() && text_[closing] == ')';
    const std::optional<double> weight =
        closes ? decimal_number(text_.substr(begin, end - begin)) : std::optional<double>();
    if (weight && !round_.empty()) {
      multiply_from(round_.back().piece, *weight);
      round_.pop_back();
      return closing + 1;
    }
    if (weight) {  // the bracket was not opened: all of it is text
      if (notes_) notes_->add_at("a weight closes a bracket that was not opened, and is drawn as text", text_, at);
      add(text_.substr(at, closing + 1 - at));
      return closing + 1;
    }
    if (closes && notes_) notes_->add_at("what should be a weight is no number, and is drawn as text", text_, at);
    add(text_.substr(at, 1));
    return at + 1;
  }

  /// A run without brackets: BREAK as a whole word, with the blanks around it, parts it.
  void words(std::u32string_view run) {
    size_t begin = 0;
    for (size_t at; (at = find_whole_word(run, kBreak, begin)) != run.npos;) {
      size_t end = at;
      while (end > begin && is_blank(run[end - 1])) --end;
      add(run.substr(begin, end - begin));
      add(kBreak, true);
      begin = skip_blanks(run, at + kBreak.size());
    }
    add(run.substr(begin));
  }

  void note_open() {
    if (!notes_) return;
    for (const std::vector<Open>* stack : {&round_, &square_})
      for (const Open& open : *stack)
        notes_->add_at("a bracket is not closed, and applies to all that follows,", text_, open.place);
  }

  std::vector<Fragment> joined() const {
    std::vector<Fragment> fragments;
    for (const Piece& piece : pieces_) {
      if (!fragments.empty() && !piece.ends_chunk && !fragments.back().ends_chunk &&
          fragments.back().weight == piece.weight)
        fragments.back().text += encode_utf8(piece.text);
      else
        fragments.push_back({encode_utf8(piece.text), piece.weight, piece.ends_chunk});
    }
    return fragments;
  }

  std::u32string_view text_;
  PromptNotes* notes_;
  std::vector<Piece> pieces_;
  std::vector<Open> round_, square_;
};

/// A bracket that is a character looks like one of these while brackets are read; they have no other meaning.
constexpr char32_t kOpening = 0x110000, kClosing = 0x110001;

class ComfyReader {
 public:
  explicit ComfyReader(PromptNotes* notes) : notes_(notes) {}

  /// Every stretch of `text` that is in no bracket, and every bracket with what is in it.
  void read(std::u32string_view text, double weight, size_t depth, size_t place) {
    if (depth > kDeepestBrackets) fail_too_deep(place);
    int64_t open = 0;
    size_t begin = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '(' && open++ == 0) {
        take(text.substr(begin, i - begin), weight);
        begin = i;
      }
      if (text[i] == ')' && --open == 0) {
        bracket(text.substr(begin, i + 1 - begin), weight, depth, place + begin);
        begin = i + 1;
      }
    }
    if (open != 0 && notes_) notes_->add("a round bracket has no partner, and is drawn as text with what follows it");
    take(text.substr(begin), weight);
  }

  std::vector<Fragment> fragments;

 private:
  void take(std::u32string_view text, double weight) {
    if (text.empty()) return;
    std::u32string written(text);
    for (char32_t& c : written) c = c == kOpening ? U'(' : c == kClosing ? U')' : c;
    if (!fragments.empty() && fragments.back().weight == weight)
      fragments.back().text += encode_utf8(written);
    else
      fragments.push_back({encode_utf8(written), weight, false});
  }

  void bracket(std::u32string_view whole, double weight, size_t depth, size_t place) {
    // A closing bracket that nothing opened makes a later opening one count as its partner: then this is plain text.
    if (whole.size() < 2 || whole.front() != '(') return take(whole, weight);
    std::u32string_view inside = whole.substr(1, whole.size() - 2);
    weight *= 1.1;
    const size_t colon = inside.rfind(':');
    if (colon != inside.npos && colon > 0) {
      std::u32string_view number = inside.substr(skip_blanks(inside, colon + 1));
      while (!number.empty() && is_blank(number.back())) number.remove_suffix(1);
      if (const auto value = decimal_number(number)) {
        weight = *value;
        inside = inside.substr(0, colon);
      }
    }
    read(inside, weight, depth + 1, place + 1);
  }

  PromptNotes* notes_;
};

}  // namespace

std::vector<Fragment> read_emphasis(std::string_view prompt, PromptNotes* notes) {
  const std::u32string text = decode_utf8(prompt);
  return EmphasisReader(text, notes).read();
}

std::vector<Fragment> read_comfy_emphasis(std::string_view prompt, PromptNotes* notes) {
  const std::u32string decoded = decode_utf8(prompt);
  std::u32string text;
  text.reserve(decoded.size());
  for (size_t i = 0; i < decoded.size(); ++i) {
    const bool escapes = decoded[i] == '\\' && i + 1 < decoded.size();
    if (escapes && decoded[i + 1] == '(') {
      text.push_back(kOpening), ++i;
    } else if (escapes && decoded[i + 1] == ')') {
      text.push_back(kClosing), ++i;
    } else {
      text.push_back(decoded[i]);
    }
  }
  ComfyReader reader(notes);
  reader.read(text, 1, 0, 0);
  if (reader.fragments.empty()) reader.fragments.push_back({});
  return reader.fragments;
}

}  // namespace calotype
