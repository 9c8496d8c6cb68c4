#include "base/error.h"
#include "cli/commands.h"
#include "cli/converting.h"
#include "cli/exit_code.h"
#include "cli/find_model.h"
#include "io/printable.h"

namespace calotype::cli {

int merge(Arguments arguments) {
  std::string first, second, third, mode = "sum";
  MergeRequest request;
  ConvertingOptions given;
  Options options("calotype merge",
                  "Mixes models of one kind. sum: (1 - alpha) A + alpha B. difference: A + alpha (B - C).", "A B [C]");
  options.add_argument("a", first);
  options.add_argument("b", second);
  options.add_argument("c", third, true);
  given.add_to(options);
  options.add("Mixing",
              {{.name = "mode",
                .options = "--mode",
                .help = "how they are mixed",
                .value = &mode,
                .choices = {"sum", "difference"}},
               {.name = "alpha",
                .options = "--alpha",
                .help = "how much of B, or of the difference",
                .value = &request.alpha,
                .low = -10,
                .high = 10},
               {.name = "block_weights",
                .options = "--block-weights",
                .help = "26 numbers instead of alpha: all but the UNet, input blocks 0 to 11, the middle, output "
                        "blocks 0 to 11",
                .value = &request.block_weights,
                .low = -10,
                .high = 10}});
  options.add_example("calotype merge one.safetensors two.safetensors -o both.safetensors --alpha 0.3");
  options.add_example(
      "calotype merge own.safetensors inpainting.safetensors base.safetensors -o sum.safetensors "
      "--mode difference --alpha 1");
  if (!options.parse(arguments)) return kSuccess;
  given.run.apply();
  require(!given.output.empty(), ErrorKind::bad_input, "output: where to is said with -o");
  require(mode == "sum" || mode == "difference", ErrorKind::bad_input, "mode: sum or difference is expected, not '{}'",
          printable(mode, 40));
  request.difference = mode == "difference";
  require(request.difference != third.empty(), ErrorKind::bad_input,
          "mode: a difference takes three models, a sum takes two");
  request.types = given.types();
  request.words = given.words();
  target_of(given.output);
  std::vector<std::unique_ptr<ModelFiles>> models;
  for (const std::string& name : {first, second, third}) {
    if (name.empty()) continue;
    models.push_back(std::make_unique<ModelFiles>(find_model(name, given.models_dir)));
    std::error_code error;
    require(!std::filesystem::equivalent(models.back()->path(), given.output, error), ErrorKind::bad_input,
            "output: {} is what is read", given.output);
  }
  given.write_with(
      [&](const auto& on_tensor) {
        return merge(*models[0], *models[1], models.size() > 2 ? models[2].get() : nullptr, given.output, request,
                     on_tensor);
      },
      "are the first model's, for another has none");
  return kSuccess;
}

}  // namespace calotype::cli
