#include "check/formula_model.h"

#include "check/model_words.h"
#include "load/formula_source.h"

namespace calotype::checker {

std::string FormulaModels::prefix(const char* part, const char* otherwise) const {
  return word(words_.value("prefixes", json()), part, otherwise);
}

FormulaModel& FormulaModels::of(const std::string& name) {
  std::unique_ptr<FormulaModel>& model = models_[name];
  if (!model) {
    const json all = words_.value("models", json::object());
    require(all.contains(name), ErrorKind::bad_file, "models.json: there is no model {}", name);
    model = std::make_unique<FormulaModel>(build(name, all[name]));
  }
  return *model;
}

FormulaModel FormulaModels::build(const std::string& name, const json& words) const {
  const ModelDescription words_of = model_description(words);
  FormulaModel model{{}, has_clip_l(words) ? TokenizerRules::hugging_face_sd1 : TokenizerRules::hugging_face_sd2};
  StableDiffusion& parts = model.parts;
  parts.name = name;
  parts.prediction = words_of.prediction;
  parts.noise.beta_start = words_of.beta_start;
  parts.noise.beta_end = words_of.beta_end;
  parts.noise.train_steps = words_of.train_steps;
  parts.latent_size = words_of.latent_size;
  parts.low_scale.noise.beta_start = words_of.low_beta_start.value_or(parts.low_scale.noise.beta_start);
  parts.low_scale.noise.beta_end = words_of.low_beta_end.value_or(parts.low_scale.noise.beta_end);
  parts.low_scale.max_level = words_of.max_noise_level.value_or(parts.low_scale.max_level);

  FormulaSource unet_source(unet_keys(*words_of.unet), prefix("unet", "model.diffusion_model."));
  parts.unet = std::make_unique<UNet>(Params(unet_source), *words_of.unet);
  FormulaSource vae_source(vae_keys(*words_of.vae), prefix("vae", "first_stage_model."));
  parts.vae = std::make_unique<Vae>(Params(vae_source), *words_of.vae);
  if (has_clip_l(words)) {
    FormulaSource source(text_keys(*words_of.text, ""),
                         prefix("text_clipl", "cond_stage_model.transformer.text_model."), DType::f32,
                         Layout::diffusers);
    parts.text = std::make_unique<TextEncoder>(Params(source), *words_of.text);
  } else {
    FormulaSource source(text_keys(*words_of.text), prefix("text_openclip", "cond_stage_model.model."));
    parts.text = std::make_unique<TextEncoder>(Params(source), *words_of.text);
  }
  if (words_of.depth) {
    FormulaSource source(depth_keys(*words_of.depth), prefix("depth", "depth_model.model."));
    parts.depth = std::make_unique<DepthNet>(Params(source), *words_of.depth);
  }
  if (words_of.image) {
    FormulaSource source(image_tower_keys(*words_of.image), prefix("image", "embedder.model."));
    parts.image.tower = std::make_unique<ImageTower>(Params(source) / "image", *words_of.image);
  }
  return model;
}

}  // namespace calotype::checker
