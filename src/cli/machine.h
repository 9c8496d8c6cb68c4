#pragma once

#include <string>

namespace calotype::cli {

/// The value of a line "KEY : VALUE" of a file of the system's; empty where there is none.
std::string line_of(const char* file, const std::string& key);

/// What the processor calls itself.
std::string processor_name();

}  // namespace calotype::cli
