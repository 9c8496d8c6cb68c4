#include "cli/image_prompts.h"

#include <charconv>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "io/picture.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

/// The file and the weight behind its last colon; a file whose own name has the colon is taken as it is.
std::pair<std::string, double> split(const std::string& text) {
  std::error_code error;
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || std::filesystem::exists(text, error)) return {text, 1};
  const std::string number = text.substr(colon + 1);
  double weight = 0;
  const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), weight);
  require(problem == std::errc{} && end == number.data() + number.size(), ErrorKind::bad_input,
          "image_prompt: {}: there is no such file, and '{}' behind the colon is no weight", printable(text),
          printable(number, 40));
  return {text.substr(0, colon), weight};
}

}  // namespace

void ImagePromptOptions::add_to(Options& options) {
  std::vector<Field> table = image_prompt_fields(noise_level);
  table.insert(table.begin(),
               {.name = "image_prompt",
                .options = "--image-prompt",
                .help = "draw what this picture shows, by a model that can be shown some (unCLIP): FILE, "
                        "or FILE:WEIGHT beside others; may be given several times",
                .value = &asked});
  options.add("Picture", std::move(table));
}

std::vector<NamedFile> ImagePromptOptions::files() const {
  std::vector<NamedFile> files;
  for (const std::string& text : asked) files.push_back({"image_prompt", split(text).first});
  return files;
}

std::vector<ImagePrompt> ImagePromptOptions::read() const {
  std::vector<ImagePrompt> pictures;
  for (const std::string& text : asked) {
    const auto [path, weight] = split(text);
    pictures.push_back({on_white(read_image(path)), weight});
  }
  return pictures;
}

}  // namespace calotype::cli
