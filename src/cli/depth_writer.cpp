#include "cli/depth_writer.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "io/colour_map.h"
#include "io/depth_file.h"
#include "io/png.h"
#include "io/printable.h"
#include "pipeline/depth.h"

namespace calotype::cli {

bool is_depth_ending(const std::string& ending) {
  constexpr std::array kEndings{".png", ".pfm", ".npy"};
  return std::ranges::count(kEndings, ending) > 0;
}

std::vector<std::byte> depth_file(const FloatMap& map, const std::string& ending, const std::string& colour_map,
                                  const std::string& model) {
  if (!colour_map.empty()) {
    const auto colours = colour_map_from(colour_map);
    require(colours.has_value(), ErrorKind::bad_input,
            "colormap: there is none named '{}'; there are inferno, spectral", printable(colour_map, 40));
    require(ending == ".png", ErrorKind::bad_input, "colormap: colours are written as .png, not {}", ending);
    return encode_png(coloured(normalized_depth(map).values, map.width, map.height, *colours));
  }
  if (ending == ".pfm") return encode_pfm(map);
  if (ending == ".npy") return encode_npy(map);
  require(ending == ".png", ErrorKind::bad_input, "output: depth is written as .png, .pfm or .npy, not '{}'",
          printable(ending, 40));
  return encode_depth_png(map, model);
}

}  // namespace calotype::cli
