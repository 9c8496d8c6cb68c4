#include "text/prompt.h"

#include <gtest/gtest.h>

#include "text/golden.h"

namespace calotype {
namespace {

std::vector<int32_t> ids_of(const FramedPrompt& prompt) {
  return {prompt.ids.begin(), prompt.ids.end()};
}

TEST(Frame, GivesTheReferencesSeventySevenIds) {
  int rows = 0;
  for (const auto& row : read_golden("tokenizer_padded.json")) {
    const std::string text = row["text"];
    EXPECT_EQ(ids_of(frame(text)), row["oc"].get<std::vector<int32_t>>()) << text;
    EXPECT_EQ(ids_of(frame(text, Tokenizer::clip(TokenizerRules::hugging_face_sd1))),
              row["sd1"].get<std::vector<int32_t>>())
        << text;
    EXPECT_EQ(ids_of(frame(text, Tokenizer::clip(TokenizerRules::hugging_face_sd2))),
              row["sd2"].get<std::vector<int32_t>>())
        << text;
    ++rows;
  }
  EXPECT_EQ(rows, 10);
}

std::string cats(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "cat ";
  return text;
}

TEST(Frame, SaysWhereTheEndIs) {
  EXPECT_EQ(frame("").end, 1);
  EXPECT_EQ(frame("a cat").end, 3);
  EXPECT_EQ(frame(cats(75)).end, 76);
  EXPECT_EQ(frame(cats(80)).end, 76);
}

TEST(Frame, DropsNothingThatFits) {
  const FramedPrompt full = frame(cats(75));
  EXPECT_EQ(full.dropped_words, 0);
  EXPECT_TRUE(full.first_dropped.empty());
  EXPECT_EQ(full.warning(), "");
}

TEST(Frame, SaysHowManyWordsWereDroppedAndTheFirstTen) {
  const FramedPrompt prompt = frame(cats(75) + "on a Mat, one two three-four 5 6 1,000 seven eight nine ten");
  EXPECT_EQ(prompt.dropped_words, 13);
  const std::vector<std::string> expected = {"on", "a", "mat,", "one", "two", "three-four", "5", "6", "1,000", "seven"};
  EXPECT_EQ(prompt.first_dropped, expected);
  EXPECT_EQ(prompt.warning(),
            "prompt: 75 tokens fit, so the last 13 words were left out: \"on a mat, one two three-four 5 6 1,000 seven "
            "\u2026\"; shorten it to have them count");
}

TEST(Frame, CountsAWordThatLosesItsEnd) {
  const FramedPrompt comma = frame(cats(74) + "dog, bird");
  EXPECT_EQ(comma.dropped_words, 2);
  EXPECT_EQ(comma.first_dropped, (std::vector<std::string>{",", "bird"}));
  const FramedPrompt inside = frame(cats(74) + "supercalifragilisticexpialidocious");
  EXPECT_EQ(inside.first_dropped, (std::vector<std::string>{"supercalifragilisticexpialidocious"}));
  EXPECT_EQ(
      inside.warning(),
      "prompt: 75 tokens fit, so the last word was left out: \"supercalifragilisticexpialidocious\"; shorten it to "
      "have them count");
  EXPECT_EQ(inside.end, 76);
}

TEST(Frame, ShortensAVeryLongDroppedWord) {
  const FramedPrompt prompt = frame(cats(75) + std::string(100'000, 'x') + std::string(100'000, '1') + " end");
  EXPECT_EQ(prompt.dropped_words, 2);
  EXPECT_EQ(prompt.first_dropped, (std::vector<std::string>{std::string(40, 'x') + "\u2026", "end"}));
}

}  // namespace
}  // namespace calotype
