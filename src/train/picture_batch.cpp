#include "train/picture_batch.h"

#include "base/parallel.h"
#include "text/prompt.h"

namespace calotype {
namespace {

// Of OpenAI's training pictures, in [0, 1].
constexpr float kClipMean[] = {0.48145466f, 0.4578275f, 0.40821073f};
constexpr float kClipDeviation[] = {0.26862954f, 0.26130258f, 0.27577711f};

}  // namespace

std::vector<Image> load_pictures(const Dataset& data, int size) {
  std::vector<Image> pictures(data.size());
  parallel_for(static_cast<int64_t>(data.size()), [&](int64_t i) { pictures[i] = data.picture(i, size); });
  return pictures;
}

Tensor picture_batch(std::span<const Image* const> pictures) {
  std::vector<float> pixels;
  for (const Image* picture : pictures) append_crop(*picture, 0, 0, picture->width, false, pixels);
  const int64_t size = pictures.empty() ? 0 : pictures[0]->width;
  return Tensor::from<float>(pixels, {static_cast<int64_t>(pictures.size()), size, size, 3});
}

Tensor clip_batch(std::span<const Image* const> pictures) {
  Tensor batch = picture_batch(pictures);
  const auto values = batch.edit<float>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = (values[i] / 2 + 0.5f - kClipMean[i % 3]) / kClipDeviation[i % 3];
  return batch;
}

std::vector<int32_t> caption_ids(std::span<const std::string> captions, int64_t tokens) {
  std::vector<int32_t> ids;
  for (const std::string& caption : captions) {
    const FramedPrompt framed = frame(caption, Tokenizer::clip());
    ids.insert(ids.end(), framed.ids.begin(), framed.ids.begin() + tokens);
    if (framed.end >= tokens) ids.back() = framed.ids[framed.end];
  }
  return ids;
}

}  // namespace calotype
