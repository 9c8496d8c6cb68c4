#include "pipeline/upscale.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/picture_command.h"
#include "kernels/peak.h"
#include "pipeline/memory.h"

namespace calotype::cli {

namespace {

/// What all of it will take on this machine. Products reach about this share of what the processor can do, counted in
/// direct arithmetic.
std::string foretold(const StableDiffusion& model, const std::vector<Settled>& runs,
                     const std::vector<int64_t>& counts) {
  constexpr double kShare = 0.9, kPeakMilliseconds = 20;
  double work = 0;
  int64_t memory = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    work += drawing_work(model, runs[i]) * static_cast<double>(counts[i]);
    memory = std::max(memory, working_memory(model, runs[i]));
  }
  const double seconds = work / (1e9 * kShare * kernels::peak_gflops_of_all_threads(kPeakMilliseconds));
  const TextToImage& first = runs[0].request;
  const std::string what =
      runs.size() == 1 ? fmt::format("{}x{} to {}x{}", first.width / 4, first.height / 4, first.width, first.height)
                       : fmt::format("{} pictures", runs.size());
  return fmt::format("upscaling {}: about {} and {} of memory", what, time_text(seconds), memory_text(memory));
}

}  // namespace

int upscale(Arguments arguments) {
  PictureCommand<Upscale> command("upscale", "Draws a picture four times as large.");
  command.drawing.output.source = SourceType::algorithmically_enhanced;
  command.options.add_example("calotype upscale -m x4-upscaler-ema.safetensors -i small.png -o large.png");
  command.options.add_example(
      "calotype upscale -m x4-upscaler-ema.safetensors -i small.png -p \"a white cat\" --noise-level 40 -o large.png");
  if (!command.parse(arguments)) return kSuccess;
  command.require_picture();
  command.request.whole_fours = command.options.given("recipe");
  command.drawing.batch_size = 1;  // the noise on the small picture is of the first seed of a batch
  command.draw([&](Upscale& request, const std::string& path) { request.pictures = {command.input.read(path)}; },
               [](const StableDiffusion& model, const std::vector<Settled>& runs, const std::vector<int64_t>& counts,
                  Display& display) { display.note(foretold(model, runs, counts)); });
  return kSuccess;
}

}  // namespace calotype::cli
