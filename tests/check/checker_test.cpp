#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "check/kinds.h"
#include "check/reference.h"
#include "support/scratch.h"

namespace calotype::checker {
namespace {

const std::filesystem::path kData = CALOTYPE_TEST_DATA;

struct Result {
  int code;
  std::string text;
  int64_t lines(const std::string& outcome) const {
    int64_t count = 0;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) count += line.starts_with(outcome + " ") ? 1 : 0;
    return count;
  }
};

using Check = void (*)(const Request&, Report&);

Result checked(Check check, const std::filesystem::path& folder, const std::string& only = "",
               kernels::Precision precision = kernels::Precision::f32) {
  std::ostringstream out;
  Report report(out, only);
  check({folder, precision}, report);
  const int code = report.finish();
  return {code, out.str()};
}

TEST(Checker, NetworksAndBlocksAreTheReferences) {
  const Result result = checked(check_networks, kData / "networks");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("ok"), 37) << result.text;
}

TEST(Checker, NetworksHoldHalfPrecisionTolerances) {
  const Result result = checked(check_networks, kData / "networks", "*_tiny*", kernels::Precision::bf16);
  EXPECT_EQ(result.code, 0) << result.text;
}

TEST(Checker, SamplersAreTheReferences) {
  const Result result = checked(check_samplers, kData / "samplers");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_GE(result.lines("ok"), 500) << result.text;
  EXPECT_EQ(result.lines("skip"), 2) << result.text;  // tables that are left out here
}

TEST(Checker, TextsAreTheReferences) {
  const Result result = checked(check_text, kData / "text");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("ok"), 1202) << result.text;
}

TEST(Checker, PicturesAreTheReferences) {
  const Result result = checked(check_images, kData / "images");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("skip"), 0) << result.text;
  EXPECT_GE(result.lines("ok"), 130) << result.text;
}

TEST(Checker, GradientsAndOptimizersAreTheReferences) {
  const Result result = checked(check_training, kData / "training");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("ok"), 106) << result.text;
}

TEST(Checker, DrawingsAreTheReferences) {
  const Result result = checked(check_pipelines, kData / "pipelines");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("ok"), 32) << result.text;
}

TEST(Checker, AdaptersDoWhatTheReferencesDo) {
  const Result result = checked(check_files, kData / "files", "lora/*");
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("ok"), 16) << result.text;
}

TEST(Checker, NamesAndGroupsSelectCases) {
  EXPECT_EQ(checked(check_networks, kData / "networks", "blocks").lines("ok"), 21);
  EXPECT_EQ(checked(check_networks, kData / "networks", "blocks/vae_*").lines("ok"), 4);
  EXPECT_EQ(checked(check_text, kData / "text", "T00[0-4]").lines("ok"), 5);
}

/// A folder with one small network, whose file is changed by `change`.
Result checked_after(const std::function<void(std::vector<StoredTensor>&)>& change) {
  const Scratch scratch;
  const std::string name = "unet_base_tiny_faint";
  const Safetensors file(kData / "networks" / (name + ".safetensors"));
  std::vector<StoredTensor> tensors = file.tensors();
  change(tensors);
  write_safetensors(scratch / (name + ".safetensors"), tensors, file.metadata());
  return checked(check_networks, scratch / "");
}

TEST(Checker, AFolderWithoutIndexIsReadFromItsFiles) {
  const Result result = checked_after([](auto&) {});
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.lines("ok"), 1);
}

TEST(Checker, AnotherResultFails) {
  std::vector<float> other;
  const Result result = checked_after([&](std::vector<StoredTensor>& tensors) {
    for (StoredTensor& tensor : tensors) {
      if (tensor.name != "out") continue;
      for (const double value : values_of(tensor)) other.push_back(static_cast<float>(value * 1.001));
      tensor.bytes = std::as_bytes(std::span(other));
    }
  });
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.text.find("FAIL  unet_base_tiny_faint  0.00"), std::string::npos) << result.text;
}

TEST(Checker, WhatNeverComesFails) {
  std::string renamed = "tap.input_blocks.77";
  const Result result = checked_after([&](std::vector<StoredTensor>& tensors) {
    for (StoredTensor& tensor : tensors)
      if (tensor.name == "tap.input_blocks.7") tensor.name = renamed;
  });
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.text.find(renamed + " never came"), std::string::npos) << result.text;
}

TEST(Checker, AFolderWithoutDataIsRefused) {
  const Scratch scratch;
  for (const Check check : {check_networks, check_samplers, check_text, check_training, check_pipelines})
    refusal(ErrorKind::bad_file, [&] { checked(check, scratch / ""); });
}

}  // namespace
}  // namespace calotype::checker
