#include <algorithm>

#include "check/formula_model.h"
#include "check/kinds.h"
#include "check/pipeline_case.h"
#include "check/reference.h"
#include "diffusion/samplers.h"

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

void require_text_to_image(const json& request) {
  const std::string pipeline = request.at("pipeline");
  if (pipeline != "txt2img") throw Skipped{pipeline + " is not built yet"};
  const std::string recipe = word(request, "recipe", "diffusers");
  if (recipe != "diffusers" && recipe != "web_ui") throw Skipped{"the recipe " + recipe + " is not built yet"};
}

TextToImage request_of(const json& words, const FormulaModel& model) {
  require_text_to_image(words);
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
  request.clip_skip = static_cast<int64_t>(optional_number(words, "clip_skip").value_or(0));
  request.sampler = sampler.id;
  request.eta = optional_number(words, "eta");
  request.recipe = word(words, "recipe", "diffusers");
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

void check_case(const json& row, const Request& asked, FormulaModels& models, const json& tolerances,
                Findings& findings) {
  const json& words = row.at("request");
  require_text_to_image(words);
  sampler_of(words.at("sampler"));
  FormulaModel& model = models.of(words.at("model"));
  model.parts.noise.zero_terminal_snr = words.value("zero_terminal_snr", false);
  const TextToImage request = request_of(words, model);

  const std::string file = word(row, "file", word(row, "id") + ".safetensors");
  const ReferenceTensors tensors(asked.folder / file);
  json allowed = tolerances;
  allowed.update(row.value("tolerances", json::object()));
  PipelineCase run(model.parts, request, row, tensors, allowed, findings);
  run.compare();
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
