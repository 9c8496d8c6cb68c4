#include "cli/picture_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <span>

#include "base/error.h"
#include "io/picture.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

bool looks_like_a_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array kEndings{".png", ".jpg", ".jpeg", ".webp"};
  return std::ranges::count(kEndings, ending) > 0;
}

std::vector<std::string> pictures_in(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (looks_like_a_picture(at->path()) && at->is_regular_file(error)) found.push_back(at->path().string());
  require(!found.empty(), ErrorKind::bad_file, "{}: there is no picture in this folder", printable(folder));
  std::ranges::sort(found);
  return found;
}

constexpr size_t kMostInput = size_t{1} << 30;

/// What stdin held; read once, for a run may draw from it several times.
const std::string& standard_input() {
  static const std::string text = [] {
    std::string bytes;
    std::array<char, 1 << 16> piece;
    while (std::cin.read(piece.data(), piece.size()) || std::cin.gcount() > 0) {
      bytes.append(piece.data(), static_cast<size_t>(std::cin.gcount()));
      require(bytes.size() <= kMostInput, ErrorKind::bad_file, "standard input: more than {} bytes", kMostInput);
    }
    return bytes;
  }();
  return text;
}

}  // namespace

void PictureOptions::add_to(Options& options) {
  options.add("Picture",
              {{.name = "init_img",
                .options = "-i,--init-img,--image",
                .help = "the picture to begin with: PNG, JPEG or WebP; several, or folders of them, are worked "
                        "on one after another; - is stdin",
                .value = &asked},
               {.name = "max_pixels",
                .options = "--max-pixels",
                .help = "pictures of more pixels are refused",
                .value = &max_pixels,
                .low = 1,
                .high = 4e9}});
}

std::vector<std::string> PictureOptions::paths() const {
  std::vector<std::string> result;
  for (const std::string& path : asked) {
    std::error_code error;
    if (path != "-" && fs::is_directory(path, error)) {
      std::vector<std::string> found = pictures_in(path);
      std::ranges::move(found, std::back_inserter(result));
    } else {
      result.push_back(path);
    }
  }
  return result;
}

std::vector<NamedFile> PictureOptions::files(const std::vector<std::string>& paths) const {
  std::vector<NamedFile> result;
  for (const std::string& path : paths)
    if (path != "-") result.push_back({"init_img", path});
  return result;
}

Image PictureOptions::read(const std::string& path) const {
  if (path != "-") return read_image(path, limits());
  const std::string& bytes = standard_input();
  return decode_image(std::as_bytes(std::span(bytes.data(), bytes.size())), "standard input", limits());
}

std::string stem_of(const std::string& path) {
  return path == "-" ? "stdin" : fs::path(path).stem().string();
}

}  // namespace calotype::cli
