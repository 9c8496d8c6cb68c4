#include "check/model_words.h"

#include "base/error.h"
#include "check/configurations.h"

namespace calotype::checker {

bool has_clip_l(const json& words) {
  return words.contains("text_clipl");
}

ModelDescription model_description(const json& words) {
  require(words.contains("unet") && words.contains("vae"), ErrorKind::bad_file, "a model without unet or vae");
  ModelDescription model;
  model.prediction = word(words, "parameterization", "eps") == "v" ? Prediction::v_prediction : Prediction::epsilon;
  const json schedule = words.value("schedule", json::object());
  model.beta_start = optional_number(schedule, "linear_start").value_or(model.beta_start);
  model.beta_end = optional_number(schedule, "linear_end").value_or(model.beta_end);
  model.train_steps = static_cast<int64_t>(optional_number(schedule, "timesteps").value_or(1000));
  model.latent_size = static_cast<int64_t>(optional_number(words["unet"], "image_size").value_or(64));
  model.unet = unet_config(words["unet"]);
  model.vae = vae_config(words["vae"]);
  model.vae->scale_factor = optional_number(words, "scale_factor").value_or(model.vae->scale_factor);
  if (has_clip_l(words)) {
    model.text = clip_l_config(words["text_clipl"]);
  } else {
    model.text = open_clip_config(words.at("text_openclip"), "gelu");
    if (word(words["text_openclip"], "layer", "penultimate") == "last") model.text->used_layers = model.text->layers;
  }
  if (words.contains("depth")) model.depth = depth_config(words["depth"]);
  if (words.contains("image")) model.image = image_config(words["image"], "gelu");
  if (words.contains("low_scale")) {
    const json& low = words["low_scale"];
    model.low_beta_start = optional_number(low, "linear_start").value_or(model.beta_start);
    model.low_beta_end = optional_number(low, "linear_end").value_or(model.beta_end);
    model.max_noise_level = static_cast<int64_t>(optional_number(low, "max_noise_level").value_or(350));
  }
  return model;
}

}  // namespace calotype::checker
