#include "base/error.h"
#include "cli/commands.h"
#include "cli/drawing.h"
#include "cli/exit_code.h"
#include "cli/prompts.h"

namespace calotype::cli {

int txt2img(Arguments arguments) {
  TextToImage request;
  DrawingOptions drawing;
  Options options("calotype txt2img", "Draws pictures from text.");
  drawing.add_to(options, fields(request));
  options.add("Output", {{.name = "load_latent",
                          .options = "--load-latent",
                          .help = "decode this file, draw nothing",
                          .value = &drawing.load_latent}});
  options.add_example("calotype txt2img -p \"a penguin on a blue background\" -o penguin.png");
  options.add_example(
      "calotype txt2img -m 768-v-ema.safetensors -p \"a fox in the snow\" -n blurry --seed 42 -o fox.png");
  options.add_example("calotype txt2img --prompt-file prompts.txt --seed 0 -o out/%02d.png --sheet out/sheet.png");
  if (!options.parse(arguments)) return kSuccess;
  require(options.given("prompt") || options.given("prompt_file") || options.given("load_latent"), ErrorKind::bad_input,
          "prompt: say what to draw with -p TEXT (it may be empty), or --prompt-file FILE");
  drawing.take_size(fields(request));
  if (!drawing.load_latent.empty()) {
    decode_latents(drawing, request.recipe);
    return kSuccess;
  }
  draw_wishes(drawing, {}, [&] {
    std::vector<Wish> wishes;
    for (const TextToImage& each : requests_of(request, drawing.prompt_file))
      wishes.push_back({each.batch_count, [each](const StableDiffusion& model, int64_t first, int64_t count) {
                          return settle(model, part_of(each, first, count));
                        }});
    return wishes;
  });
  return kSuccess;
}

}  // namespace calotype::cli
