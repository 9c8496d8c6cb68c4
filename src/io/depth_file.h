#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/image.h"
#include "io/resample.h"

namespace calotype {

/// A depth map from a file: a PFM of one channel as it is, a picture by its levels of grey (those of a 16-bit PNG
/// whole), bright being near. Throws as `read_image` does.
FloatMap read_depth(const std::filesystem::path& path, const ImageLimits& limits = {});

/// "Pf": one float a pixel, in either order of bytes. Throws `bad_file`, `unsupported` for a map of colours,
/// `out_of_memory` beyond the limit of pixels; `where` stands in front.
bool is_pfm(std::span<const std::byte> file);
FloatMap decode_pfm(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});

// How maps are written.

/// Grey of 16 bits, the least value 0 and the greatest 65535, cut to whole levels; its text tells the two, so that the
/// values come back, and the model.
std::vector<std::byte> encode_depth_png(const FloatMap& map, const std::string& model);
/// Little-endian floats, rows from the bottom.
std::vector<std::byte> encode_pfm(const FloatMap& map);
/// NumPy's format: [height, width] of f32.
std::vector<std::byte> encode_npy(const FloatMap& map);

}  // namespace calotype
