#include "io/folder.h"

#include <gtest/gtest.h>

#include "io/safetensors.h"
#include "io/scratch.h"

namespace calotype {
namespace {

void write_weights(const std::filesystem::path& path, const std::string& name, float value) {
  const StoredTensor tensors[] = {{name, StoredType::f32, Shape{1}, std::as_bytes(std::span(&value, 1))}};
  write_safetensors(path, tensors, {});
}

TEST(Folder, PrefersFullPrecisionUnlessAVariantIsAskedFor) {
  const Scratch scratch;
  EXPECT_FALSE(component_files(scratch / ""));
  scratch.write("pytorch_model.bin", "x");
  EXPECT_EQ(component_files(scratch / "")->files.front().filename(), "pytorch_model.bin");
  write_weights(scratch / "model.fp16.safetensors", "a", 1);
  EXPECT_EQ(component_files(scratch / "")->variant, "");  // full precision, though it is a pickle
  std::filesystem::remove(scratch / "pytorch_model.bin");
  auto chosen = component_files(scratch / "");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->variant, "fp16");
  write_weights(scratch / "model.safetensors", "a", 2);
  chosen = component_files(scratch / "");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->variant, "");
  EXPECT_EQ(values_of(*open_component(*chosen).find("a")), std::vector<double>{2});
  chosen = component_files(scratch / "", "fp16");
  EXPECT_EQ(values_of(*open_component(*chosen).find("a")), std::vector<double>{1});
  EXPECT_EQ(component_files(scratch / "", "bf16")->variant, "");
  refusal(ErrorKind::bad_input, [&] { component_files(scratch / "", "../x"); });
}

TEST(Folder, ReadsShards) {
  const Scratch scratch;
  write_weights(scratch / "diffusion_pytorch_model-00001-of-00002.safetensors", "a", 1);
  write_weights(scratch / "diffusion_pytorch_model-00002-of-00002.safetensors", "b", 2);
  const std::string index = "diffusion_pytorch_model.safetensors.index.json";
  const auto write_index = [&](const std::string& a, const std::string& b) {
    scratch.write(index, R"({"metadata": {"total_size": 8}, "weight_map": {"a": ")" + a + R"(", "b": ")" + b + "\"}}");
  };
  const std::string first = "diffusion_pytorch_model-00001-of-00002.safetensors";
  const std::string second = "diffusion_pytorch_model-00002-of-00002.safetensors";
  write_index(first, second);
  const WeightFiles weights = open_component(*component_files(scratch / ""));
  EXPECT_EQ(weights.tensors().size(), 2u);
  EXPECT_EQ(values_of(*weights.find("b")), std::vector<double>{2});
  EXPECT_EQ(weights.owner_of("b"), weights.files()[1].owner());
  EXPECT_FALSE(weights.find("c"));
  EXPECT_FALSE(weights.owner_of("c"));

  write_index(first, "third.safetensors");
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { component_files(scratch / ""); }).find("third.safetensors"),
            std::string::npos);
  write_index(first, "../" + second);
  refusal(ErrorKind::bad_file, [&] { component_files(scratch / ""); });
  write_index(first, "..");
  refusal(ErrorKind::bad_file, [&] { component_files(scratch / ""); });
  write_index(second, second);
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { open_component(*component_files(scratch / "")); }).find(": a is not in"),
            std::string::npos);
  write_weights(scratch / second, "a", 1);
  write_index(first, first);
  refusal(ErrorKind::bad_file, [&] { open_component(*component_files(scratch / "")); });
  scratch.write(index, R"({"weight_map": {"a": 3}})");
  refusal(ErrorKind::bad_file, [&] { component_files(scratch / ""); });
  scratch.write(index, "[]");
  refusal(ErrorKind::bad_file, [&] { component_files(scratch / ""); });
}

TEST(Folder, KnowsTheTwoNamesOfAVariantsIndex) {
  for (const std::string index : {"model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json",
                                  "model.safetensors.fp16.index.json"}) {
    const Scratch scratch;
    write_weights(scratch / "model.fp16-00001-of-00001.safetensors", "a", 1);
    scratch.write(index, R"({"weight_map": {"a": "model.fp16-00001-of-00001.safetensors"}})");
    EXPECT_EQ(component_files(scratch / "", "fp16")->variant, "fp16") << index;
  }
}

TEST(Folder, ReadsThePipelinesClass) {
  const Scratch scratch;
  EXPECT_FALSE(is_diffusers_folder(scratch / ""));
  scratch.write("model_index.json",
                R"({"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]})");
  EXPECT_TRUE(is_diffusers_folder(scratch / ""));
  EXPECT_EQ(pipeline_class(scratch / ""), "StableDiffusionPipeline");
  scratch.write("model_index.json", "{}");
  refusal(ErrorKind::bad_file, [&] { pipeline_class(scratch / ""); });
}

}  // namespace
}  // namespace calotype
