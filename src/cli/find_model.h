#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace calotype::cli {

/// The model to draw with: a path; or the name of one in the folders of models, with or without ending, in any case, or
/// "NAME [10 digits of its hash]" (several that fit are `bad_input`); or, where `asked` is empty,
/// the first in the alphabet among the bundled files that hold a UNet. Bundled models are looked for in
/// $CALOTYPE_MODELS, in `models` of the source tree that the program was built in, and in `share/calotype/models`
/// beside its `bin`. Throws `bad_file` naming where it looked.
std::filesystem::path find_model(const std::string& asked);

/// Where bundled models may lie, first choice first.
std::vector<std::filesystem::path> model_folders();

}  // namespace calotype::cli
