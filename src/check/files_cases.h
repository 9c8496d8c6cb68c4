#pragma once

#include "check/kinds.h"
#include "check/reference.h"

namespace calotype::checker {

/// A folder of reference files: its index (topic -> rows), the sizes of its tiny model, and what the files' weights do.
struct FilesFolder {
  std::filesystem::path path;
  json index, config;
  ReferenceTensors effects;
};

// One topic or a few each; a folder may lack any of them.
void check_adapters(const FilesFolder& folder, Report& report);

}  // namespace calotype::checker
