#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// Words that go with many prompts, under a name.
struct Style {
  std::string name, prompt, negative_prompt;
};

/// Reads the web interface's styles.csv: a line of headings (name, prompt, negative_prompt, in any order; `text` for an
/// older prompt), then a style a line; fields in double quotes may hold commas, quotes (doubled) and line ends. Throws
/// `bad_file` naming `where` and line.
std::vector<Style> parse_styles(std::string_view text, std::string_view where);

/// The same from a file of at most 16 MB.
std::vector<Style> read_styles(const std::filesystem::path& file);

/// Throws `bad_input` with the names that there are.
const Style& style_named(const std::vector<Style>& styles, std::string_view name);

/// `words` of a style laid on a prompt: {prompt} in them is replaced by it, else they follow it after a comma.
std::string styled(std::string_view prompt, std::string_view words);

}  // namespace calotype
