#include "cli/drawing_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/isa.h"
#include "cli/adapter_uses.h"
#include "cli/find_model.h"
#include "diffusion/prediction.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

void add_model(Options& options, DrawingOptions& given) {
  options.add(
      "Model",
      {
          {.name = "model",
           .options = "-m,--model",
           .help = "a file in the original layout, a diffusers folder, or the name of one in a folder of models",
           .value = &given.model,
           .unset = "the bundled one"},
          {.name = "model_config",
           .options = "--model-config",
           .help = "a yaml in the original's words, instead of the one beside a single file",
           .value = &given.model_config},
          models_dir_field(given.models_dir),
          {.name = "vae", .options = "--vae", .help = "a file to take the autoencoder from", .value = &given.vae},
          {.name = "prediction",
           .options = "--prediction",
           .help = "what the network predicts, where the file is wrong about it: epsilon, v_prediction",
           .value = &given.prediction},
          {.name = "variant",
           .options = "--variant",
           .help = "of a folder's files, such as fp16",
           .value = &given.variant},
          {.name = "embd_dir",
           .options = "--embd-dir",
           .help = "a folder of embeddings (textual inversion) that prompts may name",
           .value = &given.embd_dir},
          {.name = "lora",
           .options = "--lora",
           .help = "an adapter, FILE[:WEIGHT] or FILE[:WEIGHT_OF_UNET:WEIGHT_OF_TEXT]; may stand more than once",
           .value = &given.lora},
          {.name = "lora_dir",
           .options = "--lora-dir,--lora-model-dir",
           .help = "a folder of adapters, which prompts name as <lora:NAME:WEIGHT>",
           .value = &given.lora_dir},
      });
}

void add_output(Options& options, DrawingOptions& given) {
  options.add("Output", {
                            {.name = "output",
                             .options = "-o,--output",
                             .help = "a file, a pattern with %d or %03d, a folder/, or - for stdout; the path of "
                                     "each picture goes to stdout",
                             .value = &given.output.output},
                            {.name = "sheet",
                             .options = "--sheet",
                             .help = "all pictures of the run on one sheet too",
                             .value = &given.output.sheet},
                            {.name = "save_latent",
                             .options = "--save-latent",
                             .help = "each picture's latents before decoding; named like --output",
                             .value = &given.output.save_latent},
                            {.name = "no_metadata",
                             .options = "--no-metadata",
                             .help = "leave the request out of the picture; the mark of provenance stays",
                             .value = &given.output.no_metadata},
                        });
}

}  // namespace

void DrawingOptions::add_to(Options& options, std::vector<Field> request_fields) {
  const auto after = std::ranges::find(request_fields, "negative_prompt", &Field::name);
  request_fields.insert(after == request_fields.end() ? after : after + 1,
                        {.name = "prompt_file",
                         .options = "--prompt-file,--from-file",
                         .help = "one prompt a line, - is stdin; '#' begins a comment, '{' a JSON object of "
                                 "options that overrule these",
                         .value = &prompt_file});
  request_fields.push_back(
      {.name = "size", .options = "--size", .help = "WIDTHxHEIGHT, instead of the two", .value = &size});
  request_fields.push_back({.name = "batch_size",
                            .options = "--batch-size",
                            .help = "pictures drawn at once: more take more memory; they are the same",
                            .value = &batch_size,
                            .low = 1,
                            .high = 64});
  options.add("Picture", std::move(request_fields));
  add_model(options, *this);
  add_output(options, *this);
  output.add_format_to(options);
  preview.add_to(options);
  run.add_drawing_to(options);
  options.add(
      "Memory",
      {{.name = "max_memory",
        .options = "--max-memory",
        .help = "the most that the program may hold, such as 2G or 1500M: work is arranged so that it fits, at a "
                "cost in time but with the same picture, or refused",
        .value = &max_memory,
        .unset = "what the system has left"}});
}

std::filesystem::path DrawingOptions::model_path() const {
  return find_model(model, models_dir);
}

MemoryLimit DrawingOptions::memory_limit() const {
  if (max_memory.empty()) return MemoryLimit::available();
  double number = 0;
  const char* const end = max_memory.data() + max_memory.size();
  const auto [rest, error] = std::from_chars(max_memory.data(), end, number);
  std::string unit(rest, end);
  for (const char* ending : {"iB", "B"})  // MiB, MB and M are the same, as everywhere in this program
    if (unit.size() > strlen(ending) && unit.ends_with(ending)) unit.resize(unit.size() - strlen(ending));
  const double factor = unit == "T"                  ? 1099511627776.0
                        : unit == "G" || unit == "g" ? 1 << 30
                        : unit == "M" || unit == "m" ? 1 << 20
                        : unit == "K" || unit == "k" ? 1 << 10
                                                     : 0;
  require(error == std::errc() && factor > 0 && number > 0 && number * factor < 1e18, ErrorKind::bad_input,
          "max_memory: '{}' is no size; write 2G or 1500M", printable(max_memory, 40));
  return MemoryLimit::of_process(static_cast<int64_t>(number * factor));
}

void DrawingOptions::take_size(const std::vector<Field>& request_fields) const {
  if (size.empty()) return;
  const size_t by = size.find_first_of("xX");
  require(by != std::string::npos, ErrorKind::bad_input, "size: '{}' is not of the form WIDTHxHEIGHT",
          printable(size, 40));
  set(*find(request_fields, "width"), size.substr(0, by));
  set(*find(request_fields, "height"), size.substr(by + 1));
}

StableDiffusion open_model(const DrawingOptions& given, Display& display, const std::vector<AdapterTag>& tags) {
  OpenOptions options{
      .vae = given.vae, .variant = given.variant, .config = given.model_config, .precision = given.run.products()};
  if (!given.prediction.empty()) {
    options.prediction = prediction_from(given.prediction);
    require(options.prediction.has_value(), ErrorKind::bad_input,
            "prediction: there is none named '{}'; there are epsilon, v_prediction, sample",
            printable(given.prediction, 40));
  }
  display.phase("load");
  const std::filesystem::path path = given.model_path();
  options.adapters = adapter_uses(given.lora, given.lora_dir, tags);
  StableDiffusion model = open_stable_diffusion(path, options);
  if (given.run.precision == "bf16" && model.precision != Precision::bf16)
    display.note(
        fmt::format("calotype: warning: precision: {} has no products of bf16, so they are in f32", name_of(isa())));
  if (!given.run.quiet)
    for (const std::string& note : model.notes) display.note(note);
  if (given.run.verbose)
    display.note(fmt::format("{}: {}, {} ({})", path.lexically_normal().string(), name_of(model.family),
                             name_of(model.prediction), model.prediction_source));
  if (!given.embd_dir.empty()) model.inversions = read_inversions(given.embd_dir, model.text->config.width);
  if (given.run.verbose)
    for (const Inversion& inversion : model.inversions)
      display.note(inversion.misfit.empty()
                       ? fmt::format("embedding {}: {} vectors", printable(inversion.name, 60), inversion.count())
                       : "not to be used: " + inversion.misfit);
  return model;
}

}  // namespace calotype::cli
