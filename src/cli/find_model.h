#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/field.h"

namespace calotype::cli {

/// The model that is meant: a path; or the name of one in the folders of models, with or without ending, in any case,
/// or "NAME [10 digits of its hash]"; or, where `asked` is empty, the first in the alphabet among the files there that
/// hold a UNet. The user's folder comes before those of the bundled models; of what has the name in one of them, whole
/// models come before other files. Throws `bad_input` naming the candidates where there are still several, `bad_file`
/// naming where it looked, and similar names, where there is none.
std::filesystem::path find_model(const std::string& asked, const std::string& models_dir = {});

/// Where models may lie, first choice first, each folder once: the user's own, which is `models_dir`, or else
/// $CALOTYPE_MODELS; `models` of the source tree that the program was built in; `share/calotype/models` beside its
/// `bin`. Throws `bad_file` where `models_dir` is no folder.
std::vector<std::filesystem::path> model_folders(const std::string& models_dir = {});

/// The option for the user's folder.
Field models_dir_field(std::string& value);

}  // namespace calotype::cli
