#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "check/model_words.h"
#include "check/reference.h"
#include "cli/process.h"
#include "io/picture.h"
#include "load/formula_file.h"
#include "pipeline/request.h"
#include "support/golden_file.h"
#include "support/scratch.h"

namespace calotype::testing {
namespace {

using checker::json;

const std::filesystem::path kFolder = data_path("pipelines");

/// The command line of a case of the reference data.
std::vector<std::string> command_of(const json& request, const std::string& model, const std::string& output) {
  const std::string pipeline = request.at("pipeline");
  std::vector<std::string> words{pipeline, "-m", model, "-t", "2", "--precision", "f32", "-o", output};
  const auto add = [&](const char* key, const char* option) {
    if (!request.contains(key)) return;
    const json& value = request[key];
    words.insert(words.end(), {option, value.is_string() ? value.get<std::string>() : value.dump()});
  };
  const auto add_file = [&](const char* key, const char* option) {
    if (request.contains(key) && request[key] != "net")
      words.insert(words.end(), {option, (kFolder / request[key].get<std::string>()).string()});
  };
  add("prompt", "-p");
  add("negative_prompt", "-n");
  add("seed", "--seed");
  add("steps", "--steps");
  add("cfg_scale", "--cfg-scale");
  add("sampler", "--sampler");
  add("spacing", "--spacing");
  add("sigmas", "--scheduler");
  add("eta", "--eta");
  add("strength", "--strength");
  add("width", "--width");
  add("height", "--height");
  add("noise_level", "--noise-level");
  add("padding_mask_crop", "--inpaint-crop");
  add_file("init_image", "-i");
  add_file("mask_image", "--mask");
  add_file("depth", "--depth");
  if (pipeline == "inpaint") words.emplace_back("--no-paste");
  if (pipeline == "upscale") words.insert(words.end(), {"--recipe", "diffusers"});
  TextToImage any;
  if (find(fields(any), "prompt_syntax")) words.insert(words.end(), {"--prompt-syntax", "none"});
  return words;
}

/// The commands draw what the reference pipelines draw: whole runs, from a checkpoint file to a PNG.
TEST(ReferenceDrawings, TheCommandLineDrawsThem) {
#ifdef CALOTYPE_SANITIZED
  GTEST_SKIP() << "the checker draws the same ones with sanitizers";
#endif
  const std::set<std::string> wanted{"txt2img_base_ddim",      "txt2img_v_ddim",        "img2img_base_ddim",
                                     "img2img_v_euler_a",      "img2img_base_dpmpp_2m", "depth2img_ddim_full",
                                     "depth2img_cfg1_euler_a", "inpaint4_ddim",         "inpaint4_strength_euler",
                                     "inpaint9_strength_ddim", "inpaint9_cfg1_euler_a", "inpaint9_masked_area",
                                     "upscale_ddim",           "upscale_odd_size",      "upscale_euler_cfg1"};
  const Scratch scratch;
  const json words = checker::read_json(kFolder / "models.json");
  size_t drawn = 0;
  const json index = checker::read_json(kFolder / "pipelines.json");
  for (const json& row : index.at("cases")) {
    const std::string id = row.at("id"), name = row.at("request").at("model");
    if (!wanted.contains(id)) continue;
    const std::filesystem::path model = scratch / (name + ".safetensors");
    if (!std::filesystem::exists(model))
      write_formula_model(model, checker::model_description(words.at("models").at(name)), DType::f32);
    const std::string output = scratch / (id + ".png");
    const Finished finished = run_program({command_of(row["request"], model, output)});
    ASSERT_EQ(finished.code, 0) << id << ": " << finished.errors;
    ++drawn;

    const checker::ReferenceTensors reference(kFolder / (id + ".safetensors"));
    const Shape shape = reference.shape("image_u8");
    const std::vector<double> want = reference.values("image_u8");
    const Image image = read_image(output);
    ASSERT_EQ(image.width, shape[2]) << id;
    ASSERT_EQ(image.height, shape[1]) << id;
    size_t differing = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_LE(std::abs(image.pixels[i] - want[i]), 1) << id << ", byte " << i;
      differing += image.pixels[i] == want[i] ? 0 : 1;
    }
    EXPECT_LE(static_cast<double>(differing), 0.005 * static_cast<double>(want.size())) << id;
  }
  EXPECT_EQ(drawn, wanted.size());
}

}  // namespace
}  // namespace calotype::testing
