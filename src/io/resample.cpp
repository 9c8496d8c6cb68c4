#include "io/resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>

#include "base/error.h"
#include "base/parallel.h"

namespace calotype {
namespace {

constexpr int kFixedBits = 22;
constexpr const char* kNames[] = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"};

double sinc(double x) {
  return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

double support_of(Resampling filter) {
  switch (filter) {
    case Resampling::nearest:
    case Resampling::box:
      return 0.5;
    case Resampling::bilinear:
    case Resampling::hamming:
      return 1;
    case Resampling::bicubic:
      return 2;
    case Resampling::lanczos:
      return 3;
  }
  return 1;
}

double weight_at(Resampling filter, double x) {
  const double d = std::abs(x);
  switch (filter) {
    case Resampling::nearest:
    case Resampling::box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Resampling::bilinear:
      return d < 1 ? 1 - d : 0;
    case Resampling::hamming:
      return d < 1 ? sinc(x) * (0.54 + 0.46 * std::cos(std::numbers::pi * x)) : 0;
    case Resampling::bicubic: {
      constexpr double kA = -0.5;  // Keys 1981
      if (d < 1) return ((kA + 2) * d - (kA + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * kA : 0;
    }
    case Resampling::lanczos:
      return d < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

/// How the pixels of one axis are made: result o is the sum of weights[o * most + k] times pixel first[o] + k, for
/// k < count[o].
template <class Weight>
struct Axis {
  std::vector<int> first, count;
  std::vector<Weight> weights;
  int most = 0;
};

template <class Weight>
Axis<Weight> make_axis(int in, int out, Resampling filter) {
  const double scale = static_cast<double>(in) / out, shrink = std::max(scale, 1.0);
  const double support = support_of(filter) * shrink, stretch = 1 / shrink;
  Axis<Weight> axis;
  axis.most = 2 * static_cast<int>(std::ceil(support)) + 1;
  axis.first.resize(out);
  axis.count.resize(out);
  axis.weights.resize(static_cast<size_t>(axis.most) * out);
  std::vector<double> row(axis.most);
  for (int o = 0; o < out; ++o) {
    const double centre = (o + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int count = std::min(in, static_cast<int>(centre + support + 0.5)) - first;
    double sum = 0;
    for (int k = 0; k < count; ++k) sum += row[k] = weight_at(filter, (k + first - centre + 0.5) * stretch);
    for (int k = 0; k < count; ++k) {
      const double weight = sum == 0 ? row[k] : row[k] / sum;
      Weight& to = axis.weights[static_cast<size_t>(o) * axis.most + k];
      if constexpr (std::is_same_v<Weight, double>) {
        to = weight;
      } else {
        to = static_cast<Weight>(weight * (1 << kFixedBits) + (weight < 0 ? -0.5 : 0.5));
      }
    }
    axis.first[o] = first;
    axis.count[o] = count;
  }
  return axis;
}

/// What differs between pixels of 8 bits and floats.
struct Bytes {
  using Weight = int32_t;
  static constexpr Weight kStart = 1 << (kFixedBits - 1);
  static uint8_t store(Weight sum) { return static_cast<uint8_t>(std::clamp(sum >> kFixedBits, 0, 255)); }
};

struct Floats {
  using Weight = double;
  static constexpr Weight kStart = 0;
  static float store(Weight sum) { return static_cast<float>(sum); }
};

constexpr int64_t kRowsATask = 16;

template <class Body>
void for_rows(int rows, const Body& body) {
  parallel_for((rows + kRowsATask - 1) / kRowsATask, [&](int64_t task) {
    const int64_t end = std::min<int64_t>(rows, (task + 1) * kRowsATask);
    for (int64_t y = task * kRowsATask; y < end; ++y) body(static_cast<int>(y));
  });
}

/// Rows of `width` pixels become rows of `to_width`.
template <class Kind, int kChannels, class Pixel>
std::vector<Pixel> across(std::span<const Pixel> from, int width, int height, int to_width, Resampling filter) {
  using Weight = typename Kind::Weight;
  const Axis<Weight> axis = make_axis<Weight>(width, to_width, filter);
  std::vector<Pixel> result(static_cast<size_t>(to_width) * height * kChannels);
  for_rows(height, [&](int y) {
    const Pixel* row = &from[static_cast<size_t>(y) * width * kChannels];
    Pixel* to = &result[static_cast<size_t>(y) * to_width * kChannels];
    for (int x = 0; x < to_width; ++x, to += kChannels) {
      const Pixel* pixel = row + static_cast<size_t>(axis.first[x]) * kChannels;
      const Weight* weights = &axis.weights[static_cast<size_t>(x) * axis.most];
      Weight sums[kChannels];
      std::fill_n(sums, kChannels, Kind::kStart);
      for (int k = 0; k < axis.count[x]; ++k, pixel += kChannels)
        for (int c = 0; c < kChannels; ++c) sums[c] += weights[k] * pixel[c];
      for (int c = 0; c < kChannels; ++c) to[c] = Kind::store(sums[c]);
    }
  });
  return result;
}

/// `height` rows of `values` numbers become `to_height` rows.
template <class Kind, class Pixel>
std::vector<Pixel> down(std::span<const Pixel> from, size_t values, int height, int to_height, Resampling filter) {
  using Weight = typename Kind::Weight;
  const Axis<Weight> axis = make_axis<Weight>(height, to_height, filter);
  std::vector<Pixel> result(values * to_height);
  for_rows(to_height, [&](int y) {
    std::vector<Weight> sums(values, Kind::kStart);
    for (int k = 0; k < axis.count[y]; ++k) {
      const Pixel* row = &from[values * (axis.first[y] + k)];
      const Weight weight = axis.weights[static_cast<size_t>(y) * axis.most + k];
      for (size_t i = 0; i < values; ++i) sums[i] += weight * row[i];
    }
    for (size_t i = 0; i < values; ++i) result[values * y + i] = Kind::store(sums[i]);
  });
  return result;
}

template <class Kind, int kChannels, class Pixel>
std::vector<Pixel> both(std::vector<Pixel> pixels, int width, int height, int to_width, int to_height,
                        Resampling filter) {
  const auto do_across = [&](int rows) {
    if (width != to_width) pixels = across<Kind, kChannels, Pixel>(pixels, width, rows, to_width, filter);
  };
  const auto do_down = [&](int columns) {
    if (height != to_height)
      pixels = down<Kind, Pixel>(pixels, static_cast<size_t>(columns) * kChannels, height, to_height, filter);
  };
  if (height - to_height > int64_t{2} * std::max(0, width - to_width)) {
    do_down(width);
    do_across(to_height);
  } else {
    do_across(height);
    do_down(to_width);
  }
  return pixels;
}

template <class Pixel>
std::vector<Pixel> nearest(std::span<const Pixel> from, int channels, int width, int height, int to_width,
                           int to_height) {
  const auto places = [](int in, int out) {
    // Step by step, not by a product: Pillow's sums, with their roundings, where a place falls between two pixels.
    const double step = static_cast<double>(in) / out;
    std::vector<int> result(out);
    double place = step * 0.5;
    for (int o = 0; o < out; ++o, place += step) result[o] = std::min(in - 1, static_cast<int>(place));
    return result;
  };
  const std::vector<int> columns = places(width, to_width), rows = places(height, to_height);
  std::vector<Pixel> result(static_cast<size_t>(to_width) * to_height * channels);
  auto to = result.begin();
  for (int y = 0; y < to_height; ++y)
    for (int x = 0; x < to_width; ++x)
      to = std::copy_n(&from[(static_cast<size_t>(rows[y]) * width + columns[x]) * channels], channels, to);
  return result;
}

void premultiply(std::vector<uint8_t>& rgba) {
  for (size_t i = 0; i < rgba.size(); i += 4)
    for (size_t c = i; c < i + 3; ++c) {
      const int t = rgba[c] * rgba[i + 3] + 128;
      rgba[c] = static_cast<uint8_t>((t + (t >> 8)) >> 8);
    }
}

void unpremultiply(std::vector<uint8_t>& rgba) {
  for (size_t i = 0; i < rgba.size(); i += 4) {
    const int alpha = rgba[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (size_t c = i; c < i + 3; ++c) rgba[c] = static_cast<uint8_t>(std::min(255, 255 * rgba[c] / alpha));
  }
}

}  // namespace

const char* name_of(Resampling filter) {
  return kNames[static_cast<int>(filter)];
}

std::optional<Resampling> resampling_from(std::string_view name) {
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i)
    if (name == kNames[i]) return static_cast<Resampling>(i);
  return std::nullopt;
}

Image resized(const Image& image, int width, int height, Resampling filter) {
  check(width > 0 && height > 0 && image.width > 0 && image.height > 0, "resized: {}x{} to {}x{}", image.width,
        image.height, width, height);
  if (width == image.width && height == image.height) return image;
  Image result{width, height, image.channels, {}};
  if (filter == Resampling::nearest) {
    result.pixels = nearest<uint8_t>(image.pixels, image.channels, image.width, image.height, width, height);
  } else if (image.channels == 1) {
    result.pixels = both<Bytes, 1>(image.pixels, image.width, image.height, width, height, filter);
  } else if (image.channels == 3) {
    result.pixels = both<Bytes, 3>(image.pixels, image.width, image.height, width, height, filter);
  } else {
    check(image.channels == 4, "resized: {} channels", image.channels);
    std::vector<uint8_t> pixels = image.pixels;
    premultiply(pixels);
    result.pixels = both<Bytes, 4>(std::move(pixels), image.width, image.height, width, height, filter);
    unpremultiply(result.pixels);
  }
  return result;
}

FloatMap resized(const FloatMap& map, int width, int height, Resampling filter) {
  check(width > 0 && height > 0 && map.width > 0 && map.height > 0, "resized: {}x{} to {}x{}", map.width, map.height,
        width, height);
  if (filter == Resampling::nearest)
    return {width, height, nearest<float>(map.values, 1, map.width, map.height, width, height)};
  return {width, height, both<Floats, 1>(map.values, map.width, map.height, width, height, filter)};
}

}  // namespace calotype
