#include "train/latent_cache.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "io/safetensors.h"
#include "ops/arithmetic.h"
#include "train/picture_batch.h"

namespace calotype {
namespace {

constexpr size_t kBatch = 16;

}  // namespace

LatentCache::LatentCache(const Dataset& data, const Vae& vae, const TextEncoder& text, int size,
                         const TrainWatcher& watcher, const std::filesystem::path& file,
                         const std::string& fingerprint) {
  std::map<std::string, size_t> numbers{{"", 0}};
  std::vector<std::string> captions{""};
  for (const Sample& sample : data.samples()) {
    const auto [found, added] = numbers.emplace(sample.text, captions.size());
    if (added) captions.push_back(sample.text);
    caption_of_.push_back(found->second);
  }
  const int64_t cells = size / vae.config.downscale();
  latent_ = {cells, cells, vae.config.embed_dim};
  context_ = {text.config.context_length, text.config.width};
  if (read(file, fingerprint, captions.size())) return;
  watcher.on_note(fmt::format("encodes {} pictures", data.size()));
  encode(data, vae, text, captions, size, watcher);
  write(file, fingerprint);
}

void LatentCache::encode(const Dataset& data, const Vae& vae, const TextEncoder& text,
                         std::span<const std::string> captions, int size, const TrainWatcher& watcher) {
  const NoGrad frozen;
  for (size_t first = 0; first < captions.size(); first += kBatch) {
    const auto some = captions.subspan(first, std::min(kBatch, captions.size() - first));
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
    require(!watcher.stop(), ErrorKind::cancelled, "stopped");
  }
}

bool LatentCache::read(const std::filesystem::path& file, const std::string& fingerprint, size_t captions) {
  if (!std::filesystem::exists(file)) return false;
  const Safetensors kept(file);
  const auto said = kept.metadata().find("fingerprint");
  const StoredTensor *latents = kept.find("latents"), *contexts = kept.find("contexts");
  latents_.resize(caption_of_.size() * latent_.count());
  contexts_.resize(captions * context_.count());
  const bool fits = said != kept.metadata().end() && said->second == fingerprint && latents && contexts &&
                    latents->bytes.size() == std::as_bytes(std::span(latents_)).size() &&
                    contexts->bytes.size() == std::as_bytes(std::span(contexts_)).size();
  if (fits) {
    std::memcpy(latents_.data(), latents->bytes.data(), latents->bytes.size());
    std::memcpy(contexts_.data(), contexts->bytes.data(), contexts->bytes.size());
  } else {
    latents_.clear();
    contexts_.clear();
  }
  return fits;
}

void LatentCache::write(const std::filesystem::path& file, const std::string& fingerprint) const {
  const StoredTensor tensors[] = {
      {"latents", StoredType::f32, {static_cast<int64_t>(latents_.size())}, std::as_bytes(std::span(latents_))},
      {"contexts", StoredType::f16, {static_cast<int64_t>(contexts_.size())}, std::as_bytes(std::span(contexts_))}};
  write_safetensors(file, tensors, {{"fingerprint", fingerprint}});
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
