#include "pipeline/inpaint.h"

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/picture_command.h"
#include "io/picture.h"

namespace calotype::cli {

int inpaint(Arguments arguments) {
  PictureCommand<Inpaint> command("inpaint", "Draws a part of a picture anew, or what lies beyond its edges.");
  command.drawing.output.source = SourceType::composite_with_trained;
  std::string mask;
  bool no_paste = false;
  command.options.add("Picture", {{.name = "mask",
                                   .options = "--mask",
                                   .help = "what is drawn anew: white (128 and above) in this picture",
                                   .value = &mask}});
  command.options.add("Output", {{.name = "no_paste",
                                  .options = "--no-paste",
                                  .help = "leave what is outside of the mask as the autoencoder gives it back, as the "
                                          "reference does; else it stays to the last byte, at the picture's own size",
                                  .value = &no_paste}});
  command.options.add_example("calotype inpaint -i cat.png --mask mask.png -p \"a cat with a hat\" -o hat.png");
  command.options.add_example(
      "calotype inpaint -m 512-inpainting-ema.safetensors -i photo.jpg --mask mask.png --mask-blur 4 --inpaint-crop 32 "
      "-p \"a bench\" -o bench.png");
  command.options.add_example("calotype inpaint -i cat.png --outpaint 0,0,64,0 -p \"a garden\" -o wider.png");
  if (!command.parse(arguments)) return kSuccess;
  command.require_prompt();
  command.require_picture();
  command.request.masking.paste = !no_paste;
  if (!mask.empty()) command.files.push_back({"mask", mask});
  command.draw([&](Inpaint& request, const std::string& path) {
    request.picture = command.input.read(path);
    if (!mask.empty()) request.masking.mask = on_white(read_image(mask, command.input.limits()));
  });
  return kSuccess;
}

}  // namespace calotype::cli
