#include "check/formula_model.h"

#include "check/configurations.h"
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
  FormulaModel model{{}, TokenizerRules::hugging_face_sd2};
  StableDiffusion& parts = model.parts;
  parts.name = name;
  parts.prediction = word(words, "parameterization", "eps") == "v" ? Prediction::v_prediction : Prediction::epsilon;
  const json schedule = words.value("schedule", json::object());
  parts.noise.beta_start = optional_number(schedule, "linear_start").value_or(parts.noise.beta_start);
  parts.noise.beta_end = optional_number(schedule, "linear_end").value_or(parts.noise.beta_end);
  parts.noise.train_steps = static_cast<int64_t>(optional_number(schedule, "timesteps").value_or(1000));
  parts.latent_size = static_cast<int64_t>(optional_number(words.at("unet"), "image_size").value_or(64));

  const UNetConfig unet = unet_config(words["unet"]);
  FormulaSource unet_source(unet_keys(unet), prefix("unet", "model.diffusion_model."));
  parts.unet = std::make_unique<UNet>(Params(unet_source), unet);

  VaeConfig vae = vae_config(words.at("vae"));
  vae.scale_factor = optional_number(words, "scale_factor").value_or(vae.scale_factor);
  FormulaSource vae_source(vae_keys(vae), prefix("vae", "first_stage_model."));
  parts.vae = std::make_unique<Vae>(Params(vae_source), vae);

  if (words.contains("text_clipl")) {
    const TextConfig text = clip_l_config(words["text_clipl"]);
    FormulaSource source(text_keys(text, ""), prefix("text_clipl", "cond_stage_model.transformer.text_model."),
                         DType::f32, Layout::diffusers);
    parts.text = std::make_unique<TextEncoder>(Params(source), text);
    model.tokenizer = TokenizerRules::hugging_face_sd1;
  } else {
    TextConfig text = open_clip_config(words.at("text_openclip"), "gelu");
    if (word(words["text_openclip"], "layer", "penultimate") == "last") text.used_layers = text.layers;
    FormulaSource source(text_keys(text), prefix("text_openclip", "cond_stage_model.model."));
    parts.text = std::make_unique<TextEncoder>(Params(source), text);
  }
  return model;
}

}  // namespace calotype::checker
