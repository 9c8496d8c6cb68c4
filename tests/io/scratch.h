#pragma once

#include <filesystem>
#include <string>

#include "support/scratch.h"

namespace calotype {

inline std::filesystem::path test_data(const std::string& name) {
  return std::filesystem::path(CALOTYPE_TEST_DATA) / "io" / name;
}

}  // namespace calotype
