#include "cli/converting.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/adapter_uses.h"
#include "cli/display.h"
#include "cli/find_model.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "diffusion/prediction.h"
#include "io/printable.h"

namespace calotype::cli {

void ConvertingOptions::add_to(Options& options) {
  options.add("Models", {models_dir_field(models_dir)});
  options.add(
      "Output",
      {{.name = "output",
        .options = "-o,--output",
        .help = "NAME.safetensors (original layout), NAME.gguf, or a folder (diffusers layout)",
        .value = &output},
       {.name = "type",
        .options = "--type",
        .help = "type of all tensors; .gguf: matrices alone in q8_0, q4_0",
        .value = &type,
        .unset = "as they are",
        .choices = {"f32", "f16", "bf16", "q8_0", "q4_0"}},
       {.name = "tensor_type_rules",
        .options = "--tensor-type-rules",
        .help = "REGEX=TYPE,.. by the original layout's names; the first that matches counts",
        .value = &rules},
       {.name = "prediction",
        .options = "--prediction",
        .help = "what the model predicts, written into the file",
        .value = &prediction,
        .choices = {"epsilon", "v_prediction", "sample"}},
       {.name = "license", .options = "--license", .help = "its licence, written into the file", .value = &license}});
  run.add_to(options);
}

TypeChoice ConvertingOptions::types() const {
  TypeChoice choice{.rules = type_rules(rules)};
  if (type.empty()) return choice;
  choice.type = stored_type_as_asked(type);
  require(choice.type.has_value(), ErrorKind::bad_input, "type: there is none named '{}'", printable(type, 40));
  return choice;
}

ModelWords ConvertingOptions::words() const {
  ModelWords words{.license = license};
  if (prediction.empty()) return words;
  words.prediction = prediction_from(prediction);
  require(words.prediction.has_value(), ErrorKind::bad_input,
          "prediction: there is none named '{}'; there are epsilon, v_prediction, sample", printable(prediction, 40));
  return words;
}

void ConvertingOptions::write_with(
    const std::function<WrittenModel(const std::function<void(int64_t, int64_t)>&)>& write, const char* kept) const {
  Display display(run.quiet ? DisplayStyle::none : display_style(run.progress));
  display.phase("write");
  const WrittenModel written = write([&](int64_t done, int64_t total) {
    if (interrupted()) throw Error(ErrorKind::cancelled, "interrupted; nothing was written");
    display.step(done, total);
  });
  display.clear();
  if (!written.not_a_number.empty()) {
    const auto& [name, count] = *written.not_a_number.begin();
    print_note(fmt::format("warning: {}: {} values are not numbers{}", printable(name), count,
                           written.not_a_number.size() > 1
                               ? fmt::format("; so in {} more tensors", written.not_a_number.size() - 1)
                               : ""));
  }
  if (!run.quiet && written.kept > 0)
    display.note(fmt::format("{} of {} tensors {}", written.kept, written.tensors, kept));
  for (const std::string& note : adapter_notes(written.adapters, run.verbose)) display.note(note);
  if (run.verbose) display.note(display.summary());
  print_result(output + "\n");
}

}  // namespace calotype::cli
