#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/prompts.h"
#include "io/printable.h"
#include "load/inversions.h"
#include "text/prompt_plan.h"

namespace calotype::cli {
namespace {

using nlohmann::ordered_json;

struct Asked {
  TextToImage request{.steps = 20};
  std::string text, embd_dir;
  bool negative = false, sd1 = false, json = false;
};

/// Whether a field of a request says how its prompt is read.
bool is_asked(const Field& field) {
  constexpr std::string_view kNames[] = {"prompt_syntax", "steps",     "recipe",       "styles",
                                         "style",         "wildcards", "wildcard_seed"};
  return std::ranges::find(kNames, field.name) != std::end(kNames);
}

Options make_options(Asked& asked) {
  Options options("calotype tokens",
                  "Shows how a prompt is read: its parts, what it says at which steps, the tokens of each chunk of 75 "
                  "with their weights, and what was not understood.",
                  "TEXT");
  std::vector<Field> table;
  for (const Field& field : fields(asked.request))
    if (is_asked(field)) table.push_back(field);
  table.push_back({.name = "negative",
                   .options = "--negative",
                   .help = "read it as a negative prompt, without AND and adapters",
                   .value = &asked.negative});
  table.push_back({.name = "sd1",
                   .options = "--sd1",
                   .help = "the tokens of Stable Diffusion 1 instead of 2",
                   .value = &asked.sd1});
  table.push_back({.name = "embd_dir",
                   .options = "--embd-dir",
                   .help = "a folder of embeddings that the prompt may name",
                   .value = &asked.embd_dir});
  table.push_back({.name = "json", .options = "--json", .help = "as JSON", .value = &asked.json});
  options.add("Options", std::move(table));
  options.add_argument("TEXT", asked.text);
  options.add_example("calotype tokens \"a (red:1.3) fox, [oil:photo:0.5]\"");
  return options;
}

/// One text of a prompt, in the words of JSON.
ordered_json chunks_json(const ChunkedPrompt& prompt, const Inversions& inversions) {
  ordered_json chunks = ordered_json::array();
  for (const Chunk& chunk : prompt.chunks) {
    std::map<int64_t, size_t> placed;
    for (const auto& [place, inversion] : chunk.placements) placed[place] = inversion;
    ordered_json tokens = ordered_json::array();
    for (int64_t i = 1; i <= chunk.length; ++i) {
      const double weight = chunk.weights[static_cast<size_t>(i)];
      const int32_t id = chunk.ids[static_cast<size_t>(i)];
      if (const auto found = placed.find(i); found != placed.end()) {
        const Inversion& inversion = inversions[found->second];
        const int64_t vectors = inversion.count();
        tokens.push_back({{"embedding", inversion.name}, {"vectors", vectors}, {"weight", weight}});
        i += vectors - 1;
      } else {
        std::string text = Tokenizer::clip().decode(std::span(&id, 1));
        tokens.push_back({{"id", id}, {"text", as_utf8(text)}, {"weight", weight}});
      }
    }
    chunks.push_back({{"length", chunk.length}, {"tokens", std::move(tokens)}});
  }
  return chunks;
}

ordered_json read_prompt(const Asked& asked) {
  const auto syntax = prompt_syntax_from(asked.request.prompt_syntax);
  const auto recipe = recipe_from(asked.request.recipe);
  require(syntax.has_value(), ErrorKind::bad_input,
          "prompt_syntax: there is none named '{}'; there are a1111, comfy, none",
          printable(asked.request.prompt_syntax, 40));
  require(recipe.has_value(), ErrorKind::bad_input, "recipe: there is none named '{}'",
          printable(asked.request.recipe, 40));
  TextConfig tower;
  if (asked.sd1) tower.padding_id = kEndOfText;
  const Tokenizer& tokenizer = Tokenizer::clip(rules_of(*recipe, tower));
  const Inversions inversions = asked.embd_dir.empty() ? Inversions() : read_inversions(asked.embd_dir, 0);
  const InversionNames names = names_of(inversions, tokenizer);

  const std::string& single = asked.negative ? asked.request.negative_prompt : asked.request.prompt;
  const std::vector<std::string>& written = asked.negative ? asked.request.negative_prompts : asked.request.prompts;
  const std::string& prompt = written.empty() ? single : written[0];
  PromptNotes notes;
  const PromptPlan plan = plan_prompt(prompt, *syntax, asked.negative ? PromptRole::unwanted : PromptRole::wanted,
                                      *asked.request.steps, &notes);
  ordered_json parts = ordered_json::array();
  std::set<std::string> warnings;
  for (const PromptPlan::Part& part : plan.parts) {
    ordered_json texts = ordered_json::array();
    for (const ScheduledText& text : part.texts) {
      std::string warning;
      const ChunkedPrompt chunked = encode_text(text.text, *syntax, tokenizer, names, &warning, &notes);
      if (!warning.empty()) warnings.insert(warning);
      texts.push_back({{"last_step", text.last_step},
                       {"text", text.text},
                       {"token_count", chunked.token_count},
                       {"chunks", chunks_json(chunked, inversions)}});
    }
    parts.push_back({{"weight", part.weight}, {"texts", std::move(texts)}});
  }
  ordered_json adapters = ordered_json::array();
  for (const AdapterTag& tag : plan.adapters)
    adapters.push_back({{"name", tag.name}, {"unet", tag.unet}, {"text", tag.text}});
  return {{"prompt", as_utf8(prompt)}, {"syntax", name_of(*syntax)},      {"parts", std::move(parts)},
          {"adapters", adapters},      {"not_understood", notes.lines()}, {"warnings", warnings}};
}

std::string weight_text(const ordered_json& token) {
  const double weight = token["weight"];
  return weight == 1 ? "" : fmt::format("  x {:.4g}", weight);
}

/// What a token says; the blank that ends a word is not shown.
std::string without_last_blank(std::string text) {
  if (text.ends_with(' ')) text.pop_back();
  return printable(text);
}

void add_chunks(const ordered_json& text, std::string& out) {
  size_t number = 0;
  for (const ordered_json& chunk : text["chunks"]) {
    out += fmt::format("    chunk {}: {} of {} tokens\n", ++number, chunk["length"].get<int64_t>(), kChunkTokens);
    for (const ordered_json& token : chunk["tokens"]) {
      if (token.contains("embedding"))
        out += fmt::format("      embedding {} ({} places){}\n", printable(token["embedding"].get<std::string>()),
                           token["vectors"].get<int64_t>(), weight_text(token));
      else
        out += fmt::format("      {:>5}  {}{}\n", token["id"].get<int64_t>(), without_last_blank(token["text"]),
                           weight_text(token));
    }
  }
}

std::string as_text(const ordered_json& read) {
  std::string out;
  const size_t count = read["parts"].size();
  size_t number = 0;
  for (const ordered_json& part : read["parts"]) {
    if (++number; count > 1 || part["weight"] != 1)
      out += fmt::format("part {} of {}, weight {:g}\n", number, count, part["weight"].get<double>());
    std::map<std::string, int64_t> shown;  // texts, and the step where they came first
    int64_t first = 1;
    for (const ordered_json& text : part["texts"]) {
      const int64_t last = text["last_step"];
      const std::string words = text["text"];
      if (part["texts"].size() > 1) out += fmt::format("  steps {}-{}: {}\n", first, last, printable(words, 2000));
      if (const auto [known, is_new] = shown.try_emplace(words, first); is_new)
        add_chunks(text, out);
      else
        out += fmt::format("    as at step {}\n", known->second);
      first = last + 1;
    }
  }
  for (const ordered_json& tag : read["adapters"])
    out += fmt::format("adapter {}: {:g} on the UNet, {:g} on the text tower\n",
                       printable(tag["name"].get<std::string>()), tag["unet"].get<double>(), tag["text"].get<double>());
  for (const ordered_json& line : read["not_understood"])
    out += fmt::format("note: {}\n", printable(line.get<std::string>(), 300));
  for (const ordered_json& line : read["warnings"]) out += fmt::format("warning: {}\n", line.get<std::string>());
  return out;
}

}  // namespace

int tokens(Arguments arguments) {
  Asked asked;
  const Options options = make_options(asked);
  if (!options.parse(arguments)) return kSuccess;
  for (const Field& field : fields(asked.request))
    if (is_asked(field)) check_range(field);
  (asked.negative ? asked.request.negative_prompt : asked.request.prompt) = prompt_text(asked.text);
  if (asked.request.seed < 0) asked.request.seed = 0;
  PromptFinisher().finish(asked.request);
  const ordered_json read = read_prompt(asked);
  print_result(asked.json ? read.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n' : as_text(read));
  return kSuccess;
}

}  // namespace calotype::cli
