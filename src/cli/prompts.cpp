#include "cli/prompts.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "base/error.h"
#include "io/json.h"
#include "io/printable.h"
#include "text/wildcards.h"

namespace calotype::cli {
namespace {

constexpr size_t kMostPrompt = 1 << 20, kMostFile = 16 << 20, kMostFinished = 256 << 20;

/// Up to `most` bytes, and one more where there are more.
std::string read_some(std::istream& stream, size_t most) {
  std::string text(most + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

/// A JSON value as the command line would have it.
std::string option_text(const nlohmann::json& value, const std::string& name) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::string list;
    for (const auto& entry : value) list += (list.empty() ? "" : ",") + entry.dump();
    return list;
  }
  require(value.is_number() || value.is_boolean(), ErrorKind::bad_input, "{}: a number, a text or a list is expected",
          printable(name, 40));
  return value.dump();
}

std::vector<std::pair<std::string, std::string>> values_of(const std::string& line) {
  if (!line.starts_with('{')) return {{"prompt", line}};
  nlohmann::json object;
  try {
    object = parse_json(line, "a JSON object");
  } catch (const Error& error) {
    fail(ErrorKind::bad_input, "{}", error.what());
  }
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& [name, value] : object.items()) values.emplace_back(name, option_text(value, name));
  return values;
}

}  // namespace

std::string prompt_text(const std::string& argument) {
  if (argument != "-") return argument;
  std::string text = read_some(std::cin, kMostPrompt);
  require(text.size() <= kMostPrompt, ErrorKind::bad_input, "prompt: standard input holds more than {} bytes",
          kMostPrompt);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

int64_t random_seed() {
  return std::random_device()();
}

std::vector<PromptLine> read_prompt_file(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    std::error_code error;
    require(!std::filesystem::is_directory(path, error), ErrorKind::bad_file, "{}: a folder, not a file of prompts",
            printable(path));
    file.open(path, std::ios::binary);
    require(file.is_open(), ErrorKind::bad_file, "{}: cannot be opened: {}", printable(path), std::strerror(errno));
  }
  const std::string text = read_some(path == "-" ? std::cin : file, kMostFile);
  require(text.size() <= kMostFile, ErrorKind::bad_file, "{}: a prompt file has at most {} bytes", printable(path),
          kMostFile);
  std::vector<PromptLine> found;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const std::string where = fmt::format("{}:{}", path, number);
    try {
      found.push_back({where, values_of(line)});
    } catch (const Error& error) {
      fail(error.kind(), "{}: {}", printable(where), error.what());
    }
  }
  require(!found.empty(), ErrorKind::bad_input, "{}: there is no prompt in it", printable(path));
  return found;
}

void overrule(const PromptLine& line, const std::vector<Field>& table) {
  try {
    for (const auto& [name, value] : line.values) {
      const Field* field = find(table, name);
      require(field != nullptr, ErrorKind::bad_input, "there is no option '{}'", printable(name, 40));
      set(*field, value);
    }
  } catch (const Error& error) {
    fail(error.kind(), "{}: {}", printable(line.where), error.what());
  }
}

void PromptFinisher::finish(TextToImage& request) {
  if (!request.style.empty()) {
    require(!request.styles.empty(), ErrorKind::bad_input, "style: name the file that holds it with --styles FILE");
    const auto known = styles_.find(request.styles);
    const std::vector<Style>& styles =
        known != styles_.end() ? known->second : styles_[request.styles] = read_styles(request.styles);
    for (const std::string& name : request.style) {
      const Style& style = style_named(styles, name);
      request.prompt = styled(request.prompt, style.prompt);
      request.negative_prompt = styled(request.negative_prompt, style.negative_prompt);
    }
  }
  if (request.wildcards.empty()) return;
  WildcardFolder& folder = wildcards_.try_emplace(request.wildcards, request.wildcards).first->second;
  const auto lines = [&](const std::string& name) -> const std::vector<std::string>& { return folder.lines(name); };
  if (!is_template(request.prompt) && !is_template(request.negative_prompt)) return;
  const int64_t first = request.wildcard_seed < 0 ? request.seed : request.wildcard_seed;
  size_t bytes = 0;
  for (int64_t i = 0; i < request.batch_count; ++i) {
    const auto seed = static_cast<uint64_t>(first + i);
    request.wildcard_seeds.push_back(first + i);
    request.prompts.push_back(write_out(request.prompt, seed, lines));
    request.negative_prompts.push_back(write_out(request.negative_prompt, seed, lines));
    bytes += request.prompts.back().size() + request.negative_prompts.back().size();
    require(bytes <= kMostFinished, ErrorKind::bad_input,
            "wildcards: the prompts of {} pictures take more than {} bytes", request.batch_count, kMostFinished);
  }
}

}  // namespace calotype::cli
