#include "load/inversions.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "io/inversion_file.h"
#include "io/png.h"
#include "io/safetensors.h"
#include "support/scratch.h"

namespace calotype {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    for (int k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

void write_tensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Shape>>& tensors) {
  std::vector<TensorPlan> plans;
  for (const auto& [name, shape] : tensors) plans.push_back({name, StoredType::f32, shape});
  write_safetensors(path, plans, {}, [](const TensorPlan& plan, const ByteSink& sink) {
    std::vector<float> values(plan.shape.count());
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    sink(std::as_bytes(std::span(values)));
  });
}

void write_card(const std::filesystem::path& path, const nlohmann::json& card) {
  const Image image{2, 2, 3, std::vector<uint8_t>(12, 200)};
  const PngText text{"sd-ti-embedding", base64(card.dump())};
  write_png(path, image, std::span(&text, 1));
}

class InversionFiles : public ::testing::Test {
 protected:
  std::string refused(const std::string& name, int64_t width = 4) {
    return refusal(ErrorKind::bad_file, [&] { read_inversion(scratch_ / name, width); });
  }
  Scratch scratch_;
};

TEST_F(InversionFiles, AreReadFromSafetensors) {
  write_tensors(scratch_ / "style.safetensors", {{"<ink-style>", {4}}});
  const Inversion one = read_inversion(scratch_ / "style.safetensors", 4);
  EXPECT_EQ(one.name, "style");
  EXPECT_EQ(one.spellings, (std::vector<std::string>{"style", "embedding:style", "<ink-style>"}));
  EXPECT_EQ(one.vectors.shape(), (Shape{1, 4}));
  write_tensors(scratch_ / "three.safetensors", {{"emb_params", {3, 4}}});
  EXPECT_EQ(read_inversion(scratch_ / "three.safetensors", 0).vectors.view<float>()[11], 11.0F);
}

TEST_F(InversionFiles, AreReadFromCards) {
  const nlohmann::json tensor = {{"TORCHTENSOR", {{0.25, 0.5, 1, -2}, {1, 2, 3, 4}}}};
  write_card(scratch_ / "card.png", {{"string_to_param", {{"*", tensor}}}, {"name", "ink"}});
  const Inversion card = read_inversion(scratch_ / "card.png", 4);
  EXPECT_EQ(card.name, "ink");
  EXPECT_EQ(card.vectors.shape(), (Shape{2, 4}));
  EXPECT_EQ(card.vectors.view<float>()[3], -2.0F);
}

TEST_F(InversionFiles, RefuseWhatIsNone) {
  write_tensors(scratch_ / "two.safetensors", {{"a", {4}}, {"b", {4}}});
  EXPECT_NE(refused("two.safetensors").find("vectors for one word, this file for 2 (a, b)"), std::string::npos);
  write_tensors(scratch_ / "deep.safetensors", {{"a", {1, 2, 4}}});
  EXPECT_NE(refused("deep.safetensors").find("vectors [n, width] were expected"), std::string::npos);
  write_tensors(scratch_ / "many.safetensors", {{"a", {76, 4}}});
  EXPECT_NE(refused("many.safetensors").find("76 vectors"), std::string::npos);
  write_card(scratch_ / "bad.png", {{"string_to_param", {{"*", {{"TORCHTENSOR", {{1, 2}, {3}}}}}}}});
  EXPECT_NE(refused("bad.png").find("differ in length"), std::string::npos);
  write_png(scratch_ / "photo.png", Image{2, 2, 3, std::vector<uint8_t>(12, 200)});
  EXPECT_NE(refused("photo.png").find("a picture without vectors"), std::string::npos);
}

TEST_F(InversionFiles, OfAnotherVersionSaySo) {
  write_tensors(scratch_ / "old.safetensors", {{"emb_params", {1, 768}}});
  EXPECT_NE(refused("old.safetensors", 1024)
                .find("the embedding 'old' was made for version 1 (width 768); this model's text tower has width 1024"),
            std::string::npos)
      << refused("old.safetensors", 1024);
}

TEST_F(InversionFiles, OfAFolderAreRefusedWhereAPromptNamesThem) {
  write_tensors(scratch_ / "old.safetensors", {{"emb_params", {1, 3}}});
  write_tensors(scratch_ / "new.safetensors", {{"emb_params", {2, 4}}});
  write_png(scratch_ / "cat.png", Image{2, 2, 3, std::vector<uint8_t>(12, 200)});
  const Inversions all = read_inversions(scratch_ / "", 4);
  ASSERT_EQ(all.size(), 2u);
  const InversionNames names = names_of(all, Tokenizer::clip());
  const auto chunked = [&](const std::string& prompt) {
    return in_chunks(read_emphasis(prompt), Tokenizer::clip(), names);
  };
  require_fitting(chunked("a new cat"), all);
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { require_fitting(chunked("an (old:1.2) cat"), all); }).find("width 3"),
            std::string::npos);
}

}  // namespace
}  // namespace calotype
