#include "pipeline/field.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

/// The whole text as a number; nothing where it is none, or where it does not fit.
template <class T>
std::optional<T> number_from(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string plain_number(double value) {
  return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

std::string range_text(const Field& field) {
  return fmt::format("{} .. {}", plain_number(field.low), plain_number(field.high));
}

template <class T>
void set_number(const Field& field, T& value, std::string_view text) {
  const auto number = number_from<T>(text);
  require(number.has_value(), ErrorKind::bad_input, "{}: '{}' is not a {} in {}", field.name, printable(text, 40),
          std::is_integral_v<T> ? "whole number" : "number", range_text(field));
  value = *number;
  check_range(field);
}

void set_list(const Field& field, std::vector<double>& values, std::string_view text) {
  values.clear();
  while (true) {
    const size_t comma = text.find(',');
    std::string_view entry = text.substr(0, comma);
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    const auto number = number_from<double>(entry);
    require(number.has_value(), ErrorKind::bad_input, "{}: '{}' is not a number; give numbers with commas between",
            field.name, printable(entry, 40));
    values.push_back(*number);
    if (comma == std::string_view::npos) return check_range(field);
    text.remove_prefix(comma + 1);
  }
}

bool in_range(const Field& field, double value) {
  return value >= field.low && value <= field.high;  // false for a value that is not a number
}

std::string plain(std::string_view name) {
  std::string result(name.substr(std::min(name.find_first_not_of('-'), name.size())));
  std::replace(result.begin(), result.end(), '-', '_');
  return result;
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(last, row);
  }
  return last[b.size()];
}

}  // namespace

void set(const Field& field, std::string_view text) {
  std::visit(
      [&]<class T>(T* value) {
        if constexpr (std::is_same_v<T, std::string>) {
          *value = text;
        } else if constexpr (std::is_same_v<T, bool>) {
          const bool on = text == "true" || text == "1" || text == "on" || text == "yes";
          require(on || text == "false" || text == "0" || text == "off" || text == "no", ErrorKind::bad_input,
                  "{}: '{}' is neither true nor false", field.name, printable(text, 40));
          *value = on;
        } else if constexpr (std::is_same_v<T, std::vector<double>>) {
          set_list(field, *value, text);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          value->emplace_back(text);
        } else if constexpr (kIsOpenNumber<T>) {
          set_number(field, value->emplace(), text);
        } else {
          set_number(field, *value, text);
        }
      },
      field.value);
}

void check_range(const Field& field) {
  std::visit(
      [&]<class T>(T* value) {
        const auto in = [&](auto number) {
          require(in_range(field, static_cast<double>(number)), ErrorKind::bad_input, "{}: {} is outside of {}",
                  field.name, number, range_text(field));
        };
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) in(*value);
        if constexpr (std::is_same_v<T, std::vector<double>>) std::for_each(value->begin(), value->end(), in);
        if constexpr (kIsOpenNumber<T>)
          if (*value) in(**value);
      },
      field.value);
}

std::string default_text(const Field& field) {
  return std::visit(
      [&]<class T>(T* value) -> std::string {
        if constexpr (kIsOpenNumber<T>)
          if (*value) return plain_number(static_cast<double>(**value));
        if (!field.unset.empty()) return field.unset;
        if constexpr (std::is_same_v<T, std::string>) return *value;
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
          return plain_number(static_cast<double>(*value));
        return {};
      },
      field.value);
}

const Field* find(const std::vector<Field>& fields, std::string_view name) {
  const std::string wanted = plain(name);
  for (const Field& field : fields) {
    if (plain(field.name) == wanted) return &field;
    std::string_view rest = field.options;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      if (plain(rest.substr(0, comma)) == wanted) return &field;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return nullptr;
}

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& words, size_t most) {
  const std::string_view short_word = word.substr(0, 64);
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const std::string& other : words) {
    const size_t away = distance(short_word, other);
    if (away <= std::max<size_t>(2, other.size() / 3)) ranked.emplace_back(away, other);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> result;
  for (size_t i = 0; i < std::min(most, ranked.size()); ++i) result.push_back(ranked[i].second);
  return result;
}

}  // namespace calotype
