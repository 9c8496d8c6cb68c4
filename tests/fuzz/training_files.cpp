// What a trainer is given: any bytes are settings in TOML and a list of pictures in JSON lines, or refused as
// `bad_file`.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "train/dataset.h"
#include "train/settings.h"

namespace {

using namespace calotype;

/// One folder for all runs, with one file, which is both.
std::filesystem::path folder() {
  static const auto path = [] {
    auto made = std::filesystem::temp_directory_path() / "calotype-fuzz-training-files";
    std::filesystem::create_directories(made);
    return made;
  }();
  return path;
}

template <class Action>
void refusable(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = folder() / "metadata.jsonl";
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  refusable([&] {
    Settings settings(file);
    refusable([&] { settings.integer("steps", 1, 1, 1000); });
    refusable([&] { settings.number("rate", 1e-3, 0, 1); });
    refusable([&] { settings.path("data", "."); });
    settings.text();
    settings.check_all_read();
  });
  refusable([&] {
    const Dataset dataset(folder());
    CounterRng rng(1, 2, 3);
    if (dataset.draw(rng) >= dataset.size()) std::abort();
    for (const Sample& sample : dataset.samples()) {
      // Nothing leads out of the folder.
      const auto relative = sample.file.lexically_normal().lexically_relative(folder());
      if (relative.empty() || *relative.begin() == "..") std::abort();
    }
  });
  return 0;
}
