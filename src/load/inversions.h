#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "text/chunks.h"

namespace calotype {

/// A word that stands for vectors in a text tower's table (Gal et al. 2022, textual inversion).
struct Inversion {
  std::string name;                    // as listings have it
  std::vector<std::string> spellings;  // all that a prompt may write for it
  Tensor vectors;                      // [n, width], f32; n is at most what a chunk takes. None where it does not fit
  std::filesystem::path file = {};
  std::string misfit = {};  // why it cannot be used with the model: one line

  int64_t count() const { return vectors ? vectors.dim(0) : 1; }
};

/// Those that a model's prompts may name, in the order of `InversionNames`.
using Inversions = std::vector<Inversion>;

/// All files of a folder and of those in it, by name: STEM, the token inside, `embedding:STEM`. One that cannot be read
/// or is not `width` wide (0: any) is kept with its misfit, for a prompt that names it. Throws `bad_file` where this is
/// no folder.
Inversions read_inversions(const std::filesystem::path& folder, int64_t width);

/// One file. Throws `bad_file` naming it, and both widths where they differ.
Inversion read_inversion(const std::filesystem::path& file, int64_t width);

InversionNames names_of(const Inversions& inversions, const Tokenizer& tokenizer);

/// Throws `bad_file` where a prompt names one that does not fit.
void require_fitting(const ChunkedPrompt& prompt, const Inversions& inversions);

}  // namespace calotype
