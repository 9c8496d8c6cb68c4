#include "text/styles.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "text/unicode.h"

namespace calotype {
namespace {

constexpr size_t kMostBytes = 16 << 20;
constexpr std::string_view kPlace = "{prompt}";

std::string shown(std::string_view text) {
  std::string safe = encode_utf8(decode_utf8(text.substr(0, 80)));
  for (char& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return safe;
}

/// Rows of fields (RFC 4180).
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  /// The next row that is not empty; false at the end.
  bool next(std::vector<std::string>& row) {
    while (at_ < text_.size()) {
      row = {field()};
      while (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        row.push_back(field());
      }
      row_line_ = line_;
      end_of_line();
      if (row.size() > 1 || !row[0].empty()) return true;
    }
    return false;
  }

  /// Where the last row ended.
  size_t line() const { return row_line_; }

 private:
  std::string field() {
    if (at_ >= text_.size() || text_[at_] != '"') {
      const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      const std::string_view plain = text_.substr(at_, end - at_);
      at_ = end;
      return std::string(plain);
    }
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        value += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        value += text_[++at_];
      } else {
        ++at_;
        require(at_ == text_.size() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n',
                ErrorKind::bad_file, "{}:{}: a comma or a line end was expected after the closing quote", shown(where_),
                line_);
        return value;
      }
    }
    fail(ErrorKind::bad_file, "{}:{}: a quote is not closed", shown(where_), line_);
  }

  void end_of_line() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  std::string_view text_, where_;
  size_t at_ = 0, line_ = 1, row_line_ = 1;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

}  // namespace

std::vector<Style> parse_styles(std::string_view text, std::string_view where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  CsvReader reader(text, where);
  std::vector<std::string> row;
  require(reader.next(row), ErrorKind::bad_file, "{}: a line of headings was expected: name,prompt,negative_prompt",
          shown(where));
  const auto column = [&](std::string_view heading) {
    return static_cast<size_t>(
        std::ranges::find_if(row, [&](const std::string& field) { return trimmed(field) == heading; }) - row.begin());
  };
  const size_t name = column("name"), negative = column("negative_prompt");
  const size_t prompt = std::min(column("prompt"), column("text"));
  require(name < row.size() && prompt < row.size(), ErrorKind::bad_file,
          "{}:1: the headings name,prompt,negative_prompt were expected", shown(where));
  std::vector<Style> styles;
  while (reader.next(row)) {
    require(name < row.size() && !trimmed(row[name]).empty(), ErrorKind::bad_file, "{}:{}: a style has no name",
            shown(where), reader.line());
    const auto value = [&](size_t at) { return at < row.size() ? row[at] : std::string(); };
    styles.push_back({std::string(trimmed(row[name])), value(prompt), value(negative)});
  }
  return styles;
}

std::vector<Style> read_styles(const std::filesystem::path& file) {
  std::error_code error;
  std::ifstream stream;
  if (std::filesystem::is_regular_file(file, error)) stream.open(file, std::ios::binary);
  require(stream.is_open(), ErrorKind::bad_file, "{}: a file of styles was expected", shown(file.string()));
  std::string text(kMostBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  require(text.size() <= kMostBytes, ErrorKind::bad_file, "{}: a file of styles has at most {} bytes",
          shown(file.string()), kMostBytes);
  return parse_styles(text, file.string());
}

const Style& style_named(const std::vector<Style>& styles, std::string_view name) {
  const auto found = std::ranges::find(styles, name, &Style::name);
  if (found != styles.end()) return *found;
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(styles.size(), 12); ++i)
    names += (i == 0 ? "" : ", ") + shown(styles[i].name);
  fail(ErrorKind::bad_input, "style: there is none named '{}'; there {}{}", shown(name),
       names.empty() ? "are none" : "are " + names, styles.size() > 12 ? ", .." : "");
}

std::string styled(std::string_view prompt, std::string_view words) {
  constexpr size_t kMost = 1 << 20;
  std::string text;
  if (const size_t place = words.find(kPlace); place != words.npos) {
    size_t at = 0;
    for (size_t next = place; next != words.npos; next = words.find(kPlace, at)) {
      text.append(words, at, next - at).append(prompt);
      at = next + kPlace.size();
      require(text.size() <= kMost, ErrorKind::bad_input, "style: the prompt grows over {} bytes", kMost);
    }
    return text.append(words.substr(at));
  }
  const std::string_view before = trimmed(prompt), after = trimmed(words);
  text.append(before);
  if (!before.empty() && !after.empty()) text += ", ";
  return text.append(after);
}

}  // namespace calotype
