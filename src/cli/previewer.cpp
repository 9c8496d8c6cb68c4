#include "cli/previewer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/output_names.h"
#include "io/encode.h"
#include "io/printable.h"
#include "load/stable_diffusion.h"

namespace calotype::cli {
namespace {

constexpr int kRows = 16;  // lines of text that a preview takes
const std::vector<std::string> kKinds{"none", "terminal", "proj", "tae", "vae"};

std::unique_ptr<TinyDecoder> fitting_decoder(const std::string& file, const VaeConfig& vae) {
  std::unique_ptr<TinyDecoder> decoder = open_tiny_decoder(file);
  const int64_t cell = decoder->config.downscale();
  require(decoder->config.latent_channels == vae.embed_dim && cell == vae.downscale(), ErrorKind::bad_file,
          "{}: it decodes latents of {} channels and {} pixels a cell; this model's have {} and {}", printable(file),
          decoder->config.latent_channels, cell, vae.embed_dim, vae.downscale());
  return decoder;
}

}  // namespace

void PreviewOptions::add_to(Options& options) {
  options.add("Preview", {
                             {.name = "preview",
                              .options = "--preview",
                              .help = "after each step, in the terminal or as a file: a rough picture (proj), a good "
                                      "one by a small decoder (tae), or what the autoencoder makes of it, which takes "
                                      "its time (vae)",
                              .value = &kind,
                              .choices = kKinds},
                             {.name = "taesd",
                              .options = "--taesd",
                              .help = "the small decoder of --preview tae: a file of TAESD",
                              .value = &taesd},
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

void PreviewOptions::check() const {
  require((kind == "tae") == !taesd.empty(), ErrorKind::bad_input,
          "taesd: --preview tae takes the file of its small decoder from --taesd, and nothing else does");
  if (!to_file()) return;
  require(!path.empty() && path != "-", ErrorKind::bad_input, "preview_path: the name of a file is expected");
  if (!format_of_ending(path)) require_ending(path, ".png", "preview_path");
  OutputFile{path};
}

Previewer::Previewer(const PreviewOptions& options, const Vae& vae) : options_(options), vae_(&vae) {
  const std::string& kind = options.kind;
  require(std::ranges::find(kKinds, kind) != kKinds.end(), ErrorKind::bad_input,
          "preview: there is none named '{}'; there are {}", printable(kind, 40), fmt::join(kKinds, ", "));
  if (kind == "none") return;
  if (kind == "terminal") protocol_ = terminal_pictures();
  if (kind == "terminal" && protocol_ == PictureProtocol::none) return;
  scale_ = static_cast<int>(vae.config.downscale());
  shows_ = true;
  if (kind == "tae")
    small_ = fitting_decoder(options.taesd, vae.config);
  else if (kind != "vae")
    preview_.emplace(vae);
}

Image Previewer::picture_of(const Tensor& latents) const {
  if (preview_) return (*preview_)(latents);
  return small_ ? decoded_guess(*small_, latents) : decoded_guess(*vae_, latents);
}

void Previewer::show(const Progress& at, Display& display) {
  if (!shows_ || (at.index % options_.interval != 0 && at.index + 1 != at.count)) return;
  const Image image = picture_of(at.clean);
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
