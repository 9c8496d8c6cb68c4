#include "base/error.h"
#include "cli/commands.h"
#include "cli/drawing.h"
#include "cli/exit_code.h"
#include "cli/image_prompts.h"
#include "cli/prompts.h"

namespace calotype::cli {

int txt2img(Arguments arguments) {
  TextToImage request;
  DrawingOptions drawing;
  ImagePromptOptions shown;
  Options options("calotype txt2img", "Draws pictures from text.");
  drawing.add_to(options, fields(request));
  shown.add_to(options);
  options.add("Output", {{.name = "load_latent",
                          .options = "--load-latent",
                          .help = "decode this file, draw nothing",
                          .value = &drawing.load_latent}});
  options.add_example("calotype txt2img -p \"a penguin on a blue background\" -o penguin.png");
  options.add_example(
      "calotype txt2img -m 768-v-ema.safetensors -p \"a fox in the snow\" -n blurry --seed 42 -o fox.png");
  options.add_example("calotype txt2img --prompt-file prompts.txt --seed 0 -o out/%02d.png --sheet out/sheet.png");
  options.add_example("calotype txt2img -m sd21-unclip-h.safetensors --image-prompt fox.jpg -o another_fox.png");
  if (!options.parse(arguments)) return kSuccess;
  require(shown.given() || options.given("prompt") || options.given("prompt_file") || options.given("load_latent"),
          ErrorKind::bad_input, "prompt: say what to draw with -p TEXT (it may be empty), or --prompt-file FILE");
  drawing.take_size(fields(request));
  if (!drawing.load_latent.empty()) {
    decode_latents(drawing, request.recipe);
    return kSuccess;
  }
  draw_wishes(drawing, {.inputs = shown.files()}, [&] {
    std::vector<Wish> wishes;
    const std::vector<ImagePrompt> pictures = shown.read();
    for (const TextToImage& each : requests_of(request, drawing.prompt_file))
      wishes.push_back({each.batch_count, [each, pictures, noise_level = shown.noise_level](
                                              const StableDiffusion& model, int64_t first, int64_t count) {
                          const TextToImage part = part_of(each, first, count);
                          return pictures.empty() ? settle(model, part)
                                                  : settle(model, ImageVariations{part, pictures, noise_level});
                        }});
    return wishes;
  });
  return kSuccess;
}

}  // namespace calotype::cli
