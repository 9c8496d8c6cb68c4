#include <fmt/format.h>

#include "base/error.h"
#include "cli/adapter_uses.h"
#include "cli/commands.h"
#include "cli/converting.h"
#include "cli/exit_code.h"
#include "cli/find_model.h"
#include "cli/output.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

std::vector<PartKind> parts_from(std::string_view text) {
  std::vector<PartKind> parts;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    bool known = false;
    for (const PartKind part : kParts)
      if (word == name_of(part)) parts.push_back(part), known = true;
    require(known, ErrorKind::bad_input, "parts: there is none named '{}'; there are unet, vae and text",
            printable(word, 40));
  }
  return parts;
}

}  // namespace

int convert(Arguments arguments) {
  std::string source, parts, ema = "auto", variant, lora_dir;
  std::vector<std::string> lora;
  ConvertingOptions given;
  Options options(
      "calotype convert",
      "Writes a model as another kind of file: between safetensors of the original layout, diffusers folders "
      "and GGUF; PyTorch's files are read. Large files pass through without being held in memory.",
      "MODEL");
  options.add_argument("model", source);
  given.add_to(options);
  options.add(
      "Choosing",
      {{.name = "parts",
        .options = "--parts",
        .help = "unet,vae,text: these alone",
        .value = &parts,
        .unset = "all that there is"},
       {.name = "ema",
        .options = "--ema",
        .help = "the averaged copies of weights instead of the plain ones; auto: where there are any",
        .value = &ema,
        .choices = {"auto", "yes", "no"}},
       {.name = "variant", .options = "--variant", .help = "of a folder's files, such as fp16", .value = &variant}});
  options.add("Adapters",
              {{.name = "lora",
                .options = "--lora",
                .help = "an adapter to merge into the weights, FILE[:WEIGHT] or FILE[:WEIGHT_OF_UNET:WEIGHT_OF_TEXT]; "
                        "may stand more than once",
                .value = &lora},
               {.name = "lora_dir",
                .options = "--lora-dir,--lora-model-dir",
                .help = "a folder of adapters, which --lora may name",
                .value = &lora_dir}});
  options.add_example("calotype convert model.ckpt -o model.safetensors --type f16");
  options.add_example("calotype convert model.safetensors -o model.gguf --type q8_0");
  options.add_example("calotype convert model.gguf -o model --parts unet,vae,text");
  options.add_example("calotype convert model.safetensors --lora style.safetensors:0.8 -o styled.safetensors");
  if (!options.parse(arguments)) return kSuccess;
  given.run.apply();
  require(!given.output.empty(), ErrorKind::bad_input, "output: where to is said with -o");
  require(ema == "auto" || ema == "yes" || ema == "no", ErrorKind::bad_input,
          "ema: auto, yes or no is expected, not '{}'", printable(ema, 40));
  ConvertRequest request{.types = given.types(), .parts = parts_from(parts), .words = given.words()};
  if (ema != "auto") request.averages = ema == "yes";
  target_of(given.output);
  request.adapters = adapter_uses(lora, lora_dir, {});
  const ModelFiles model(find_model(source, given.models_dir), variant);
  std::error_code error;
  require(!std::filesystem::equivalent(model.path(), given.output, error), ErrorKind::bad_input,
          "output: {} is what is read", given.output);
  for (const std::string& note : model.notes())
    if (!given.run.quiet) print_note(note);
  given.write_with([&](const auto& on_tensor) { return convert(model, given.output, request, on_tensor); },
                   "do not fit that type and stay as they were");
  return kSuccess;
}

}  // namespace calotype::cli
