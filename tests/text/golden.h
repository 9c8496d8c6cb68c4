#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace calotype {

inline nlohmann::json read_golden(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(std::string(CALOTYPE_TEST_DATA) + "/text/" + name));
}

}  // namespace calotype
