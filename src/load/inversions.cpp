#include "load/inversions.h"

#include <algorithm>

#include "base/error.h"
#include "io/inversion_file.h"
#include "io/printable.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

const char* version_of(int64_t width) {
  return width == 768 ? "version 1" : width == 1024 ? "version 2" : "another model";
}

std::vector<std::string> spellings_of(const std::string& name, const std::string& inside) {
  std::vector<std::string> spellings{name, "embedding:" + name};
  if (inside.starts_with('<')) spellings.push_back(inside);  // a token; other names inside are information
  return spellings;
}

bool is_card(const fs::path& file) {
  try {
    read_inversion_file(file);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Inversion read_inversion(const fs::path& path, int64_t width) {
  const InversionFile file = read_inversion_file(path);
  require(width == 0 || file.width == width, ErrorKind::bad_file,
          "{}: the embedding '{}' was made for {} (width {}); this model's text tower has width {}",
          printable(path.string()), printable(file.name, 60), version_of(file.width), file.width, width);
  Inversion inversion{.name = file.name,
                      .spellings = spellings_of(file.name, file.inside),
                      .vectors = Tensor::empty({file.count, file.width}),
                      .file = path};
  std::ranges::copy(file.values, inversion.vectors.edit<float>().begin());
  return inversion;
}

Inversions read_inversions(const fs::path& folder, int64_t width) {
  constexpr size_t kMostFiles = 100'000;
  std::error_code error;
  require(fs::is_directory(folder, error), ErrorKind::bad_file, "{}: a folder of embeddings was expected",
          printable(folder.string()));
  std::vector<fs::path> files;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && at != end && files.size() < kMostFiles;
       at.increment(error)) {
    if (at.depth() > 16) at.disable_recursion_pending();
    if (at->is_regular_file(error) && may_be_inversion(at->path())) files.push_back(at->path());
  }
  std::ranges::sort(files);
  Inversions inversions;
  for (const fs::path& file : files) {
    try {
      inversions.push_back(read_inversion(file, width));
    } catch (const Error& failure) {
      if (file.extension() == ".png" && !is_card(file)) continue;  // a picture beside an embedding
      const std::string stem = file.stem().string();
      inversions.push_back(
          {.name = stem, .spellings = spellings_of(stem, ""), .vectors = {}, .file = file, .misfit = failure.what()});
    }
  }
  return inversions;
}

InversionNames names_of(const Inversions& inversions, const Tokenizer& tokenizer) {
  InversionNames names;
  for (const Inversion& inversion : inversions) names.add(inversion.spellings, inversion.count(), tokenizer);
  return names;
}

void require_fitting(const ChunkedPrompt& prompt, const Inversions& inversions) {
  for (const Chunk& chunk : prompt.chunks)
    for (const auto& [place, inversion] : chunk.placements)
      require(inversions[inversion].misfit.empty(), ErrorKind::bad_file, "{}", inversions[inversion].misfit);
}

}  // namespace calotype
