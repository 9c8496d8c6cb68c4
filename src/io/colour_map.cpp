#include "io/colour_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace calotype {
namespace {

using Colour = std::array<uint8_t, 3>;
using Table = std::array<Colour, 256>;

constexpr std::string_view kInferno =
    "00000401000501010601010802010a02020c02020e03021004031204031405041706041907051b08051d09061f0a0722"
    "0b07240c08260d08290e092b10092d110a30120a32140b34150b37160b39180c3c190c3e1b0c411c0c431e0c451f0c48"
    "210c4a230c4c240c4f260c51280b53290b552b0b572d0b592f0a5b310a5c320a5e340a5f3609613809623909633b0964"
    "3d09653e0966400a67420a68440a68450a69470b6a490b6a4a0c6b4c0c6b4d0d6c4f0d6c510e6c520e6d540f6d550f6d"
    "57106e59106e5a116e5c126e5d126e5f136e61136e62146e64156e65156e67166e69166e6a176e6c186e6d186e6f196e"
    "71196e721a6e741a6e751b6e771c6d781c6d7a1d6d7c1d6d7d1e6d7f1e6c801f6c82206c84206b85216b87216b88226a"
    "8a226a8c23698d23698f24699025689225689326679526679727669827669a28659b29649d29649f2a63a02a63a22b62"
    "a32c61a52c60a62d60a82e5fa92e5eab2f5ead305dae305cb0315bb1325ab3325ab43359b63458b73557b93556ba3655"
    "bc3754bd3853bf3952c03a51c13a50c33b4fc43c4ec63d4dc73e4cc83f4bca404acb4149cc4248ce4347cf4446d04545"
    "d24644d34743d44842d54a41d74b3fd84c3ed94d3dda4e3cdb503bdd513ade5238df5337e05536e15635e25734e35933"
    "e45a31e55c30e65d2fe75e2ee8602de9612bea632aeb6429eb6628ec6726ed6925ee6a24ef6c23ef6e21f06f20f1711f"
    "f1731df2741cf3761bf37819f47918f57b17f57d15f67e14f68013f78212f78410f8850ff8870ef8890cf98b0bf98c0a"
    "f98e09fa9008fa9207fa9407fb9606fb9706fb9906fb9b06fb9d07fc9f07fca108fca309fca50afca60cfca80dfcaa0f"
    "fcac11fcae12fcb014fcb216fcb418fbb61afbb81dfbba1ffbbc21fbbe23fac026fac228fac42afac62df9c72ff9c932"
    "f9cb35f8cd37f8cf3af7d13df7d340f6d543f6d746f5d949f5db4cf4dd4ff4df53f4e156f3e35af3e55df2e661f2e865"
    "f2ea69f1ec6df1ed71f1ef75f1f179f2f27df2f482f3f586f3f68af4f88ef5f992f6fa96f8fb9af9fc9dfafda1fcffa4";

constexpr Colour kSpectral[] = {{158, 1, 66},    {213, 62, 79},   {244, 109, 67},  {253, 174, 97},
                                {254, 224, 139}, {255, 255, 191}, {230, 245, 152}, {171, 221, 164},
                                {102, 194, 165}, {50, 136, 189},  {94, 79, 162}};

Table inferno() {
  Table table{};
  for (size_t i = 0; i < table.size(); ++i)
    for (size_t c = 0; c < 3; ++c) {
      const char* at = kInferno.data() + 6 * i + 2 * c;
      std::from_chars(at, at + 2, table[i][c], 16);
    }
  return table;
}

/// Far is blue, near is red.
Table spectral() {
  Table table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const double place = 10.0 * static_cast<double>(i) / 255;
    const auto first = std::min(static_cast<size_t>(place), std::size(kSpectral) - 2);
    const double part = place - static_cast<double>(first);
    for (size_t c = 0; c < 3; ++c)
      table[255 - i][c] = static_cast<uint8_t>(kSpectral[first][c] * (1 - part) + kSpectral[first + 1][c] * part);
  }
  return table;
}

}  // namespace

std::optional<ColourMap> colour_map_from(std::string_view name) {
  if (name == "inferno") return ColourMap::inferno;
  if (name == "spectral") return ColourMap::spectral;
  return std::nullopt;
}

Image coloured(std::span<const float> levels, int width, int height, ColourMap map) {
  const Table table = map == ColourMap::inferno ? inferno() : spectral();
  Image image{width, height, 3, {}};
  image.pixels.reserve(3 * levels.size());
  for (const float level : levels) {
    const Colour& colour = table[static_cast<size_t>(255 * std::clamp(level, 0.0f, 1.0f))];
    image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  }
  return image;
}

}  // namespace calotype
