#include "cli/previewer.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "io/png.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

constexpr int kRows = 16;  // lines of text that a preview takes

}  // namespace

void PreviewOptions::add_to(Options& options) {
  options.add("Preview", {
                             {.name = "preview",
                              .options = "--preview",
                              .help = "a rough picture after each step, in the terminal or as a file (proj)",
                              .value = &kind,
                              .choices = {"none", "terminal", "proj"}},
                             {.name = "preview_path",
                              .options = "--preview-path",
                              .help = "the file that is replaced at each step",
                              .value = &path},
                             {.name = "preview_interval",
                              .options = "--preview-interval",
                              .help = "steps between previews",
                              .value = &interval,
                              .low = 1,
                              .high = 1000},
                         });
}

Previewer::Previewer(const PreviewOptions& options, const Vae& vae) : options_(options) {
  const std::string& kind = options.kind;
  require(kind == "none" || kind == "terminal" || kind == "proj", ErrorKind::bad_input,
          "preview: there is none named '{}'; there are none, terminal, proj", printable(kind, 40));
  if (kind == "none") return;
  if (kind == "terminal") protocol_ = terminal_pictures();
  if (kind == "terminal" && protocol_ == PictureProtocol::none) return;
  preview_.emplace(vae);
  scale_ = static_cast<int>(vae.config.downscale());
}

void Previewer::show(const Progress& at, Display& display) {
  if (!preview_ || (at.index % options_.interval != 0 && at.index + 1 != at.count)) return;
  const Image image = (*preview_)(at.clean);
  if (protocol_ == PictureProtocol::none) return write_png(options_.path, enlarged(image, scale_));
  display.clear();
  const std::string bytes = terminal_picture(image, protocol_, kRows, shown_);
  std::fwrite(bytes.data(), 1, bytes.size(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace calotype::cli
