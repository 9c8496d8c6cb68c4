#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "load/converted.h"
#include "pipeline/text_to_image.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuery = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
constexpr const char* kContext = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k";
constexpr const char* kConvolution = "lora_unet_mid_block_resnets_0_conv1";
constexpr const char* kText = "lora_te_text_model_encoder_layers_0_self_attn_k_proj";
constexpr int64_t kMiddle = 64, kText32 = 32;

/// An adapter in the making: values of about one tenth, of either sign.
class Written {
 public:
  Written& add(const std::string& name, const Shape& shape, float scale = 0.1f) {
    std::vector<float>& values = values_.emplace_back(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = scale * static_cast<float>(std::sin(1.7 * static_cast<double>(i + values_.size())));
    tensors_.push_back({name, StoredType::f32, shape, std::as_bytes(std::span(values))});
    return *this;
  }
  Written& low_rank(const std::string& layer, int64_t in, int64_t out) {
    return add(layer + ".lora_down.weight", {2, in}).add(layer + ".lora_up.weight", {out, 2});
  }
  fs::path to(const fs::path& path) const {
    write_safetensors(path, tensors_, {});
    return path;
  }

 private:
  std::deque<std::vector<float>> values_;
  std::vector<StoredTensor> tensors_;
};

TextToImage request() {
  TextToImage asked;
  asked.prompt = "a cat";
  asked.negative_prompt = "a dog";
  asked.sampler = "dpmpp_2m";
  asked.steps = 2;
  asked.seed = 7;
  return asked;
}

Drawing drawn(const fs::path& model, const std::vector<AdapterUse>& adapters = {}) {
  return text_to_image(open_stable_diffusion(model, {.adapters = adapters}), request());
}

/// The greatest difference between two pictures' bytes.
int farthest(const Drawing& a, const Drawing& b) {
  int most = 0;
  const auto &left = a.images.at(0).pixels, &right = b.images.at(0).pixels;
  EXPECT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) most = std::max(most, std::abs(left[i] - right[i]));
  return most;
}

class MergedAdapters : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = testing::write_tiny_model(scratch_ / "tiny.safetensors", Prediction::epsilon, false, DType::f32);
  }
  WrittenModel merged(const std::string& name, const std::vector<AdapterUse>& adapters, ConvertRequest request = {}) {
    request.adapters = adapters;
    return convert(ModelFiles(model_), scratch_ / name, request);
  }
  fs::path plain_adapter() const {
    return Written()
        .low_rank(kQuery, kMiddle, kMiddle)
        .low_rank(kContext, kText32, kMiddle)
        .low_rank(kText, kText32, kText32)
        .add(std::string(kConvolution) + ".lora_down.weight", {2, kMiddle, 3, 3})
        .add(std::string(kConvolution) + ".lora_up.weight", {kMiddle, 2, 1, 1})
        .to(scratch_ / "plain_adapter.safetensors");
  }

  Scratch scratch_;
  fs::path model_;
};

TEST_F(MergedAdapters, DrawWhatTheyDrawBeside) {
  const std::vector<AdapterUse> uses = {{plain_adapter(), 6, 8}, {plain_adapter(), -0.5, 2}};
  const Drawing applied = drawn(model_, uses);
  EXPECT_GT(farthest(applied, drawn(model_)), 1);
  const WrittenModel written = merged("merged.safetensors", uses);
  ASSERT_EQ(written.adapters.size(), 2u);
  EXPECT_EQ(written.adapters[0].applied, 4);
  // The sum of products is rounded otherwise when the two stand side by side: at most one byte's step in the picture.
  EXPECT_LE(farthest(drawn(scratch_ / "merged.safetensors"), applied), 1);
  merged("folder", uses);
  EXPECT_EQ(farthest(drawn(scratch_ / "folder"), drawn(scratch_ / "merged.safetensors")), 0);
  merged("merged.gguf", uses);
  EXPECT_EQ(farthest(drawn(scratch_ / "merged.gguf"), drawn(scratch_ / "merged.safetensors")), 0);
}

TEST_F(MergedAdapters, OthersAreTheSameToTheLastBit) {
  const std::string query = kQuery, context = kContext, text = kText;
  const fs::path hadamard = Written()
                                .add(query + ".hada_w1_a", {kMiddle, 3})
                                .add(query + ".hada_w1_b", {3, kMiddle})
                                .add(query + ".hada_w2_a", {kMiddle, 3})
                                .add(query + ".hada_w2_b", {3, kMiddle})
                                .to(scratch_ / "loha.safetensors");
  const fs::path kronecker = Written()
                                 .add(context + ".lokr_w1", {8, 4})
                                 .add(context + ".lokr_w2_a", {8, 2})
                                 .add(context + ".lokr_w2_b", {2, 8})
                                 .to(scratch_ / "lokr.safetensors");
  const fs::path magnitude = Written()
                                 .low_rank(text, kText32, kText32)
                                 .add(text + ".dora_scale", {kText32, 1})
                                 .add("lora_unet_mid_block_attentions_0_norm.w_norm", {kMiddle})
                                 .add("lora_unet_mid_block_attentions_0_norm.b_norm", {kMiddle})
                                 .to(scratch_ / "dora.safetensors");
  const std::vector<AdapterUse> uses = {{hadamard, 100, 1}, {kronecker, 50, 1}, {magnitude, 1.5, 0.7}};
  const Drawing applied = drawn(model_, uses);
  merged("merged.safetensors", uses);
  EXPECT_GT(farthest(applied, drawn(model_)), 1);
  EXPECT_EQ(farthest(drawn(scratch_ / "merged.safetensors"), applied), 0);
}

TEST_F(MergedAdapters, OnlyWhatTheyTouchChangesAndTypesStay) {
  const fs::path adapter = Written().low_rank(kQuery, kMiddle, kMiddle).to(scratch_ / "a.safetensors");
  merged("half.safetensors", {}, {.types = {.type = StoredType::f16}});
  merged("changed.safetensors", {{adapter, 1, 1}}, {.types = {.type = StoredType::f16}});
  const TensorFile before(scratch_ / "half.safetensors"), after(scratch_ / "changed.safetensors");
  int changed = 0;
  for (const StoredTensor& tensor : before.tensors()) {
    const StoredTensor& now = *after.find(tensor.name);
    EXPECT_EQ(now.type, StoredType::f16);
    if (std::ranges::equal(now.bytes, tensor.bytes)) continue;
    ++changed;
    EXPECT_EQ(tensor.name, "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight");
  }
  EXPECT_EQ(changed, 1);
  // In blocks it is rounded from the changed values, not added to rounded ones.
  merged("changed.gguf", {{adapter, 1, 1}}, {.types = {.type = StoredType::q8_0}});
  merged("exact.safetensors", {{adapter, 1, 1}});
  convert(ModelFiles(scratch_ / "exact.safetensors"), scratch_ / "exact.gguf", {.types = {.type = StoredType::q8_0}});
  const TensorFile one(scratch_ / "changed.gguf"), other(scratch_ / "exact.gguf");
  for (const StoredTensor& tensor : one.tensors())
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, other.find(tensor.name)->bytes)) << tensor.name;
}

TEST_F(MergedAdapters, RefuseWhatDoesNotFit) {
  const fs::path first = Written().low_rank(kContext, 768, kMiddle).to(scratch_ / "first.safetensors");
  const std::string message = refusal(ErrorKind::bad_file, [&] { merged("x.safetensors", {{first, 1, 1}}); });
  EXPECT_NE(message.find("version 1"), std::string::npos) << message;
  const fs::path text = Written().low_rank(kText, kText32, kText32).to(scratch_ / "text.safetensors");
  const std::string elsewhere =
      refusal(ErrorKind::bad_input, [&] { merged("x.safetensors", {{text, 1, 1}}, {.parts = {PartKind::unet}}); });
  EXPECT_NE(elsewhere.find("none of the parts"), std::string::npos) << elsewhere;
  const fs::path norm = Written()
                            .add("lora_unet_mid_block_attentions_0_norm.w_norm", {kMiddle})
                            .add("lora_unet_mid_block_attentions_0_norm.dora_scale", {kMiddle, 1})
                            .to(scratch_ / "norm.safetensors");
  refusal(ErrorKind::bad_file, [&] { merged("x.safetensors", {{norm, 1, 1}}); });
  EXPECT_FALSE(fs::exists(scratch_ / "x.safetensors"));
}

}  // namespace
}  // namespace calotype
