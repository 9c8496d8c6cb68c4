#include <algorithm>

#include "check/formula_model.h"
#include "check/kinds.h"
#include "check/pipeline_case.h"
#include "check/reference.h"
#include "diffusion/samplers.h"
#include "io/depth_file.h"
#include "io/picture.h"
#include "pipeline/depth_to_image.h"
#include "pipeline/image_to_image.h"
#include "pipeline/inpaint.h"
#include "pipeline/upscale.h"

namespace calotype::checker {
namespace {

/// One text, or one for each of several: as many as `count`, neighbours of one text side by side.
std::vector<std::string> texts_of(const json& request, const char* key, size_t count) {
  const json value = request.value(key, json(""));
  std::vector<std::string> texts;
  if (value.is_array())
    texts = value.get<std::vector<std::string>>();
  else if (value.is_string())
    texts = {value.get<std::string>()};
  if (texts.empty()) texts.emplace_back();
  require(count % texts.size() == 0, ErrorKind::bad_file, "{}: {} texts for {} pictures", key, texts.size(), count);
  std::vector<std::string> spread;
  for (const std::string& text : texts) spread.insert(spread.end(), count / texts.size(), text);
  return spread;
}

/// How many pictures a request makes: prompts times pictures of each, or as many as its list of seeds.
size_t pictures_of(const json& request) {
  const size_t prompts = request.at("prompt").is_array() ? request["prompt"].size() : 1;
  const size_t each = static_cast<size_t>(optional_number(request, "images_per_prompt").value_or(1));
  const size_t seeds = request.value("seed", json()).is_array() ? request["seed"].size() : 1;
  return std::max(prompts * each, seeds);
}

const Sampler& sampler_of(const std::string& id) {
  for (const Sampler& sampler : samplers())
    if (id == sampler.id) return sampler;
  throw Skipped{"the sampler " + id + " is not built yet"};
}

void require_recipe(const json& request) {
  const std::string recipe = word(request, "recipe", "diffusers");
  if (recipe != "diffusers" && recipe != "web_ui") throw Skipped{"the recipe " + recipe + " is not built yet"};
}

/// Names of one file, or of several.
std::vector<std::string> names_of(const json& value) {
  if (value.is_array()) return value.get<std::vector<std::string>>();
  return {value.get<std::string>()};
}

std::vector<Image> images_of(const json& words, const char* key, const std::filesystem::path& folder) {
  std::vector<Image> images;
  for (const std::string& name : names_of(words.at(key))) images.push_back(on_white(read_image(folder / name)));
  return images;
}

/// The maps of a request; none where the network of the model is asked.
std::vector<FloatMap> depths_of(const json& words, const std::filesystem::path& folder) {
  std::vector<FloatMap> maps;
  if (words.at("depth") == "net") return maps;
  for (const std::string& name : names_of(words["depth"])) maps.push_back(read_depth(folder / name));
  return maps;
}

TextToImage request_of(const json& words, const FormulaModel& model) {
  const std::string sampler_id = words.at("sampler");
  const Sampler& sampler = sampler_of(sampler_id);
  const size_t pictures = pictures_of(words);
  TextToImage request;
  request.prompts = texts_of(words, "prompt", pictures);
  request.negative_prompts = texts_of(words, "negative_prompt", pictures);
  request.batch_count = static_cast<int64_t>(pictures);
  request.width = static_cast<int64_t>(optional_number(words, "width").value_or(0));
  request.height = static_cast<int64_t>(optional_number(words, "height").value_or(0));
  request.steps = words.at("steps");
  request.cfg_scale = optional_number(words, "cfg_scale").value_or(7.5);
  request.guidance_rescale = optional_number(words, "guidance_rescale").value_or(0);
  request.diffusers_clip_skip = static_cast<int64_t>(optional_number(words, "clip_skip").value_or(0));
  request.sampler = sampler.id;
  request.eta = optional_number(words, "eta");
  request.recipe = word(words, "recipe", "diffusers");
  request.prompt_syntax = request.recipe == "web_ui" ? "a1111" : "none";
  request.tokenizer = model.tokenizer;
  if (request.recipe == "diffusers") {
    // What is not said is what the reference's class does by itself, whatever suits the model.
    request.spacing = word(words, "spacing", name_of(sampler.spacing));
    request.scheduler = word(words, "sigmas", name_of(SigmaKind::grid));
  } else {
    request.scheduler = word(words, "schedule", name_of(SigmaKind::uniform));
  }
  if (words.at("seed").is_array()) {
    request.seeds = words["seed"].get<std::vector<uint64_t>>();
  } else {
    request.seed = words["seed"];
    request.one_generator = true;
  }
  return request;
}

/// A request as the pipeline that it names settles it.
Settled settled_of(const json& words, const FormulaModel& model, const std::filesystem::path& folder) {
  const std::string pipeline = words.at("pipeline");
  TextToImage text = request_of(words, model);
  if (pipeline == "txt2img") {
    Settled run = settle(model.parts, text);
    run.plan.discard_next_to_last = false;  // the reference is k-diffusion's functions, not the web interface's menu
    return run;
  }
  std::vector<Image> pictures = images_of(words, "init_image", folder);
  const auto strength = [&](double otherwise) { return optional_number(words, "strength").value_or(otherwise); };
  if (pipeline == "img2img")
    return settle(
        model.parts,
        ImageToImage{.text = text, .pictures = std::move(pictures), .strength = strength(0.8), .full_size = true});
  if (pipeline == "depth2img")
    return settle(model.parts, DepthToImage{.text = text,
                                            .pictures = std::move(pictures),
                                            .depths = depths_of(words, folder),
                                            .strength = strength(0.8),
                                            .full_size = true});
  if (pipeline == "upscale")
    return settle(model.parts,
                  Upscale{.text = text,
                          .pictures = std::move(pictures),
                          .noise_level = static_cast<int64_t>(optional_number(words, "noise_level").value_or(20)),
                          .whole_fours = true});
  if (pipeline != "inpaint") throw Skipped{"the pipeline " + pipeline + " is unknown"};
  if (text.width == 0) text.width = model.parts.native_size();
  if (text.height == 0) text.height = model.parts.native_size();
  return settle(model.parts, Inpaint{.text = text,
                                     .picture = pictures.at(0),
                                     .masking = {.mask = images_of(words, "mask_image", folder).at(0), .paste = false},
                                     .strength = strength(1),
                                     .crop = optional_number(words, "padding_mask_crop"),
                                     .full_size = true});
}

void check_case(const json& row, const Request& asked, FormulaModels& models, const json& tolerances,
                Findings& findings) {
  const json& words = row.at("request");
  require_recipe(words);
  sampler_of(words.at("sampler"));
  FormulaModel& model = models.of(words.at("model"));
  model.parts.noise.zero_terminal_snr = words.value("zero_terminal_snr", false);
  Settled run = settled_of(words, model, asked.folder);
  const std::string file = word(row, "file", word(row, "id") + ".safetensors");
  const ReferenceTensors tensors(asked.folder / file);
  json allowed = tolerances;
  allowed.update(row.value("tolerances", json::object()));
  PipelineCase(model.parts, std::move(run), row, tensors, allowed, findings).compare();
}

}  // namespace

void check_pipelines(const Request& request, Report& report) {
  const json index = read_json(request.folder / "pipelines.json");
  require(index.is_object() && index.contains("cases"), ErrorKind::bad_file, "{}/pipelines.json: there are no cases",
          request.folder.string());
  FormulaModels models(read_json(request.folder / "models.json"));
  const json tolerances = index.value("tolerances", json::object());
  for (const json& row : index["cases"])
    report.run(word(row, "id"), [&](Findings& findings) { check_case(row, request, models, tolerances, findings); });
}

}  // namespace calotype::checker
