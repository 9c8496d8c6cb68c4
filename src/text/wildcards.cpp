#include "text/wildcards.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/random.h"

namespace calotype {
namespace {

constexpr size_t kMostBytes = 64 << 10, kDeepest = 16, kMostChoices = 20'000, kMostTogether = 1000;
constexpr size_t kMostWork = 100'000'000;  // choices looked at, which takes a second
constexpr uint32_t kStream = 0x57494C44;   // apart from whatever else the seed is used for

struct Choice {
  std::string_view text;
  double weight = 1;
};

/// What stands in braces: {from-to$$between$$choices}.
struct Braces {
  int64_t from = 1, to = 1;
  std::string between = ", ";
  std::vector<Choice> choices;
};

/// The end of a wildcard's name that begins at `begin`, or npos: "name__".
size_t name_end(std::string_view text, size_t begin) {
  constexpr size_t kLongest = 200;
  const size_t end = text.substr(0, std::min(text.size(), begin + kLongest)).find("__", begin);
  if (end == text.npos || end == begin) return text.npos;
  const std::string_view name = text.substr(begin, end - begin);
  return name.find_first_of("\n\r\t{}|(),:<>\"'\\") == name.npos ? end : text.npos;
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

class Writer {
 public:
  Writer(uint64_t seed, const WildcardLines& lines) : seed_(seed), lines_(lines) {}

  std::string out;

  /// Writes `text` out; `address` says where it stands, whatever was chosen elsewhere.
  void write(std::string_view text, uint64_t address, size_t depth) {
    const std::map<size_t, size_t> closings = closing_braces(text);
    for (size_t at = 0; at < text.size();) {
      const size_t next = std::min(text.find_first_of("{_\\", at), text.size());
      append(text.substr(at, next - at));
      if (next == text.size()) return;
      at = thing(text, next, address * 0x9E3779B97F4A7C15U + next + 1, depth, closings);
    }
  }

 private:
  void append(std::string_view text) {
    require(out.size() + text.size() <= kMostBytes, ErrorKind::bad_input, "wildcards: the prompt grows over {} bytes",
            kMostBytes);
    out += text;
  }

  void count_choice(size_t depth) {
    require(depth < kDeepest, ErrorKind::bad_input,
            "wildcards: {} are nested more than {} deep; does one of them lead back to itself?",
            chain_.empty() ? "braces" : chain_, kDeepest);
    require(++choices_ <= kMostChoices, ErrorKind::bad_input, "wildcards: more than {} choices in one prompt",
            kMostChoices);
  }

  /// Reads what stands at `at`, and returns where the text goes on.
  size_t thing(std::string_view text, size_t at, uint64_t address, size_t depth,
               const std::map<size_t, size_t>& closings) {
    if (text[at] == '\\') {
      const bool literal = at + 1 < text.size() && std::string_view("{}|_").find(text[at + 1]) != text.npos;
      append(text.substr(literal ? at + 1 : at, 1));
      return at + (literal ? 2 : 1);
    }
    if (text[at] == '_') {
      const size_t end = text.substr(at).starts_with("__") ? name_end(text, at + 2) : text.npos;
      if (end == text.npos) {
        append("_");
        return at + 1;
      }
      count_choice(depth);
      wildcard(std::string(text.substr(at + 2, end - at - 2)), address, depth);
      return end + 2;
    }
    const auto end = closings.find(at);
    if (end == closings.end()) {
      append("{");
      return at + 1;
    }
    count_choice(depth);
    braces(text.substr(at + 1, end->second - at - 1), address, depth);
    return end->second + 1;
  }

  void wildcard(const std::string& name, uint64_t address, size_t depth) {
    const std::vector<std::string>& lines = lines_(name);
    CounterRng random(seed_, kStream, address);
    follow(lines[random.below(lines.size())], name, address, depth);
  }

  /// Writes a line of a wildcard out; messages name the way that led there.
  void follow(const std::string& line, const std::string& name, uint64_t address, size_t depth) {
    const std::string before = chain_;
    if (chain_.size() < 80) chain_ += (chain_.empty() ? "" : " > ") + ("__" + name + "__");
    write(line, address, depth + 1);
    chain_ = before;
  }

  /// Where the brace that opens at a place closes.
  static std::map<size_t, size_t> closing_braces(std::string_view text) {
    std::map<size_t, size_t> closings;
    std::vector<size_t> open;
    for (size_t i = text.find_first_of("{}\\"); i < text.size(); i = text.find_first_of("{}\\", i + 1)) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == '{') {
        open.push_back(i);
      } else if (!open.empty()) {
        closings[open.back()] = i;
        open.pop_back();
      }
    }
    return closings;
  }

  static Braces read(std::string_view inside) {
    Braces braces;
    if (const size_t money = inside.find("$$"); money != inside.npos) {
      const std::string_view count = inside.substr(0, money);
      const size_t dash = count.find('-');
      const auto from = whole_number(count.substr(0, dash));
      const auto to = dash == count.npos ? from : whole_number(count.substr(dash + 1));
      if (from && to && *from <= *to) {
        braces.from = *from;
        braces.to = *to;
        inside.remove_prefix(money + 2);
        const size_t second = inside.find("$$");
        if (second != inside.npos && inside.substr(0, second).find_first_of("{}|") == inside.npos) {
          braces.between = inside.substr(0, second);
          inside.remove_prefix(second + 2);
        }
      }
    }
    int64_t depth = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= inside.size(); ++i) {
      const char c = i < inside.size() ? inside[i] : '|';
      if (c == '\\' && i < inside.size()) {
        ++i;
      } else if (c == '{') {
        ++depth;
      } else if (c == '}') {
        --depth;
      } else if (c == '|' && (depth == 0 || i == inside.size())) {
        braces.choices.push_back(choice_of(inside.substr(begin, i - begin)));
        begin = i + 1;
      }
    }
    return braces;
  }

  static Choice choice_of(std::string_view text) {
    const size_t colons = text.find("::");
    if (colons == text.npos) return {text};
    double weight = 0;
    std::string_view number = text.substr(0, colons);
    number.remove_prefix(std::min(number.find_first_not_of(' '), number.size()));
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
    const bool whole = !number.empty() && error == std::errc() && end == number.data() + number.size();
    return whole && weight >= 0 && weight < 1e12 ? Choice{text.substr(colons + 2), weight} : Choice{text};
  }

  void braces(std::string_view inside, uint64_t address, size_t depth) {
    Braces braces = read(inside);
    std::string name;
    const std::string_view only = braces.choices[0].text;
    if (braces.choices.size() == 1 && only.starts_with("__") && name_end(only, 2) == only.size() - 2) {
      name = only.substr(2, only.size() - 4);  // several lines of one wildcard
      braces.choices.clear();
      for (const std::string& line : lines_(name)) braces.choices.push_back({line});
    }
    CounterRng random(seed_, kStream, address);
    const auto span = static_cast<uint64_t>(braces.to - braces.from);
    auto count = static_cast<uint64_t>(braces.from) + (span > 0 ? random.below(span + 1) : 0);
    count = std::min<uint64_t>({count, braces.choices.size(), kMostTogether});
    work_ += (count + 1) * braces.choices.size();
    require(work_ <= kMostWork, ErrorKind::bad_input, "wildcards: the prompt chooses too often among too many lines");
    for (uint64_t taken = 0; taken < count; ++taken) {
      const size_t index = chosen(braces.choices, random);
      const Choice choice = braces.choices[index];
      braces.choices.erase(braces.choices.begin() + static_cast<int64_t>(index));
      if (taken > 0) append(braces.between);
      const uint64_t place = address + (taken + 1) * 0xD1B54A32D192ED03U;
      if (name.empty())
        write(choice.text, place, depth + 1);
      else
        follow(std::string(choice.text), name, place, depth);
      count_choice(depth);
    }
  }

  static size_t chosen(const std::vector<Choice>& choices, CounterRng& random) {
    double total = 0;
    for (const Choice& choice : choices) total += choice.weight;
    double left = random.uniform64() * total;
    for (size_t i = 0; i < choices.size(); ++i) {
      left -= choices[i].weight;
      if (left < 0) return i;
    }
    return choices.size() - 1;
  }

  uint64_t seed_;
  const WildcardLines& lines_;
  size_t choices_ = 0, work_ = 0;
  std::string chain_;
};

}  // namespace

std::string write_out(std::string_view prompt, uint64_t seed, const WildcardLines& lines) {
  require(prompt.size() <= kMostBytes, ErrorKind::bad_input, "wildcards: a template has at most {} bytes, not {}",
          kMostBytes, prompt.size());
  Writer writer(seed, lines);
  writer.write(prompt, 0, 0);
  return std::move(writer.out);
}

bool is_template(std::string_view prompt) {
  return prompt.find('{') != prompt.npos || prompt.find("__") != prompt.npos;
}

}  // namespace calotype
