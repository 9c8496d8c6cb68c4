#include "cli/program_test.h"
#include "io/safetensors.h"

namespace calotype::testing {
namespace {

/// The layer of the tiny model that the adapters here change, and one that no model has.
constexpr const char* kLayer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
constexpr const char* kNowhere = "lora_unet_nowhere";
constexpr int64_t kTinyMiddle = 64;  // channels there

class AdapterOptions : public Program {
 protected:
  /// A LoRA of rank 1 for a layer of that width.
  void write_adapter(const std::string& name, const std::string& layer, int64_t width) const {
    const std::vector<float> ones(width, 1);
    const std::vector<StoredTensor> tensors = {
        {layer + ".lora_down.weight", StoredType::f32, {1, width}, std::as_bytes(std::span(ones))},
        {layer + ".lora_up.weight", StoredType::f32, {width, 1}, std::as_bytes(std::span(ones))}};
    std::filesystem::create_directories(at("loras"));
    write_safetensors(at("loras/" + name + ".safetensors"), tensors, {});
  }
  Finished run(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"-o", at("p.png"), "-s", "1", "--steps", "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(drawing(arguments));
  }
  std::string drawn(const std::vector<std::string>& more) const {
    const Finished finished = run(more);
    EXPECT_EQ(finished.code, 0) << finished.errors;
    const Image image = read_image(at("p.png"));
    return {image.pixels.begin(), image.pixels.end()};
  }
};

TEST_F(AdapterOptions, AFileAndATagAreTheSame) {
  write_adapter("bold", kLayer, kTinyMiddle);
  const std::string plain = drawn({"-p", "a fox"}), folder = at("loras");
  const std::string by_file = drawn({"-p", "a fox", "--lora", folder + "/bold.safetensors:0.5"});
  EXPECT_NE(by_file, plain);
  EXPECT_EQ(drawn({"-p", "a fox<lora:bold:0.5>", "--lora-dir", folder}), by_file);
  EXPECT_EQ(drawn({"-p", "a fox", "--lora-dir", folder, "--lora", "bold:0.5:0"}), by_file);
  EXPECT_EQ(drawn({"-p", "a fox", "--lora", folder + "/bold.safetensors:0"}), plain);
}

TEST_F(AdapterOptions, NamesThatAreNotThere) {
  write_adapter("bold", kLayer, kTinyMiddle);
  const Finished near = run({"-p", "a fox<lora:bald>", "--lora-dir", at("loras")});
  EXPECT_EQ(near.code, 3);
  EXPECT_NE(near.errors.find("do you mean bold?"), std::string::npos) << near.errors;
  EXPECT_EQ(run({"-p", "a fox<lora:bold>"}).code, 2);
  EXPECT_EQ(run({"-p", "a fox<lora:../loras/bold>", "--lora-dir", at("loras")}).code, 3);
  EXPECT_EQ(run({"-p", "a fox", "--lora", at("nothing.safetensors")}).code, 3);
}

TEST_F(AdapterOptions, WhatDoesNotFitIsRefusedOrNamed) {
  write_adapter("wide", kLayer, kTinyMiddle + 8);
  const Finished wide = run({"-p", "a fox", "--lora-dir", at("loras"), "--lora", "wide"});
  EXPECT_EQ(wide.code, 3);
  EXPECT_NE(wide.errors.find("mid_block.attentions.0"), std::string::npos) << wide.errors;
  write_adapter("nowhere", kNowhere, 8);
  EXPECT_EQ(run({"-p", "a fox", "--lora-dir", at("loras"), "--lora", "nowhere"}).code, 3);
  EXPECT_FALSE(left().contains("p.png"));
}

TEST_F(AdapterOptions, AreMergedWhereAModelIsWritten) {
  write_adapter("bold", kLayer, kTinyMiddle);
  const std::string bold = at("loras") + "/bold.safetensors";
  const auto converted = [&](const std::vector<std::string>& more) {
    Start start{{"convert", "-o", at("merged.safetensors")}};
    start.arguments.insert(start.arguments.end(), more.begin(), more.end());
    return run_program(start);
  };
  // What an option takes ends before the model.
  EXPECT_EQ(converted({"--lora", bold + ":0.5", model_.string()}).code, 0);
  const std::string by_file = file_text(at("merged.safetensors"));
  EXPECT_EQ(converted({model_.string(), "--lora-dir", at("loras"), "--lora", "bold:0.25", "--lora", "bold:0.25"}).code,
            0);
  EXPECT_EQ(file_text(at("merged.safetensors")), by_file);
  EXPECT_EQ(converted({model_.string()}).code, 0);
  EXPECT_NE(file_text(at("merged.safetensors")), by_file);
  EXPECT_EQ(converted({model_.string(), "--lora", at("nothing.safetensors")}).code, 3);
  write_adapter("wide", kLayer, kTinyMiddle + 8);
  EXPECT_EQ(converted({model_.string(), "--lora", at("loras") + "/wide.safetensors"}).code, 3);
}

}  // namespace
}  // namespace calotype::testing
