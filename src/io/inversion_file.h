#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace calotype {

/// A textual inversion as a file holds it (Gal et al. 2022): vectors that stand for a word.
struct InversionFile {
  std::string name;    // the word that a prompt writes for it: the file's stem, of a card the name inside
  std::string inside;  // a name or token that the file itself gives; may be empty
  int64_t count = 0, width = 0;
  std::vector<float> values;  // [count, width]
};

/// Whether a file's ending is one that inversions have.
bool may_be_inversion(const std::filesystem::path& path);

/// Reads one, of whatever container: safetensors (the web interface's and diffusers'), a PyTorch pickle of either, a
/// PNG card with the vectors in its text or in its pixels. Throws `bad_file` naming the file: no vectors, more than one
/// word, numbers that are none, more than 75 vectors.
InversionFile read_inversion_file(const std::filesystem::path& path);

}  // namespace calotype
