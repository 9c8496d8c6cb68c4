#include "cli/picture_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/output.h"
#include "io/contact_sheet.h"
#include "io/printable.h"
#include "pipeline/latents.h"

namespace calotype::cli {
namespace {

/// What files of this format are called: as the name that was asked for has it, else as usual.
std::string ending_of(const OutputOptions& options) {
  const PictureFormat format = options.picture_format();
  if (format_of_ending(options.output) != format)
    return format == PictureFormat::jpeg ? ".jpg" : fmt::format(".{}", name_of(format));
  std::string ending = std::filesystem::path(options.output).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
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

PictureFormat OutputOptions::picture_format() const {
  const auto by_name = format_of_ending(output);
  if (format.empty()) return by_name.value_or(PictureFormat::png);
  const auto asked = picture_format_from(format);
  require(asked.has_value(), ErrorKind::bad_input, "format: there is none named '{}'; there are png, jpeg, webp",
          printable(format, 40));
  require(!by_name || *by_name == *asked, ErrorKind::bad_input, "format: {} was asked for, and by its ending {} is {}",
          name_of(*asked), printable(output), name_of(by_name.value_or(*asked)));
  return *asked;
}

void OutputOptions::add_format_to(Options& options) {
  options.add("Output", {{.name = "format",
                          .options = "--format",
                          .help = "of the pictures, where no ending says it",
                          .value = &format,
                          .unset = "by the ending, else png",
                          .choices = {"png", "jpeg", "webp"}},
                         {.name = "quality",
                          .options = "--quality",
                          .help = "of JPEG and WebP",
                          .value = &quality,
                          .low = 1,
                          .high = 100},
                         {.name = "lossless", .options = "--lossless", .help = "WebP without loss", .value = &lossless},
                         {.name = "no_provenance",
                          .options = "--no-provenance",
                          .help = "leave out the mark that a network drew the picture (IPTC digital source type)",
                          .value = &no_provenance}});
}

PictureWriter::PictureWriter(const OutputOptions& options, int64_t count)
    : options_(options), format_(options.picture_format()), names_(options.output, count, ending_of(options)) {
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
  if (!format_of_ending(options.sheet)) require_ending(options.sheet, ".png", "sheet");
  OutputFile{options.sheet};
}

std::vector<std::byte> PictureWriter::encoded(const Image& image, const std::string& parameters) const {
  return encode_picture(image, format_, {.quality = static_cast<int>(options_.quality), .lossless = options_.lossless},
                        {.parameters = options_.no_metadata ? "" : parameters,
                         .source = options_.no_provenance ? SourceType::none : options_.source});
}

std::string PictureWriter::write(const Image& image, const std::string& parameters, const std::string& stem) {
  if (!options_.sheet.empty()) for_sheet_.push_back(image);
  const int64_t index = written_++;
  if (names_.to_stdout()) {
    print_result(encoded(image, parameters));
    return "standard output";
  }
  const std::string path = names_.write(index, encoded(image, parameters), stem).string();
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
  OutputFile file(options_.sheet);
  file.write(encode_picture(sheet_of(for_sheet_), format_of_ending(options_.sheet).value_or(PictureFormat::png), {},
                            {.source = options_.no_provenance ? SourceType::none : options_.source}));
  file.commit();
  if (!names_.to_stdout()) print_result(options_.sheet + '\n');
}

}  // namespace calotype::cli
