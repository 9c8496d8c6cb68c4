#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/depth_writer.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/picture_command.h"
#include "io/depth_file.h"
#include "io/picture.h"
#include "io/printable.h"
#include "pipeline/depth.h"
#include "pipeline/depth_to_image.h"

namespace calotype::cli {
namespace {

struct Files {
  std::string depth, mask, save_depth;
  bool no_paste = false;
};

void add_files(Options& options, Files& files) {
  options.add(
      "Picture",
      {{.name = "depth",
        .options = "--depth",
        .help = "a depth map, near is bright: grey PNG of 8 or 16 bits, another picture, or PFM; without -i the "
                "picture is drawn from it alone",
        .value = &files.depth,
        .unset = "what the model's depth network sees in the picture"},
       {.name = "mask",
        .options = "--mask",
        .help = "what is drawn anew: white (128 and above) in this picture",
        .value = &files.mask,
        .unset = "all"}});
  options.add("Output", {{.name = "save_depth",
                          .options = "--save-depth",
                          .help = "the depth map at the picture's size: a .png of 16 bits, .pfm or .npy",
                          .value = &files.save_depth},
                         {.name = "no_paste",
                          .options = "--no-paste",
                          .help = "leave what is outside of the mask as the autoencoder gives it back",
                          .value = &files.no_paste}});
}

std::string ending_of(const std::string& path) {
  return std::filesystem::path(path).extension().string();
}

/// Writes a map at the size of the picture; once, however often the picture is drawn over.
void keep_depth(const FloatMap& map, Size size, const std::string& output, bool& kept) {
  if (kept) return;
  OutputFile file(output);
  file.write(depth_file(resampled_depth(map, size.width, size.height), ending_of(output), "", "midas"));
  file.commit();
  print_result(output + '\n');
  kept = true;
}

void check_files(const PictureCommand<DepthToImage>& command, const Files& files) {
  const bool has_picture = !command.input.asked.empty();
  require(has_picture || !files.depth.empty(), ErrorKind::bad_input,
          "init_img: say what to draw over by -i FILE, or give a depth map by --depth FILE");
  require(has_picture || files.mask.empty(), ErrorKind::bad_input,
          "mask: it says which part of a picture is drawn anew; give the picture by -i FILE");
  require(has_picture || !command.options.given("strength") || command.request.strength == 1, ErrorKind::bad_input,
          "strength: from a depth map alone all is drawn, so it can only be 1; give a picture by -i FILE");
  if (files.save_depth.empty()) return;
  require(is_depth_ending(ending_of(files.save_depth)), ErrorKind::bad_input,
          "save_depth: depth is written as .png, .pfm or .npy, not '{}'", printable(ending_of(files.save_depth), 40));
  require(command.input.paths().size() <= 1, ErrorKind::bad_input,
          "save_depth: one map is written, but there are {} pictures; `calotype depth` takes several",
          command.input.paths().size());
  OutputFile{files.save_depth};
}

}  // namespace

int depth2img(Arguments arguments) {
  PictureCommand<DepthToImage> command("depth2img",
                                       "Draws over a picture and keeps its depth, or draws from a depth map.");
  Files files;
  add_files(command.options, files);
  command.options.add_example(
      "calotype depth2img -m 512-depth-ema.safetensors -i cats.jpg -p \"two tigers\" -n \"bad, deformed, ugly, bad "
      "anotomy\" --strength 0.7 -o tigers.png");
  command.options.add_example(
      "calotype depth2img -m 512-depth-ema.safetensors --depth room.png -p \"a castle hall\" -o hall.png");
  if (!command.parse(arguments)) return kSuccess;
  command.require_prompt();
  check_files(command, files);
  if (!command.input.asked.empty()) command.drawing.output.source = SourceType::composite_with_trained;
  command.request.masking.paste = !files.no_paste;
  command.outputs.push_back({"save_depth", files.save_depth});
  command.files.push_back({"depth", files.depth});
  command.files.push_back({"mask", files.mask});
  bool kept = false;
  command.draw([&](DepthToImage& request, const std::string& path) {
    const ImageLimits limits = command.input.limits();
    if (!path.empty()) request.pictures = {command.input.read(path)};
    if (!files.depth.empty()) request.depths = {read_depth(files.depth, limits)};
    if (!files.mask.empty()) request.masking.mask = on_white(read_image(files.mask, limits));
    if (files.save_depth.empty()) return;
    const Size size = path.empty() ? Size{request.depths[0].width, request.depths[0].height}
                                   : Size{request.pictures[0].width, request.pictures[0].height};
    request.on_depth = [&, size](const FloatMap& map) { keep_depth(map, size, files.save_depth, kept); };
  });
  return kSuccess;
}

}  // namespace calotype::cli
