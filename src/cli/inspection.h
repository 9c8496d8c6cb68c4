#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace calotype::cli {

/// One network of a file or folder.
struct PartReport {
  std::string name, where;  // "UNet", "autoencoder", "text tower", "depth net" ...; its file or folder
  std::string layout, configuration;
  int64_t tensors = 0, parameters = 0;
  std::map<std::string, int64_t> types;  // tensors of each stored type
  std::vector<std::string> missing;      // names in the file's own words
};

/// What a file or folder holds.
struct Inspection {
  std::string path, kind;
  std::string container;  // of a file of weights
  int64_t bytes = 0;
  std::vector<PartReport> parts;
  std::string prediction, prediction_source;  // of a whole model
  std::string noise;
  int64_t native_size = 0;
  std::string problem;                          // why nothing can be drawn with it; empty where it can
  std::map<std::string, int64_t> not_a_number;  // tensor -> how many of its values are none
  std::vector<std::string> left_over;           // tensors that belong to no network known here
  std::map<std::string, std::string> metadata;  // of a file of weights
  std::string parameters;                       // of a picture: the request in it
};

/// Throws `bad_file` for what is neither weights nor a picture.
Inspection inspect_path(const std::filesystem::path& path);

/// Looks at every weight of a file or folder. Throws `bad_file` naming a tensor with values that are no numbers.
void require_numbers(const std::filesystem::path& path);

std::string to_text(const Inspection& found);
std::string to_json(const Inspection& found);

}  // namespace calotype::cli
