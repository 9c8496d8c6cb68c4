#include <filesystem>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/depth_writer.h"
#include "cli/display.h"
#include "cli/exit_code.h"
#include "cli/files_apart.h"
#include "cli/find_model.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/output_names.h"
#include "cli/picture_options.h"
#include "cli/run_options.h"
#include "load/stable_diffusion.h"
#include "pipeline/predicted_depth.h"

namespace calotype::cli {
namespace {

struct Given {
  std::string model, models_dir, output = "depth.png", colour_map;
  PictureOptions input;
  RunOptions run;
};

Options make_options(Given& given) {
  Options options("calotype depth", "Estimates how near each part of a picture is: greater is nearer.");
  given.input.add_to(options);
  options.add("Picture", {{.name = "colormap",
                           .options = "--colormap",
                           .help = "a PNG of 8 bits in these colours, far to near, not grey of 16 bits",
                           .value = &given.colour_map,
                           .choices = {"inferno", "spectral"}}});
  options.add("Model", {{.name = "model",
                         .options = "-m,--model",
                         .help = "a file or folder with a depth network: 512-depth-ema, or DPT-hybrid by itself",
                         .value = &given.model},
                        models_dir_field(given.models_dir)});
  options.add("Output", {{.name = "output",
                          .options = "-o,--output",
                          .help = "a .png of 16 bits, .pfm or .npy, a pattern with %d or %03d, or a folder/, where the "
                                  "maps are named after the pictures; - is PNG on stdout",
                          .value = &given.output}});
  given.run.add_to(options);
  options.add_example("calotype depth -m 512-depth-ema.safetensors -i cats.jpg -o depth.png");
  options.add_example("calotype depth -m 512-depth-ema.safetensors -i cats.jpg --colormap inferno -o colours.png");
  return options;
}

std::string ending_of(const Given& given) {
  const std::string ending = std::filesystem::path(given.output).extension().string();
  std::error_code error;
  if (given.output == "-" || given.output.ends_with('/') || std::filesystem::is_directory(given.output, error))
    return ".png";
  require(is_depth_ending(ending), ErrorKind::bad_input, "output: depth is written as .png, .pfm or .npy, not '{}'",
          ending);
  return ending;
}

void estimate(const Given& given, Display& display) {
  const std::vector<std::string> paths = given.input.paths();
  const std::vector<NamedFile> inputs = given.input.files(paths);
  const NamedFile outputs[] = {{"output", given.output}};
  require_apart(outputs, inputs);
  const std::string ending = ending_of(given);
  OutputNames names(given.output, static_cast<int64_t>(paths.size()), ending);
  names.probe();
  display.phase("load");
  const std::unique_ptr<DepthNet> net = open_depth_net(find_model(given.model, given.models_dir));
  for (size_t i = 0; i < paths.size(); ++i) {
    stop_if_interrupted();
    display.phase("depth");
    const FloatMap map = depth_of_picture(*net, on_white(given.input.read(paths[i])));
    const std::vector<std::byte> file = depth_file(map, ending, given.colour_map, "midas");
    display.clear();
    if (names.to_stdout()) {
      print_result(file);
    } else {
      print_result(names.write(static_cast<int64_t>(i), file, stem_of(paths[i])).string() + '\n');
    }
  }
}

}  // namespace

int depth(Arguments arguments) {
  Given given;
  const Options options = make_options(given);
  if (!options.parse(arguments)) return kSuccess;
  require(!given.input.asked.empty(), ErrorKind::bad_input, "init_img: say which picture to look at by -i FILE");
  given.run.apply();
  Display display(given.run.quiet ? DisplayStyle::none : display_style(given.run.progress));
  estimate(given, display);
  display.clear();
  if (given.run.verbose) display.note(display.summary());
  return kSuccess;
}

}  // namespace calotype::cli
