#include <cmath>

#include "base/error.h"
#include "check/configurations.h"
#include "check/network_case.h"
#include "load/formula_source.h"
#include "models/clip.h"
#include "text/prompt.h"

namespace calotype::checker {
namespace {

/// The stored ids, or those of the prompts; both are compared where there are both.
std::vector<int32_t> ids_of(const NetworkCase& network, Findings& findings) {
  std::vector<int32_t> made;
  const json inputs = network.entry("inputs"), words = inputs.is_object() ? inputs.value("ids", json()) : json();
  const bool pads_with_end = optional_number(words, "pad") == double{kEndOfText};
  const TokenizerRules rules = pads_with_end ? TokenizerRules::hugging_face_sd1 : TokenizerRules::open_clip;
  if (words.contains("prompts")) {
    for (const json& prompt : words["prompts"]) {
      const FramedPrompt framed = frame(prompt.get<std::string>(), Tokenizer::clip(rules));
      made.insert(made.end(), framed.ids.begin(), framed.ids.end());
    }
  }
  if (!network.stored("in.ids")) {
    require(!made.empty(), ErrorKind::bad_file, "{}: there are neither ids nor prompts", network.name());
    return made;
  }
  const std::vector<double> stored = network.list("ids");
  const std::vector<int32_t> ids(stored.begin(), stored.end());
  if (made.size() == ids.size()) findings.equal("ids of the prompts", made, ids);  // else of another context length
  return ids;
}

Tensor normalised(const Tensor& features) {
  Tensor y = features.clone();
  const int64_t width = y.dim(-1);
  const std::span<float> values = y.edit<float>();
  for (size_t row = 0; row < values.size(); row += static_cast<size_t>(width)) {
    double length = 0;
    for (int64_t c = 0; c < width; ++c) length += double{values[row + c]} * values[row + c];
    for (int64_t c = 0; c < width; ++c) values[row + c] = static_cast<float>(values[row + c] / std::sqrt(length));
  }
  return y;
}

/// exp(scale) times the cosines of all pairs: [images, texts].
Tensor scaled_cosines(const Tensor& images, const Tensor& texts, double scale) {
  const Tensor left = normalised(images), right = normalised(texts);
  const int64_t rows = left.dim(0), columns = right.dim(0), width = left.dim(1);
  Tensor y = Tensor::empty({rows, columns});
  const std::span<float> out = y.edit<float>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (int64_t c = 0; c < width; ++c)
        sum += double{left.view<float>()[i * width + c]} * right.view<float>()[j * width + c];
      out[i * columns + j] = static_cast<float>(std::exp(scale) * sum);
    }
  return y;
}

Tensor run_text(NetworkCase& network, const json& words, const std::string& activation, Findings& findings) {
  const TextConfig config = open_clip_config(words, activation);
  FormulaSource source(text_keys(config), network.prefix());
  const TextEncoder text(Params(source, network.precision()), config);
  const std::vector<int32_t> ids = ids_of(network, findings);
  const Tap tap = network.tap();
  // The original's name for a block stands before the number; the embedding has none.
  const Tap named([&](const std::string& name, const Tensor& value) {
    tap(name.starts_with("resblocks.") ? "transformer." + name : name, value);
  });
  network.compare("out.last", text(ids, {config.layers, 0}, named));
  network.compare("out.penultimate", text(ids, {config.layers - 1, 0}));
  const Tensor features = text.pooled(ids);
  network.compare("out.text_features", features);
  return features;
}

Tensor run_image(NetworkCase& network, const json& words, const std::string& activation) {
  const ImageTowerConfig config = image_config(words, activation);
  FormulaSource source(image_tower_keys(config), network.prefix());
  const ImageTower tower(Params(source, network.precision()) / "image", config);
  const Tap tap = network.tap("visual.");
  const Tap named([&](const std::string& name, const Tensor& value) {
    tap(name.starts_with("resblocks.") ? "transformer." + name : name, value);
  });
  const Tensor features = tower(network.input("image"), named);
  network.compare("out.image_features", features);
  return features;
}

}  // namespace

void run_clip(NetworkCase& network, Findings& findings) {
  const json words = network.entry("config");
  const std::string activation = word(words, "activation");
  Tensor text, image;
  if (words.contains("text")) text = run_text(network, words["text"], activation, findings);
  if (words.contains("image")) image = run_image(network, words["image"], activation);
  if (!text || !image || !network.stored("out.logits_per_image")) return;
  const double scale = formula_values(network.prefix() + "logit_scale", Shape{}, 0, 1)[0];
  network.compare("out.logits_per_image", scaled_cosines(image, text, scale));
}

void run_clip_l(NetworkCase& network, Findings& findings) {
  const TextConfig config = clip_l_config(network.entry("config"));
  FormulaSource source(text_keys(config, ""), network.prefix(), DType::f32, Layout::diffusers);
  const TextEncoder text(Params(source, network.precision()), config);
  const std::vector<int32_t> ids = ids_of(network, findings);
  const Tap tap = network.tap();
  const Tap named([&](const std::string& name, const Tensor& value) {
    tap(name.starts_with("resblocks.") ? "encoder.layers." + name.substr(10) : name, value);
  });
  network.compare("out.last", text(ids, {config.layers, 0}, named));
  network.compare("out.clip_skip_1", text(ids, {config.layers - 1, 0}));
}

}  // namespace calotype::checker
