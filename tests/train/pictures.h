#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "io/png.h"

namespace calotype {

/// A square of one colour with a dot of another in it.
inline Image dotted(int size, uint8_t red, uint8_t green, uint8_t blue, int place) {
  Image image{size, size, 3, {}};
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const bool dot = std::abs(x - place) < size / 6 && std::abs(y - size / 2) < size / 6;
      for (uint8_t value : {red, green, blue}) image.pixels.push_back(dot ? 255 - value : value);
    }
  return image;
}

/// A folder of four captioned pictures.
inline void write_pictures(const std::filesystem::path& folder, int size) {
  std::filesystem::create_directories(folder);
  std::ofstream list(folder / "metadata.jsonl");
  const uint8_t colours[4][3] = {{200, 30, 30}, {30, 160, 60}, {40, 60, 220}, {230, 210, 40}};
  const char* names[] = {"red", "green", "blue", "yellow"};
  for (int i = 0; i < 4; ++i) {
    const std::string file = std::string(names[i]) + ".png";
    write_png(folder / file, dotted(size, colours[i][0], colours[i][1], colours[i][2], size * (i + 1) / 5));
    list << R"({"file_name": ")" << file << R"(", "text": "a )" << names[i] << R"( square", "name": ")" << names[i]
         << "\"}\n";
  }
}

}  // namespace calotype
