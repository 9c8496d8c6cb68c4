#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipeline/field.h"

namespace calotype::cli {

/// The options of one command: a thin layer over CLI11 that is fed with tables of fields, and writes the help.
class Options {
 public:
  /// `arguments` is what stands behind the options in the usage line.
  Options(std::string command, std::string description, std::string arguments = "")
      : command_(std::move(command)), description_(std::move(description)), arguments_(std::move(arguments)) {}

  /// Fields under a heading in the help. A switch takes no value, any other option one.
  void add(const std::string& heading, std::vector<Field> fields);
  /// What stands without a dash, in order; the last one may be left out where `optional`.
  void add_argument(const std::string& name, std::string& value, bool optional = false);
  void add_example(std::string line) { examples_.push_back(std::move(line)); }

  /// Reads the arguments that follow the command. False where help was asked for and given. Throws `bad_input`.
  bool parse(std::span<const std::string> arguments) const;
  /// Whether the last `parse` met this option.
  bool given(const std::string& name) const;
  std::string help() const;

 private:
  struct Group {
    std::string heading;
    std::vector<Field> fields;
  };
  struct Argument {
    std::string name;
    std::string* value;
    bool optional;
  };
  std::vector<std::string> spellings() const;

  std::string command_, description_, arguments_;
  std::vector<Group> groups_;
  std::vector<Argument> positional_;
  std::vector<std::string> examples_;
  mutable std::vector<std::string> given_;
};

}  // namespace calotype::cli
