#include <functional>

#include "base/error.h"
#include "check/distance.h"
#include "check/kinds.h"
#include "check/reference.h"
#include "check/text_cases.h"
#include "text/composition.h"
#include "text/editing.h"
#include "text/emphasis.h"
#include "text/prompt.h"

namespace calotype::checker {
namespace {

using Ids = std::vector<int32_t>;

/// A column of the tokenizer's rows. Those that repair wrongly decoded text do it by a heuristic that is left out here.
struct Column {
  const char* name;
  TokenizerRules rules;
  bool repairs;
};

constexpr Column kColumns[] = {
    {"oc", TokenizerRules::open_clip, true},
    {"sd1_fast", TokenizerRules::hugging_face_sd1, false},
    {"sd2_fast", TokenizerRules::hugging_face_sd2, false},
    {"sd1_slow_noftfy", TokenizerRules::hugging_face_sd1_slow, false},
    {"sd2_slow_noftfy", TokenizerRules::hugging_face_sd2_slow, false},
    {"sd1_slow", TokenizerRules::hugging_face_sd1_ftfy, true},
    {"sd2_slow", TokenizerRules::hugging_face_sd2_ftfy, true},
};

void check_row(const json& row, Findings& findings) {
  const std::string text = row.at("text");
  const Ids usual = row.at("oc");
  const bool garbled = word(row, "tag") == "mojibake";
  bool left_out = false;
  for (const Column& column : kColumns) {
    const Ids want = row.contains(column.name) ? row[column.name].get<Ids>() : usual;
    const Ids got = Tokenizer::clip(column.rules).encode(text);
    if (garbled && column.repairs && got != want)
      left_out = true;
    else
      findings.equal(column.name, got, want);
  }
  if (left_out) throw Skipped{"the guess at text that was read in a wrong encoding is left out"};
}

void check_padded_row(const json& row, Findings& findings) {
  const std::pair<const char*, TokenizerRules> columns[] = {{"oc", TokenizerRules::open_clip},
                                                            {"sd1", TokenizerRules::hugging_face_sd1},
                                                            {"sd2", TokenizerRules::hugging_face_sd2}};
  for (const auto& [name, rules] : columns) {
    if (!row.contains(name)) continue;
    const FramedPrompt framed = frame(row.at("text").get<std::string>(), Tokenizer::clip(rules));
    findings.equal(name, Ids(framed.ids.begin(), framed.ids.end()), row[name].get<Ids>());
  }
}

void check_decode_row(const json& row, Findings& findings) {
  const std::string got = Tokenizer::clip().decode(row.at("ids").get<Ids>()), want = row.at("text");
  findings.equal("text", std::vector<char>(got.begin(), got.end()), std::vector<char>(want.begin(), want.end()));
}

/// Texts and their weights; where the reference marks the end of a chunk by a negative weight, only the place counts.
void check_emphasis_row(const json& row, Findings& findings) {
  std::vector<std::string> got_texts, want_texts;
  std::vector<double> got_weights, want_weights;
  for (const Fragment& fragment : read_emphasis(row.at("text").get<std::string>())) {
    got_texts.push_back(fragment.text);
    got_weights.push_back(fragment.ends_chunk ? -1 : fragment.weight);
  }
  for (const json& fragment : row.at("parsed")) {
    want_texts.push_back(fragment.at(0));
    const double weight = fragment.at(1);
    want_weights.push_back(want_texts.back() == "BREAK" && weight < 0 ? -1 : weight);
  }
  findings.equal("texts", got_texts, want_texts);
  if (got_weights.size() == want_weights.size())
    findings.measure("weights", greatest_relative(got_weights, want_weights), 1e-12);
}

void check_editing_row(const json& row, Findings& findings) {
  const EditingOptions options{.steps = row.at("steps").get<int64_t>(),
                               .second_pass = static_cast<int64_t>(optional_number(row, "hires_steps").value_or(0)),
                               .fractions_below_1 = row.value("old_scheduling", false)};
  std::vector<std::string> got_texts, want_texts;
  std::vector<int64_t> got_ends, want_ends;
  for (const ScheduledText& entry : read_editing(row.at("text").get<std::string>(), options)) {
    got_texts.push_back(entry.text);
    got_ends.push_back(entry.last_step);
  }
  for (const json& entry : row.at("schedule")) {
    want_ends.push_back(entry.at(0));
    want_texts.push_back(entry.at(1));
  }
  findings.equal("texts", got_texts, want_texts);
  findings.equal("last steps", got_ends, want_ends);
}

void check_composition_row(const json& row, Findings& findings) {
  std::vector<std::string> got_texts, want_texts;
  std::vector<double> got_weights, want_weights;
  for (const ComposedPart& part : read_composition(row.at("text").get<std::string>())) {
    got_texts.push_back(part.text);
    got_weights.push_back(part.weight);
  }
  for (const json& part : row.at("parts")) {
    want_texts.push_back(part.at(0));
    want_weights.push_back(part.at(1));
  }
  findings.equal("texts", got_texts, want_texts);
  if (got_weights.size() == want_weights.size())
    findings.measure("weights", greatest_relative(got_weights, want_weights), 1e-12);
}

using Check = std::function<void(const json&, Findings&)>;

struct File {
  const char* name;
  Check check;
};

/// Rows have an `id`, or are known by their number.
void check_file(const std::filesystem::path& folder, const File& file, Report& report) {
  int64_t number = 0;
  for (const json& row : read_rows(folder / (std::string(file.name) + ".json"))) {
    const std::string id = word(row, "id", std::to_string(number++)), name = std::string(file.name) + "/" + id;
    report.run(name, [&](Findings& findings) { file.check(row, findings); }, id);
  }
}

}  // namespace

void check_text(const Request& request, Report& report) {
  const File files[] = {{"tokenizer", check_row},
                        {"tokenizer_padded", check_padded_row},
                        {"tokenizer_decode", check_decode_row},
                        {"prompt_attention", check_emphasis_row},
                        {"prompt_schedule", check_editing_row},
                        {"prompt_compose", check_composition_row}};
  bool any = false;
  for (const File& file : files) {
    if (!std::filesystem::exists(request.folder / (std::string(file.name) + ".json"))) continue;
    any = true;
    if (request.precision == kernels::Precision::f32) check_file(request.folder, file, report);
  }
  if (std::filesystem::exists(request.folder / "conditioning.json")) {
    any = true;
    check_conditioning(request, report);
  }
  require(any, ErrorKind::bad_file, "{}: none of the files of text reference data is here", request.folder.string());
}

}  // namespace calotype::checker
