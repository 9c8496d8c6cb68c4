#pragma once

#include <map>
#include <memory>
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

  /// Fields under a heading in the help. A switch takes no value, a list of texts one or more,
  /// any other option one.
  void add(const std::string& heading, std::vector<Field> fields);
  /// What stands without a dash, in order; the last one may be left out where `optional`.
  void add_argument(const std::string& name, std::string& value, bool optional = false);
  void add_example(std::string line) { examples_.push_back(std::move(line)); }
  /// Options that the command line does not give come from the environment (CALOTYPE_ and the name in capitals), then
  /// from the file of `--config`, then from the user's own configuration file. A file may have keys of other commands.
  void add_configuration();

  /// Reads the arguments that follow the command. False where help, or the options in force, were asked for and given.
  /// Throws `bad_input`.
  bool parse(std::span<const std::string> arguments) const;
  /// Whether the last `parse` met this option, on the command line or in a configuration.
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
  void read_arguments(std::span<const std::string> arguments) const;
  const Field* field(const std::string& name) const;
  void take(const Field& field, const std::string& text, const std::string& origin) const;
  void take_environment() const;
  void take_file(const std::string& path) const;
  std::string in_force() const;

  std::string command_, description_, arguments_;
  std::vector<Group> groups_;
  std::vector<Argument> positional_;
  std::vector<std::string> examples_;
  mutable std::map<std::string, std::string> origins_;  // of the options that are given, by name
  struct Configuration {
    std::string file;
    bool dump = false;
  };
  std::shared_ptr<Configuration> configuration_;  // stays where it is when the options are moved; null: none is read
};

}  // namespace calotype::cli
