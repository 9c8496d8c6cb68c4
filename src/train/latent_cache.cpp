#include "train/latent_cache.h"

#include <algorithm>
#include <map>

#include "ops/arithmetic.h"
#include "train/picture_batch.h"

namespace calotype {
namespace {

constexpr size_t kBatch = 16;

}  // namespace

LatentCache::LatentCache(const Dataset& data, const Vae& vae, const TextEncoder& text, int size,
                         const TrainWatcher& watcher) {
  const NoGrad frozen;
  std::map<std::string, size_t> numbers{{"", 0}};
  std::vector<std::string> captions{""};
  for (const Sample& sample : data.samples()) {
    const auto [found, added] = numbers.emplace(sample.text, captions.size());
    if (added) captions.push_back(sample.text);
    caption_of_.push_back(found->second);
  }
  context_ = {text.config.context_length, text.config.width};
  for (size_t first = 0; first < captions.size(); first += kBatch) {
    const auto some = std::span(captions).subspan(first, std::min(kBatch, captions.size() - first));
    const Tensor context = text(caption_ids(some, text.config.context_length));
    for (float value : context.view<float>()) contexts_.push_back(to_float16(value));
    require(!watcher.stop(), ErrorKind::cancelled, "stopped");
  }
  for (size_t first = 0; first < data.size(); first += kBatch) {
    std::vector<Image> pictures;
    std::vector<const Image*> pointers;
    for (size_t i = first; i < std::min(first + kBatch, data.size()); ++i) pictures.push_back(data.picture(i, size));
    for (const Image& picture : pictures) pointers.push_back(&picture);
    const Tensor scaled = vae.encode(picture_batch(pointers)).mean * vae.config.scale_factor;
    const auto values = scaled.view<float>();
    latents_.insert(latents_.end(), values.begin(), values.end());
    latent_ = {scaled.dim(1), scaled.dim(2), scaled.dim(3)};
    require(!watcher.stop(), ErrorKind::cancelled, "stopped");
  }
}

Tensor LatentCache::latents(std::span<const size_t> indices) const {
  Tensor result = Tensor::empty({static_cast<int64_t>(indices.size()), latent_[0], latent_[1], latent_[2]});
  const int64_t size = latent_.count();
  for (size_t b = 0; b < indices.size(); ++b)
    std::copy_n(latents_.begin() + indices[b] * size, size, result.edit<float>().begin() + b * size);
  return result;
}

Tensor LatentCache::contexts(std::span<const size_t> indices) const {
  Tensor result = Tensor::empty({static_cast<int64_t>(indices.size()), context_[0], context_[1]});
  const int64_t size = context_.count();
  for (size_t b = 0; b < indices.size(); ++b) {
    const size_t caption = indices[b] == kNoCaption ? 0 : caption_of_[indices[b]];
    widen(contexts_.data(), DType::f16, static_cast<int64_t>(caption) * size, size,
          result.edit<float>().data() + b * size);
  }
  return result;
}

}  // namespace calotype
