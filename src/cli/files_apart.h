#pragma once

#include <span>
#include <string>

namespace calotype::cli {

/// A file as one of the options names it.
struct NamedFile {
  const char* option;
  std::string path;  // empty: none
};

/// Throws `bad_input` where two outputs are one file, or an output would replace what is read. Devices and pipes may
/// be named as often as one likes.
void require_apart(std::span<const NamedFile> outputs, std::span<const NamedFile> inputs);

}  // namespace calotype::cli
