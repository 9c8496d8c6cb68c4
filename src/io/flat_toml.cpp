#include "io/flat_toml.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_bare(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

int digit_of(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/// Appends a character as UTF-8.
void append_utf8(std::string& text, uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 63));
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 63));
    text += static_cast<char>(0x80 | (code & 63));
  } else {
    text += static_cast<char>(0xF0 | code >> 18);
    text += static_cast<char>(0x80 | (code >> 12 & 63));
    text += static_cast<char>(0x80 | (code >> 6 & 63));
    text += static_cast<char>(0x80 | (code & 63));
  }
}

/// The digits without the underscores between them; nothing where one stands elsewhere, or where there are no digits.
std::optional<std::string> digits(std::string_view text, int base) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      if (i == 0 || i + 1 == text.size() || text[i - 1] == '_') return std::nullopt;
    } else if (digit_of(text[i]) < base) {
      plain += text[i];
    } else {
      return std::nullopt;
    }
  }
  if (plain.empty()) return std::nullopt;
  return plain;
}

std::optional<int64_t> integer(std::string_view word) {
  int base = 10;
  const bool negative = word.starts_with('-'), sign = negative || word.starts_with('+');
  if (sign) word.remove_prefix(1);
  if (!sign && word.size() > 2 && word[0] == '0') {
    base = word[1] == 'x' ? 16 : word[1] == 'o' ? 8 : word[1] == 'b' ? 2 : 10;
    if (base != 10) word.remove_prefix(2);
  }
  const auto plain = digits(word, base);
  if (!plain || (base == 10 && plain->size() > 1 && plain->front() == '0')) return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + *plain;
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(signed_digits.data(), signed_digits.data() + signed_digits.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> real(std::string_view word) {
  const double sign = word.starts_with('-') ? -1 : 1;
  if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
  if (word == "inf") return sign * std::numeric_limits<double>::infinity();
  if (word == "nan") return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  const size_t exponent_at = std::min(word.find_first_of("eE"), word.size());
  const std::string_view mantissa = word.substr(0, exponent_at);
  const size_t point_at = mantissa.find('.');
  if (point_at == std::string_view::npos && mantissa.size() == word.size())
    return std::nullopt;  // an integer too large
  const auto whole = digits(mantissa.substr(0, point_at), 10);
  if (!whole || (whole->size() > 1 && whole->front() == '0')) return std::nullopt;
  std::string plain = *whole;
  if (point_at != std::string_view::npos) {
    const auto fraction = digits(mantissa.substr(point_at + 1), 10);
    if (!fraction) return std::nullopt;
    plain += '.' + *fraction;
  }
  if (exponent_at < word.size()) {
    std::string_view exponent = word.substr(exponent_at + 1);
    const bool negative = exponent.starts_with('-');
    if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
    const auto power = digits(exponent, 10);
    if (!power) return std::nullopt;
    plain += (negative ? "e-" : "e") + *power;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error != std::errc()) return std::nullopt;
  return sign * value;
}

/// One line, read from the left.
class Line {
 public:
  Line(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  /// Nothing but a comment remains.
  bool at_end() {
    skip_blanks();
    return text_.empty() || text_.front() == '#';
  }

  std::string key() {
    if (text_.front() == '[') refuse("tables are not read: the settings are flat");
    std::string name;
    if (text_.front() == '"' || text_.front() == '\'') {
      name = quoted();
    } else {
      const size_t end = std::min<size_t>(std::ranges::find_if_not(text_, is_bare) - text_.begin(), text_.size());
      if (end == 0) refuse("a key was expected, this is '{}'", printable(text_, 40));
      name = text_.substr(0, end);
      text_.remove_prefix(end);
    }
    skip_blanks();
    if (text_.starts_with('.')) refuse("{}: dotted keys are not read: the settings are flat", printable(name, 40));
    if (!text_.starts_with('=')) refuse("{}: '=' and a value were expected", printable(name, 40));
    text_.remove_prefix(1);
    return name;
  }

  TomlValue value() {
    skip_blanks();
    if (text_.starts_with('"') || text_.starts_with('\'')) return quoted();
    if (text_.starts_with('[') || text_.starts_with('{')) refuse("lists and tables are not read as values");
    const size_t end = std::min(text_.find_first_of(" \t#"), text_.size());
    const std::string_view word = text_.substr(0, end);
    text_.remove_prefix(end);
    if (word == "true") return true;
    if (word == "false") return false;
    if (const auto number = integer(word)) return *number;
    if (const auto number = real(word)) return *number;
    refuse("a number, a word in quotes, true or false was expected, this is '{}'", printable(word, 40));
  }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::bad_file, "{}: {}", where_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  std::string quoted() {
    const char quote = text_.front();
    if (text_.starts_with("\"\"\"") || text_.starts_with("'''")) refuse("words of several lines are not read");
    text_.remove_prefix(1);
    std::string word;
    while (!text_.empty() && text_.front() != quote) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '\\' && quote == '"')
        escape(word);
      else
        word += c;
    }
    if (text_.empty()) refuse("the closing {} is missing", quote);
    text_.remove_prefix(1);
    return word;
  }

  void escape(std::string& word) {
    constexpr std::string_view kNames = "btnfr\"\\", kMeanings = "\b\t\n\f\r\"\\";
    const char name = text_.empty() ? '\0' : text_.front();
    if (!text_.empty()) text_.remove_prefix(1);
    const size_t length = name == 'u' ? 4 : name == 'U' ? 8 : 0;
    if (length == 0) {
      const size_t found = name == '\0' ? std::string_view::npos : kNames.find(name);
      if (found == std::string_view::npos) refuse("an unknown escape after a backslash");
      word += kMeanings[found];
      return;
    }
    uint32_t code = text_.size() < length ? 0x110000 : 0;
    for (size_t i = 0; i < length && code < 0x110000; ++i)
      code = digit_of(text_[i]) < 16 ? code * 16 + static_cast<uint32_t>(digit_of(text_[i])) : 0x110000;
    if (code >= 0x110000 || (code >= 0xD800 && code < 0xE000)) refuse("\\{} does not name a character", name);
    append_utf8(word, code);
    text_.remove_prefix(length);
  }

  std::string_view text_;
  std::string where_;
};

}  // namespace

std::map<std::string, TomlValue> parse_flat_toml(std::string_view text, std::string_view where) {
  require(is_utf8(text), ErrorKind::bad_file, "{}: no TOML: it is not UTF-8", where);
  std::map<std::string, TomlValue> values;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.ends_with('\r')) content.remove_suffix(1);

    Line line(content, fmt::format("{}: line {}", where, number));
    const auto is_control = [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; };
    if (std::ranges::any_of(content, is_control)) line.refuse("no TOML: a control character");
    if (line.at_end()) continue;
    const std::string key = line.key();
    const bool fresh = values.emplace(key, line.value()).second;
    if (!fresh) line.refuse("{}: it stands here a second time", printable(key, 40));
    if (!line.at_end()) line.refuse("{}: the end of the line was expected after its value", printable(key, 40));
  }
  return values;
}

}  // namespace calotype
