#include "pipeline/image_to_image.h"

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/picture_command.h"

namespace calotype::cli {

int img2img(Arguments arguments) {
  PictureCommand<ImageToImage> command("img2img", "Draws over a picture.");
  command.drawing.output.source = SourceType::composite_with_trained;
  command.options.add_example("calotype img2img -i sketch.png -p \"a red apple\" --strength 0.7 -o apple.png");
  command.options.add_example(
      "calotype img2img -m 768-v-ema.safetensors -i photos/ -p \"an oil painting\" --strength 0.5 -o paintings/");
  if (!command.parse(arguments)) return kSuccess;
  command.require_prompt();
  command.require_picture();
  command.draw([&](ImageToImage& request, const std::string& path) { request.pictures = {command.input.read(path)}; });
  return kSuccess;
}

}  // namespace calotype::cli
