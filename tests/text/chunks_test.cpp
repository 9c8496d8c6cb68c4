#include "text/chunks.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace calotype {
namespace {

const Tokenizer& clip() {
  return Tokenizer::clip();
}

std::string cats(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "cat ";
  return text;
}

std::vector<int64_t> lengths(const ChunkedPrompt& prompt) {
  std::vector<int64_t> lengths;
  for (const Chunk& chunk : prompt.chunks) lengths.push_back(chunk.length);
  return lengths;
}

using Lengths = std::vector<int64_t>;

ChunkedPrompt chunks_of(const std::string& prompt, const InversionNames& names = {}) {
  return in_chunks(read_emphasis(prompt), clip(), names);
}

TEST(Chunks, AreCutBehindANearComma) {
  EXPECT_EQ(lengths(chunks_of(cats(75))), (Lengths{75}));
  EXPECT_EQ(lengths(chunks_of(cats(76))), (Lengths{75, 1}));
  EXPECT_EQ(lengths(chunks_of(cats(60) + ", " + cats(20))), (Lengths{61, 20}));
  EXPECT_EQ(lengths(chunks_of(cats(40) + ", " + cats(40))), (Lengths{75, 6}));
}

TEST(Chunks, EndAtBreak) {
  EXPECT_EQ(lengths(chunks_of("a cat BREAK a dog")), (Lengths{2, 2}));
  EXPECT_EQ(lengths(chunks_of("(a cat BREAK a dog:1.2)")), (Lengths{2, 2}));
  EXPECT_EQ(chunks_of("(a cat BREAK a dog:1.2)").chunks[1].weights[1], 1.2);
}

TEST(Chunks, NeverSplitAnInversionNorLoseOneThatMoves) {
  InversionNames names;
  const std::string spellings[] = {"tiny cat", "<tiny-cat>"};
  names.add(spellings, 3, clip());
  const ChunkedPrompt edge = chunks_of(cats(73) + "tiny cat dog", names);
  EXPECT_EQ(lengths(edge), (Lengths{73, 4}));
  EXPECT_EQ(edge.chunks[1].placements.at(0).place, 1);
  const ChunkedPrompt moved = chunks_of(cats(70) + ", (<tiny-cat>:1.5) dog dog", names);
  EXPECT_EQ(lengths(moved), (Lengths{71, 5}));
  EXPECT_TRUE(moved.chunks[0].placements.empty());
  EXPECT_EQ(moved.chunks[1].placements.at(0).place, 1);
  EXPECT_EQ(moved.chunks[1].weights[3], 1.5);
  EXPECT_EQ(moved.chunks[1].ids[3], 0);
}

TEST(Chunks, FindTheLongestNameFirst) {
  InversionNames names;
  const std::string first[] = {"tiny"}, second[] = {"tiny cat"};
  names.add(first, 1, clip());
  names.add(second, 2, clip());
  EXPECT_EQ(chunks_of("tiny cat, tiny", names).chunks[0].placements.size(), 2u);
  EXPECT_EQ(chunks_of("tiny cat, tiny", names).chunks[0].placements[0].inversion, 1u);
}

TEST(Chunks, PadBehindAnEndTokenOfTheText) {
  const ChunkedPrompt prompt = chunks_of("a <end_of_text> cat");
  EXPECT_EQ(prompt.chunks[0].ids[2], kEndOfText);
  EXPECT_EQ(prompt.chunks[0].ids[3], 0);
}

TEST(Chunks, OfComfyKeepWordsWhole) {
  const Fragment fragment{cats(74) + "teapotgalaxy dog", 1, false};
  const ChunkedPrompt prompt = in_comfy_chunks(std::span(&fragment, 1), clip());
  EXPECT_EQ(lengths(prompt)[0], 74);
  const Fragment one_word{std::string(4000, '!') + std::string(1000, 'x'), 1, false};
  EXPECT_EQ(lengths(in_comfy_chunks(std::span(&one_word, 1), clip()))[0], 75);
}

TEST(Chunks, AreOnlySoMany) {
  EXPECT_THROW(chunks_of(cats(8000)), Error);
  EXPECT_THROW(chunks_of("BREAK a" + cats(1) + std::string(2, ' ') +
                         [] {
                           std::string text;
                           for (int i = 0; i < 200; ++i) text += " BREAK a";
                           return text;
                         }()),
               Error);
}

}  // namespace
}  // namespace calotype
