#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "cli/output.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

bool is_switch(const Field& field) {
  return std::holds_alternative<bool*>(field.value);
}

const char* kind_of(const Field& field) {
  return std::visit(
      []<class T>(T*) {
        if constexpr (std::is_same_v<T, bool>) return "";
        if constexpr (std::is_same_v<T, int64_t>) return " N";
        if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>) return " X";
        if constexpr (std::is_same_v<T, std::vector<double>>) return " X,X,..";
        return " TEXT";
      },
      field.value);
}

/// Words of `text` in lines that begin in column `indent`, but for the first, and end before column 100.
std::string wrapped(const std::string& text, size_t indent) {
  std::string result;
  size_t column = indent, at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (column > indent && column + (end - at) > 100) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
    }
    result.append(text, at, end - at);
    column += end - at + 1;
    at = end + 1;
  }
  return result;
}

std::string help_of(const Field& field) {
  std::string left = "  ", spellings = field.options;
  for (size_t comma; (comma = spellings.find(',')) != std::string::npos; spellings.erase(0, comma + 1))
    left += spellings.substr(0, comma) + ", ";
  left += spellings + kind_of(field);
  std::string right = field.help;
  if (!field.choices.empty()) {
    right += ":";
    for (const std::string& choice : field.choices) right += " " + choice;
  }
  if (const std::string value = default_text(field); !value.empty()) right += fmt::format(" [{}]", value);
  constexpr size_t kColumn = 30;
  left += left.size() + 2 > kColumn ? '\n' + std::string(kColumn, ' ') : std::string(kColumn - left.size(), ' ');
  return left + wrapped(right, kColumn) + '\n';
}

/// "--name=" stands for an empty value, which CLI11 would look for in the next argument.
std::vector<std::string> with_empty_values(std::span<const std::string> arguments) {
  std::vector<std::string> result;
  bool options = true;
  for (const std::string& argument : arguments) {
    options = options && argument != "--";
    if (options && argument.size() > 3 && argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      result.push_back(argument.substr(0, argument.size() - 1));
      result.emplace_back();
    } else {
      result.push_back(argument);
    }
  }
  return result;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return printable(text, 300);
}

}  // namespace

void Options::add(const std::string& heading, std::vector<Field> fields) {
  const auto group = std::ranges::find(groups_, heading, &Group::heading);
  if (group == groups_.end()) {
    groups_.push_back({heading, std::move(fields)});
  } else {
    group->fields.insert(group->fields.end(), fields.begin(), fields.end());
  }
}

void Options::add_argument(const std::string& name, std::string& value, bool optional) {
  positional_.push_back({name, &value, optional});
}

std::vector<std::string> Options::spellings() const {
  std::vector<std::string> all{"--help"};
  for (const Group& group : groups_)
    for (const Field& field : group.fields)
      for (const std::string& spelling : CLI::detail::split(field.options, ','))
        if (spelling.starts_with("--")) all.push_back(spelling);
  return all;
}

bool Options::parse(std::span<const std::string> arguments) const {
  CLI::App app;
  given_.clear();
  for (const Group& group : groups_)
    for (const Field& field : group.fields) {
      const auto take = [this, &field](const std::string& text) {
        set(field, text);
        given_.push_back(field.name);
      };
      if (is_switch(field)) {
        app.add_flag_callback(field.options, [take] { take("true"); });
      } else {
        app.add_option_function<std::string>(field.options, take)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
    }
  for (const Argument& argument : positional_)
    app.add_option(argument.name, *argument.value)->required(!argument.optional);

  std::vector<std::string> reversed = with_empty_values(arguments);  // as CLI11 wants them
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    print_result(help());
    return false;
  } catch (const CLI::ExtrasError&) {
    std::vector<std::string> left = app.remaining();
    if (left.size() > 1 && left.front() == "--") left.erase(left.begin());  // it is kept among what is left
    const std::string word = left.empty() ? "" : left.front().substr(0, left.front().find('='));
    require(word.starts_with('-'), ErrorKind::bad_input, "{}: '{}' is one argument too many; see {} --help", command_,
            printable(word, 60), command_);
    const std::vector<std::string> near = nearest(word, spellings(), 1);
    fail(ErrorKind::bad_input, "{}: there is no such option; {} {} --help", printable(word, 60),
         near.empty() ? "see" : "did you mean " + near[0] + "? See", command_);
  } catch (const CLI::Error& error) {
    fail(ErrorKind::bad_input, "{}; see {} --help", one_line(error.what()), command_);
  }
  return true;
}

bool Options::given(const std::string& name) const {
  return std::ranges::count(given_, name) > 0;
}

std::string Options::help() const {
  std::string text = fmt::format("usage: {} [OPTIONS]{}{}\n\n{}\n", command_, arguments_.empty() ? "" : " ", arguments_,
                                 wrapped(description_, 0));
  for (const Group& group : groups_) {
    text += fmt::format("\n{}:\n", group.heading);
    for (const Field& field : group.fields) text += help_of(field);
  }
  if (!examples_.empty()) text += "\nExamples:\n";
  for (const std::string& example : examples_) text += "  " + example + '\n';
  return text;
}

}  // namespace calotype::cli
