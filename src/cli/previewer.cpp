#include "cli/previewer.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/output_names.h"
#include "io/encode.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

constexpr int kRows = 16;  // lines of text that a preview takes

}  // namespace

void PreviewOptions::add_to(Options& options) {
  options.add("Preview", {
                             {.name = "preview",
                              .options = "--preview",
                              .help = "after each step, in the terminal or as a file: a rough picture (proj), or what "
                                      "the autoencoder makes of it, which takes its time (vae)",
                              .value = &kind,
                              .choices = {"none", "terminal", "proj", "vae"}},
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

void PreviewOptions::check_path() const {
  if (!to_file()) return;
  require(!path.empty() && path != "-", ErrorKind::bad_input, "preview_path: the name of a file is expected");
  if (!format_of_ending(path)) require_ending(path, ".png", "preview_path");
  OutputFile{path};
}

Previewer::Previewer(const PreviewOptions& options, const Vae& vae) : options_(options), vae_(&vae) {
  const std::string& kind = options.kind;
  require(kind == "none" || kind == "terminal" || kind == "proj" || kind == "vae", ErrorKind::bad_input,
          "preview: there is none named '{}'; there are none, terminal, proj, vae", printable(kind, 40));
  if (kind == "none") return;
  if (kind == "terminal") protocol_ = terminal_pictures();
  if (kind == "terminal" && protocol_ == PictureProtocol::none) return;
  scale_ = static_cast<int>(vae.config.downscale());
  shows_ = true;
  if (kind != "vae") preview_.emplace(vae);
}

void Previewer::show(const Progress& at, Display& display) {
  if (!shows_ || (at.index % options_.interval != 0 && at.index + 1 != at.count)) return;
  const Image image = preview_ ? (*preview_)(at.clean) : decoded_guess(*vae_, at.clean);
  if (protocol_ == PictureProtocol::none) {
    OutputFile file(options_.path);
    file.write(encode_picture(preview_ ? enlarged(image, scale_) : image,
                              format_of_ending(options_.path).value_or(PictureFormat::png)));
    return file.commit();
  }
  display.clear();
  const std::string bytes = terminal_picture(image, protocol_, kRows, shown_);
  std::fwrite(bytes.data(), 1, bytes.size(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace calotype::cli
