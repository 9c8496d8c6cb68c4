#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/mapped_file.h"
#include "cli/output.h"
#include "io/flat_toml.h"
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
        if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, std::optional<int64_t>>) return " N";
        if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>) return " X";
        if constexpr (std::is_same_v<T, std::vector<double>>) return " X,X,..";
        if constexpr (std::is_same_v<T, std::vector<std::string>>) return " TEXT..";
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

constexpr const char* kCommandLine = "command line";

struct HelpWanted {};

/// As TOML has it; what is not set is an empty word.
std::string value_text(const Field& field) {
  return std::visit(
      []<class T>(T* value) -> std::string {
        if constexpr (std::is_same_v<T, std::string>) return '"' + printable(*value, 4000) + '"';
        if constexpr (std::is_same_v<T, bool> || std::is_arithmetic_v<T>) return fmt::format("{}", *value);
        if constexpr (kIsOpenNumber<T>) return *value ? fmt::format("{}", **value) : "\"\"";
        if constexpr (std::is_same_v<T, std::vector<double>>) return fmt::format("\"{}\"", fmt::join(*value, ","));
        if constexpr (std::is_same_v<T, std::vector<std::string>>)
          return fmt::format("\"{}\"", printable(fmt::format("{}", fmt::join(*value, ",")), 4000));
      },
      field.value);
}

/// $XDG_CONFIG_HOME/calotype/config.toml, else below ~/.config; empty where there is none.
std::string user_configuration() {
  const char* base = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if ((!base || !*base) && (!home || !*home)) return "";
  const std::filesystem::path folder =
      base && *base ? std::filesystem::path(base) : std::filesystem::path(home) / ".config";
  const std::filesystem::path path = folder / "calotype" / "config.toml";
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) ? path.string() : "";
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

void Options::read_arguments(std::span<const std::string> arguments) const {
  CLI::App app;
  for (const Group& group : groups_)
    for (const Field& field : group.fields) {
      const auto take = [this, &field](const std::string& text) {
        set(field, text);
        origins_[field.name] = kCommandLine;
      };
      if (const auto* list = std::get_if<std::vector<std::string>*>(&field.value)) {
        app.add_option_function<std::vector<std::string>>(field.options,
                                                          [this, &field, list](const std::vector<std::string>& texts) {
                                                            **list = texts;
                                                            origins_[field.name] = kCommandLine;
                                                          })
            ->expected(1, positional_.empty() ? 1 << 20 : 1)  // else it would eat what stands without a dash
            ->allow_extra_args(positional_.empty())
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      } else if (is_switch(field)) {
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
    throw HelpWanted{};
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
}

void Options::add_configuration() {
  configuration_ = std::make_shared<Configuration>();
  add("Running", {{.name = "config",
                   .options = "--config",
                   .help = "a file of options, `name = value` a line, for those that are not given here",
                   .value = &configuration_->file},
                  {.name = "dump_config",
                   .options = "--dump-config",
                   .help = "say which options are in force and where each comes from, and do nothing",
                   .value = &configuration_->dump}});
}

const Field* Options::field(const std::string& name) const {
  for (const Group& group : groups_)
    if (const Field* found = find(group.fields, name)) return found;
  return nullptr;
}

void Options::take(const Field& field, const std::string& text, const std::string& origin) const {
  if (origins_.contains(field.name)) return;
  try {
    set(field, text);
  } catch (const Error& error) {
    fail(error.kind(), "{}: {}", printable(origin, 200), error.what());
  }
  origins_[field.name] = origin;
}

void Options::take_environment() const {
  for (const Group& group : groups_)
    for (const Field& field : group.fields) {
      std::string variable = "CALOTYPE_" + field.name;
      std::ranges::transform(variable, variable.begin(), [](unsigned char c) { return std::toupper(c); });
      if (const char* value = std::getenv(variable.c_str())) take(field, value, variable);
    }
}

void Options::take_file(const std::string& path) const {
  constexpr size_t kMostBytes = 1 << 20;
  const MappedFile file(path);
  require(file.bytes().size() <= kMostBytes, ErrorKind::bad_file, "{}: a configuration of over 1 MB is refused",
          printable(path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  for (const auto& [key, value] : parse_flat_toml(text, path)) {
    const Field* known = field(key);
    if (known && known->name != "config" && known->name != "dump_config")
      take(*known, std::visit([](const auto& any) { return fmt::format("{}", any); }, value), path);
  }
}

std::string Options::in_force() const {
  std::string text;
  for (const Group& group : groups_)
    for (const Field& field : group.fields) {
      const auto origin = origins_.find(field.name);
      if (field.name == "dump_config") continue;
      text += fmt::format("{} = {}  # {}\n", field.name, value_text(field),
                          origin == origins_.end() ? "default" : printable(origin->second, 200));
    }
  return text;
}

bool Options::parse(std::span<const std::string> arguments) const {
  origins_.clear();
  try {
    read_arguments(arguments);
  } catch (const HelpWanted&) {
    print_result(help());
    return false;
  }
  if (!configuration_) return true;
  take_environment();
  if (!configuration_->file.empty()) take_file(configuration_->file);
  if (const std::string own = user_configuration(); !own.empty()) take_file(own);
  if (configuration_->dump) print_result(in_force());
  return !configuration_->dump;
}

bool Options::given(const std::string& name) const {
  return origins_.contains(name);
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
