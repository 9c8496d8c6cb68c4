#include "cli/picture_writer.h"

#include <algorithm>
#include <cmath>

#include "base/output_file.h"
#include "cli/output.h"
#include "io/contact_sheet.h"
#include "io/png.h"
#include "pipeline/latents.h"

namespace calotype::cli {
namespace {

std::vector<PngText> texts(const std::string& parameters) {
  return parameters.empty() ? std::vector<PngText>{} : std::vector<PngText>{{"parameters", parameters}};
}

constexpr int64_t kMostOnSheet = 1000;  // all of them are kept until the end

/// Rows of about as many pictures as there are rows.
Image sheet_of(const std::vector<Image>& images) {
  const int count = static_cast<int>(images.size());
  const int columns = static_cast<int>(std::ceil(std::sqrt(count * 4.0 / 3)));
  int width = 1, height = 1;
  for (const Image& image : images) {
    width = std::max(width, image.width);
    height = std::max(height, image.height);
  }
  ContactSheet sheet(std::min(columns, count), (count + columns - 1) / columns, width, height);
  for (int i = 0; i < count; ++i) sheet.put(i % columns, i / columns, images[i]);
  return sheet.image();
}

}  // namespace

PictureWriter::PictureWriter(const OutputOptions& options, int64_t count)
    : options_(options), names_(options.output, count, ".png") {
  require(options.sheet.empty() || count <= kMostOnSheet, ErrorKind::bad_input,
          "sheet: {} pictures are too many for one sheet; {} fit", count, kMostOnSheet);
  names_.probe();
  if (!options.save_latent.empty()) {
    require(options.save_latent != "-", ErrorKind::bad_input, "save_latent: a file or folder is expected, not -");
    latent_names_.emplace(options.save_latent, count, ".safetensors", "save_latent");
    latent_names_->probe();
  }
  if (options.sheet.empty()) return;
  require(options.sheet != "-", ErrorKind::bad_input, "sheet: the name of a file is expected, not -");
  require_ending(options.sheet, ".png", "sheet");
  OutputFile{options.sheet};
}

std::string PictureWriter::write(const Image& image, const std::string& parameters, const std::string& stem) {
  const std::vector<PngText> text = texts(options_.no_metadata ? "" : parameters);
  if (!options_.sheet.empty()) for_sheet_.push_back(image);
  const int64_t index = written_++;
  if (names_.to_stdout()) {
    print_result(encode_png(image, text));
    return "standard output";
  }
  const std::string path = names_.write(index, encode_png(image, text), stem).string();
  print_result(path + '\n');
  return path;
}

void PictureWriter::write_latent(const Tensor& latent, double scale_factor, const std::string& parameters) {
  if (!latent_names_) return;
  Latent file = to_latent_file(latent, scale_factor);
  if (!options_.no_metadata && !parameters.empty()) file.metadata["parameters"] = parameters;
  latent_names_->skip_taken(latents_);
  calotype::write_latent((*latent_names_)[latents_++], file);
}

void PictureWriter::finish() {
  if (for_sheet_.empty()) return;
  write_png(options_.sheet, sheet_of(for_sheet_));
  if (!names_.to_stdout()) print_result(options_.sheet + '\n');
}

}  // namespace calotype::cli
