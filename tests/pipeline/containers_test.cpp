#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "base/blocks.h"
#include "io/gguf.h"
#include "load/converted.h"
#include "load/relaid_values.h"
#include "pipeline/text_to_image.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"
#include "support/torch_writer.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;
using testing::write_tiny_model;

std::vector<uint8_t> picture(const fs::path& path) {
  const StableDiffusion model = open_stable_diffusion(path);
  TextToImage asked;
  asked.prompt = "a cat";
  asked.negative_prompt = "a dog";
  asked.sampler = "dpmpp_2m";  // a folder names one of its own
  asked.steps = 2;
  asked.seed = 7;
  return text_to_image(model, asked).images.at(0).pixels;
}

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// All tensors of a file as name, shape, type and bytes.
using Listing = std::map<std::string, std::tuple<std::string, StoredType, std::vector<std::byte>>>;
Listing listing(const fs::path& path) {
  const TensorFile file(path);
  Listing all;
  for (const StoredTensor& tensor : file.tensors())
    all[tensor.name] = {tensor.shape.text(), tensor.type, {tensor.bytes.begin(), tensor.bytes.end()}};
  return all;
}

class Containers : public ::testing::Test {
 protected:
  void SetUp() override { model_ = write_tiny_model(scratch_ / "tiny.safetensors", Prediction::v_prediction); }
  WrittenModel written(const std::string& name, const ConvertRequest& request = {}) {
    return convert(ModelFiles(model_), scratch_ / name, request);
  }

  Scratch scratch_;
  fs::path model_;
};

TEST_F(Containers, AllDrawTheSamePicture) {
  const std::vector<uint8_t> reference = picture(model_);
  const TensorFile source(model_);
  write_file(scratch_ / "new.ckpt", testing::torch_archive(source.tensors()));
  write_file(scratch_ / "old.ckpt", testing::torch_stream(source.tensors()));
  for (const char* name : {"new.yaml", "old.yaml"}) fs::copy_file(scratch_ / "tiny.yaml", scratch_ / name);
  EXPECT_EQ(picture(scratch_ / "new.ckpt"), reference);
  EXPECT_EQ(picture(scratch_ / "old.ckpt"), reference);
  written("tiny.gguf");
  written("folder");
  written("again.safetensors");
  EXPECT_EQ(picture(scratch_ / "tiny.gguf"), reference);
  EXPECT_EQ(picture(scratch_ / "again.safetensors"), reference);
  EXPECT_EQ(picture(scratch_ / "folder"), reference);
}

TEST_F(Containers, RoundTripsKeepEveryBit) {
  Listing original = listing(model_);
  written("same.safetensors");
  EXPECT_EQ(listing(scratch_ / "same.safetensors"), original);
  written("tiny.gguf");
  convert(ModelFiles(scratch_ / "tiny.gguf"), scratch_ / "back.safetensors", {});
  original.erase("cond_stage_model.model.logit_scale");  // has no axes
  EXPECT_EQ(listing(scratch_ / "back.safetensors"), original);

  written("folder");
  convert(ModelFiles(scratch_ / "folder"), scratch_ / "unfolded.safetensors", {});
  // A folder has lost what does not run: the last block, the projection.
  std::erase_if(original, [](const auto& entry) {
    return entry.first.find("resblocks.2.") != std::string::npos ||
           entry.first.find("text_projection") != std::string::npos;
  });
  EXPECT_EQ(listing(scratch_ / "unfolded.safetensors"), original);
  const Listing vae = listing(scratch_ / "folder" / "vae" / "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(std::get<0>(vae.at("decoder.mid_block.attentions.0.to_q.weight")), "[32, 32]");
  const TensorFile reread(scratch_ / "tiny.gguf");
  EXPECT_EQ(reread.metadata().at("sd.prediction_type"), "v");
}

TEST_F(Containers, TypesAndPartsAreChosen) {
  ConvertRequest request{.types = {.type = StoredType::f32}, .parts = {PartKind::vae}};
  written("vae.safetensors", request);
  for (const auto& [name, tensor] : listing(scratch_ / "vae.safetensors")) {
    EXPECT_EQ(name.rfind("first_stage_model.", 0), 0u);
    EXPECT_EQ(std::get<1>(tensor), StoredType::f32);
  }
  EXPECT_EQ(picture(model_), [&] {
    const StableDiffusion model = open_stable_diffusion(model_, {.vae = scratch_ / "vae.safetensors"});
    TextToImage asked;
    asked.prompt = "a cat";
    asked.negative_prompt = "a dog";
    asked.steps = 2;
    asked.seed = 7;
    return text_to_image(model, asked).images.at(0).pixels;
  }());

  request = {.types = {.type = StoredType::q8_0, .rules = type_rules("ff\\.net=q4_0,to_out=f32")},
             .words = {.license = "openrail++"}};
  const WrittenModel result = written("q.gguf", request);
  EXPECT_GT(result.kept, 0);
  const Listing all = listing(scratch_ / "q.gguf");
  const std::string block = "model.diffusion_model.middle_block.1.transformer_blocks.0.";
  EXPECT_EQ(std::get<1>(all.at(block + "attn1.to_q.weight")), StoredType::q8_0);
  EXPECT_EQ(std::get<1>(all.at(block + "ff.net.2.weight")), StoredType::q4_0);
  EXPECT_EQ(std::get<1>(all.at(block + "attn1.to_out.0.weight")), StoredType::f32);
  EXPECT_EQ(std::get<1>(all.at(block + "norm1.weight")), StoredType::f16);
  EXPECT_EQ(std::get<1>(all.at("cond_stage_model.model.token_embedding.weight")), StoredType::f16);
  EXPECT_EQ(TensorFile(scratch_ / "q.gguf").metadata().at("general.license"), "openrail++");
  const StableDiffusion model = open_stable_diffusion(scratch_ / "q.gguf");
  EXPECT_EQ(model.unet->mid_transformer.self.to_q.weight.dtype(), DType::q8_0);  // not widened
  EXPECT_EQ(model.unet->mid_transformer.ff.out.weight.dtype(), DType::q4_0);
  picture(scratch_ / "q.gguf");

  refusal(ErrorKind::bad_input, [&] { written("q.safetensors", {.types = {.type = StoredType::q8_0}}); });
  refusal(ErrorKind::bad_input, [&] { written("q.ckpt"); });
  refusal(ErrorKind::bad_input, [&] { type_rules("(=f16"); });
  refusal(ErrorKind::bad_input, [&] { type_rules("x=f17"); });
  refusal(ErrorKind::bad_input, [&] { written("e.safetensors", {.averages = true}); });
  EXPECT_FALSE(fs::exists(scratch_ / "q.safetensors"));
}

TEST_F(Containers, QuantizedWeightsAreNearTheirValues) {
  written("q8.gguf", {.types = {.type = StoredType::q8_0}});
  written("q4.gguf", {.types = {.type = StoredType::q4_0}});
  const std::string name = "model.diffusion_model.middle_block.1.proj_in.weight";
  const std::vector<double> exact = values_of(*TensorFile(model_).find(name));
  for (const auto& [file, steps] : {std::pair("q8.gguf", 127.0), std::pair("q4.gguf", 8.0)}) {
    const std::vector<double> got = values_of(*TensorFile(scratch_ / file).find(name));
    ASSERT_EQ(got.size(), exact.size());
    for (size_t block = 0; block < exact.size(); block += 32) {
      double greatest = 0;
      for (size_t i = block; i < block + 32; ++i) greatest = std::max(greatest, std::abs(exact[i]));
      // Half a step, and what rounding the scale to f16 moves the farthest value; q4_0 ends one step early on one side.
      const double bound = greatest / steps * (steps < 100 ? 1.0 : 0.5) + greatest * 0x1p-11;
      for (size_t i = block; i < block + 32; ++i) EXPECT_LE(std::abs(got[i] - exact[i]), bound * 1.0001) << file;
    }
  }
}

TEST_F(Containers, ModelsAreMixed) {
  const TensorFile source(model_);
  std::vector<std::vector<std::byte>> kept;
  std::vector<StoredTensor> halved;
  for (const StoredTensor& tensor : source.tensors()) {
    std::vector<float> values(static_cast<size_t>(tensor.shape.count()));
    widen(tensor, 0, values);
    for (float& value : values) value /= 2;
    kept.emplace_back(std::as_bytes(std::span(values)).begin(), std::as_bytes(std::span(values)).end());
    halved.push_back({tensor.name, StoredType::f32, tensor.shape, {}});
  }
  for (size_t i = 0; i < halved.size(); ++i) halved[i].bytes = kept[i];
  write_safetensors(scratch_ / "half.safetensors", halved, {});
  const ModelFiles a(model_), b(scratch_ / "half.safetensors");
  const auto ratio = [&](const fs::path& path, const std::string& name) {
    const std::vector<double> got = values_of(*TensorFile(path).find(name)), was = values_of(*source.find(name));
    for (size_t i = 0; i < was.size(); ++i)
      if (std::abs(was[i]) > 1e-3) return got[i] / was[i];
    return 0.0;
  };
  const std::string in = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight",
                    out = "model.diffusion_model.out.2.weight", time = "model.diffusion_model.time_embed.0.weight",
                    vae = "first_stage_model.decoder.conv_in.weight";
  MergeRequest request{.alpha = 0.5, .types = {.type = StoredType::f32}};
  merge(a, b, nullptr, scratch_ / "sum.safetensors", request);
  EXPECT_NEAR(ratio(scratch_ / "sum.safetensors", in), 0.75, 1e-6);
  request.difference = true;
  merge(a, b, &a, scratch_ / "difference.safetensors", request);
  EXPECT_NEAR(ratio(scratch_ / "difference.safetensors", vae), 0.75, 1e-6);
  request.difference = false;
  request.block_weights.assign(26, 0);
  request.block_weights[1] = 1;     // the first block
  request.block_weights[25] = 0.5;  // the last
  merge(a, b, nullptr, scratch_ / "blocks.safetensors", request);
  EXPECT_NEAR(ratio(scratch_ / "blocks.safetensors", in), 1, 1e-6);
  EXPECT_NEAR(ratio(scratch_ / "blocks.safetensors", time), 0.5, 1e-6);
  EXPECT_NEAR(ratio(scratch_ / "blocks.safetensors", out), 0.75, 1e-6);
  EXPECT_NEAR(ratio(scratch_ / "blocks.safetensors", vae), 1, 1e-6);
  EXPECT_EQ(listing(scratch_ / "blocks.safetensors").size(), listing(model_).size());
  refusal(ErrorKind::bad_input, [&] { merge(a, b, &a, scratch_ / "x.safetensors", {}); });
  request.block_weights.assign(25, 0);
  refusal(ErrorKind::bad_input, [&] { merge(a, b, nullptr, scratch_ / "x.safetensors", request); });
}

TEST_F(Containers, AveragedCopiesAreTaken) {
  const TensorFile source(model_);
  const std::vector<std::byte> zeros(1 << 22);
  std::vector<StoredTensor> tensors;
  for (const StoredTensor& tensor : source.tensors()) {
    tensors.push_back(tensor);
    if (tensor.name.rfind("model.diffusion_model.", 0) != 0) continue;
    tensors.back().bytes = std::span(zeros).first(tensor.bytes.size());
    tensors.push_back(tensor);
    tensors.back().name = ema_key(tensor.name);
  }
  write_safetensors(scratch_ / "averaged.safetensors", tensors, {});
  fs::copy_file(scratch_ / "tiny.yaml", scratch_ / "averaged.yaml");
  EXPECT_EQ(picture(scratch_ / "averaged.safetensors"), picture(model_));
  convert(ModelFiles(scratch_ / "averaged.safetensors"), scratch_ / "plain.safetensors", {.averages = false});
  convert(ModelFiles(scratch_ / "averaged.safetensors"), scratch_ / "mean.safetensors", {});
  EXPECT_EQ(listing(scratch_ / "mean.safetensors"), listing(model_));
  EXPECT_NE(listing(scratch_ / "plain.safetensors"), listing(model_));
}

}  // namespace
}  // namespace calotype
