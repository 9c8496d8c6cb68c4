#include "cli/machine.h"

#include <fstream>

namespace calotype::cli {

std::string line_of(const char* file, const std::string& key) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);)
    if (line.starts_with(key)) {
      const size_t colon = line.find(':');
      const size_t value = line.find_first_not_of(" \t", colon == std::string::npos ? line.size() : colon + 1);
      return value == std::string::npos ? "" : line.substr(value);
    }
  return "";
}

std::string processor_name() {
  return line_of("/proc/cpuinfo", "model name");
}

}  // namespace calotype::cli
