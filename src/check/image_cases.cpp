#include "check/image_cases.h"

#include <charconv>

#include "base/error.h"
#include "check/distance.h"
#include "io/mask.h"
#include "ops/resize.h"

namespace calotype::checker {
namespace {

Image image_of(const ReferenceTensors& tensors, const std::string& name) {
  const Shape shape = tensors.shape(name);
  const std::vector<double> values = tensors.values(name);
  const int channels = shape.rank() == 2 ? 1 : static_cast<int>(shape[2]);
  return {static_cast<int>(shape[1]), static_cast<int>(shape[0]), channels, {values.begin(), values.end()}};
}

ImageCase of_image(const Image& image) {
  const Shape shape =
      image.channels == 1 ? Shape{image.height, image.width} : Shape{image.height, image.width, image.channels};
  return {shape, {image.pixels.begin(), image.pixels.end()}};
}

/// [1, h, w, C] as [C, h, w].
ImageCase of_input(const Tensor& x) {
  return {{x.dim(3), x.dim(1), x.dim(2)}, reference_values(x)};
}

ImageCase torch_resize(const std::string& id, const json& row, const ReferenceTensors& tensors) {
  const std::string filter = row.at("filter");
  const auto known = [&](const char* name) { return filter == name; };
  require(known("nearest") || known("bilinear") || known("bicubic") || known("area"), ErrorKind::unsupported,
          "there is no interpolation {}", filter);
  ResizeOptions options;
  options.interpolation = known("nearest")    ? Interpolation::nearest
                          : known("bilinear") ? Interpolation::bilinear
                          : known("bicubic")  ? Interpolation::bicubic
                                              : Interpolation::area;
  options.align_corners = id.ends_with(".corners");
  options.antialias = id.ends_with(".antialias");
  const Tensor map = tensors.tensor(row.at("source"));
  const Tensor y = resize(map.reshape({1, map.dim(0), map.dim(1), 1}), row.at("size").at(1).get<int64_t>(),
                          row.at("size").at(0).get<int64_t>(), options);
  return {{y.dim(1), y.dim(2)}, reference_values(y)};
}

ResizeMode mode_of(const std::string& id) {
  if (id.starts_with("vae.crop")) return ResizeMode::crop;
  return id.starts_with("vae.fill") ? ResizeMode::fill : ResizeMode::stretch;
}

}  // namespace

ImageCase image_case(const std::string& id, const json& row, const ReferenceTensors& tensors) {
  const std::string source = row.at("source");
  const Size size{row.at("size").at(0), row.at("size").at(1)};
  if (id.starts_with("torch.")) return torch_resize(id, row, tensors);
  if (id.starts_with("pillow_float.") || id.starts_with("pillow.")) {
    const auto filter = resampling_from(row.at("filter").get<std::string>());
    require(filter.has_value(), ErrorKind::unsupported, "there is no filter {}", row.at("filter").get<std::string>());
    if (id.starts_with("pillow."))
      return of_image(resized(image_of(tensors, source), size.width, size.height, *filter));
    const Shape shape = tensors.shape(source);
    const std::vector<double> values = tensors.values(source);
    const FloatMap map{static_cast<int>(shape[1]), static_cast<int>(shape[0]), {values.begin(), values.end()}};
    const FloatMap result = resized(map, size.width, size.height, *filter);
    return {{result.height, result.width}, {result.values.begin(), result.values.end()}};
  }
  const Image image = image_of(tensors, source);
  if (id.starts_with("midas.")) {
    int target = 0;
    std::from_chars(id.data() + 6, id.data() + id.size(), target);
    require(target > 0, ErrorKind::unsupported, "{}: no size behind midas.", id);
    return of_input(depth_input(image, target));
  }
  if (id.starts_with("dpt.")) return of_input(depth_input_square(image, size.width));
  if (id.starts_with("clip."))
    return of_input(
        clip_input(image, size.width, id.starts_with("clip.open_clip") ? ClipCrop::open_clip : ClipCrop::transformers));
  if (id.starts_with("vae.")) {
    const Size asked = row.contains("requested") ? Size{row["requested"].at(0), row["requested"].at(1)} : Size{};
    return of_input(vae_input(image, asked, mode_of(id)));
  }
  if (id.starts_with("mask.binary")) return of_input(binary_mask(image, size));
  if (id.starts_with("mask.blur")) {
    double radius = -1;
    std::from_chars(id.data() + 9, id.data() + id.size(), radius);
    require(radius >= 0, ErrorKind::unsupported, "{}: no radius behind mask.blur", id);
    return of_image(gaussian_blur(image, radius));
  }
  fail(ErrorKind::unsupported, "{}: an operation that is not known", id);
}

}  // namespace calotype::checker
