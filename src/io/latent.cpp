#include "io/latent.h"

#include "base/error.h"
#include "io/safetensors.h"

namespace calotype {
namespace {

constexpr char kTensor[] = "latent_tensor";
constexpr char kVersion[] = "latent_format_version_0";  // its presence is all that counts
constexpr double kOldScale = 0.18215;

}  // namespace

Latent read_latent(const std::filesystem::path& path) {
  const Safetensors file(path);
  const StoredTensor* tensor = file.find(kTensor);
  require(tensor != nullptr, ErrorKind::bad_file, "{}: not a latent: it has no tensor named {}", path.string(),
          kTensor);
  const Shape& shape = tensor->shape;
  require(shape.rank() == 4 && shape.count() > 0, ErrorKind::bad_file,
          "{}: a latent has the shape [pictures, channels, height, width], this one has {}", path.string(),
          shape.text());
  require(tensor->type == StoredType::f32 || tensor->type == StoredType::f16 || tensor->type == StoredType::bf16,
          ErrorKind::bad_file, "{}: a latent is stored as F32, F16 or BF16, this one as {}", path.string(),
          name_of(tensor->type));
  const int64_t wrong = count_not_finite(*tensor);
  require(wrong == 0, ErrorKind::bad_file,
          "{}: {}: {} of {} values are no finite numbers; the run that wrote it failed", path.string(), kTensor, wrong,
          shape.count());
  Latent latent{shape[0], shape[1], shape[2], shape[3], {}, file.metadata()};
  const double divisor = file.find(kVersion) ? 1 : kOldScale;
  const std::vector<double> values = values_of(*tensor);
  latent.values.reserve(values.size());
  for (const double value : values) latent.values.push_back(static_cast<float>(value / divisor));
  return latent;
}

void write_latent(const std::filesystem::path& path, const Latent& latent) {
  const Shape shape{latent.batch, latent.channels, latent.height, latent.width};
  check(shape.count() == static_cast<int64_t>(latent.values.size()), "a latent of {} cannot have {} values",
        shape.text(), latent.values.size());
  const StoredTensor tensors[] = {{kTensor, StoredType::f32, shape, std::as_bytes(std::span(latent.values))},
                                  {kVersion, StoredType::f32, Shape{0}, {}}};
  write_safetensors(path, tensors, latent.metadata);
}

}  // namespace calotype
