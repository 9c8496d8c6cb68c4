#include "cli/prompts.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "io/json.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

constexpr size_t kMostPrompt = 1 << 20, kMostFile = 16 << 20;

/// Up to `most` bytes, and one more where there are more.
std::string read_some(std::istream& stream, size_t most) {
  std::string text(most + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

/// A JSON value as the command line would have it.
std::string text_of(const nlohmann::json& value, const std::string& name) {
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

void overrule(TextToImage& request, const std::string& line, const std::string& where) {
  nlohmann::json object;
  try {
    object = parse_json(line, where);
  } catch (const Error& error) {
    fail(ErrorKind::bad_input, "{}", error.what());
  }
  const std::vector<Field> table = fields(request);
  for (const auto& [name, value] : object.items()) {
    const Field* field = find(table, name);
    require(field != nullptr, ErrorKind::bad_input, "there is no option '{}'", printable(name, 40));
    set(*field, text_of(value, name));
  }
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

std::vector<TextToImage> read_prompt_file(const std::string& path, const TextToImage& base) {
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
  std::vector<TextToImage> requests;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    TextToImage request = base;
    const std::string where = fmt::format("{}:{}", path, number);
    try {
      line.starts_with('{') ? overrule(request, line, "a JSON object") : void(request.prompt = line);
    } catch (const Error& error) {
      fail(error.kind(), "{}: {}", printable(where), error.what());
    }
    requests.push_back(std::move(request));
  }
  require(!requests.empty(), ErrorKind::bad_input, "{}: there is no prompt in it", printable(path));
  return requests;
}

}  // namespace calotype::cli
