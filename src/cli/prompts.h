#pragma once

#include <istream>
#include <string>
#include <vector>

#include "pipeline/request.h"

namespace calotype::cli {

/// All of stdin ("-"), or the text itself. Throws `bad_input` beyond 1 MB.
std::string prompt_text(const std::string& argument);

/// One request a line of a prompt file ("-": stdin), each a copy of `base`: empty lines and those that begin with '#'
/// are skipped; a line that begins with '{' is a JSON object of option names and values that overrule the command line.
/// Throws `bad_file` where the file cannot be read or is over 16 MB, `bad_input` naming the line.
std::vector<TextToImage> read_prompt_file(const std::string& path, const TextToImage& base);

}  // namespace calotype::cli
