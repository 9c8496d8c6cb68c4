#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/request.h"
#include "text/styles.h"
#include "text/wildcard_folder.h"

namespace calotype::cli {

/// All of stdin ("-"), or the text itself. Throws `bad_input` beyond 1 MB.
std::string prompt_text(const std::string& argument);

/// Any seed that fits 32 bits, another one each time.
int64_t random_seed();

/// A line of a prompt file: options and their values that overrule the command line, most often the prompt alone.
struct PromptLine {
  std::string where;  // "FILE:LINE", for messages
  std::vector<std::pair<std::string, std::string>> values;
};

/// The lines of a prompt file ("-": stdin): empty ones and those that begin with '#' are skipped; one that begins with
/// '{' is a JSON object of option names and values. Throws `bad_file` where the file cannot be read or is over 16 MB,
/// `bad_input` naming the line.
std::vector<PromptLine> read_prompt_file(const std::string& path);

/// Sets what a line says. Throws `bad_input` naming the line.
void overrule(const PromptLine& line, const std::vector<Field>& table);

/// Lays styles on prompts and writes their templates out, one for each picture. Files are read once.
class PromptFinisher {
 public:
  /// Finishes the prompts of a request whose seed is chosen; `prompts` and `negative_prompts` where they are templates.
  /// Throws `bad_input`, `bad_file`.
  void finish(TextToImage& request);

 private:
  std::map<std::string, std::vector<Style>> styles_;
  std::map<std::string, WildcardFolder> wildcards_;
};

inline TextToImage& text_of(TextToImage& request) {
  return request;
}
template <class Request>
TextToImage& text_of(Request& request) {
  return request.text;
}

/// What is to be drawn, a request for each prompt: the one of the command line, or those of the prompt file, each a
/// copy of `base` with what its line overrules. A seed of -1 is chosen here; seeds go on from one prompt to the next,
/// unless a line sets its own. `Request` has a table of `fields`.
template <class Request>
std::vector<Request> requests_of(Request base, const std::string& prompt_file) {
  PromptFinisher finisher;
  TextToImage& text = text_of(base);
  int64_t next_seed = text.seed < 0 ? random_seed() : text.seed;
  if (text.subseed < 0) text.subseed = random_seed();
  text.prompt = prompt_text(text.prompt);
  if (prompt_file.empty()) {
    text.seed = next_seed;
    finisher.finish(text);
    return {base};
  }
  text.seed = -1;
  std::vector<Request> requests;
  for (const PromptLine& line : read_prompt_file(prompt_file)) {
    Request request = base;
    overrule(line, fields(request));
    TextToImage& each = text_of(request);
    if (each.seed < 0) each.seed = next_seed;
    next_seed += each.batch_count;
    finisher.finish(each);
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace calotype::cli
