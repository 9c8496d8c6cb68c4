#include "text/unicode.h"

#include <gtest/gtest.h>

namespace calotype {
namespace {

TEST(Utf8, ReadsAndWritesEveryCharacter) {
  std::u32string all;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c < 0xD800 || c > 0xDFFF) all.push_back(c);
  }
  EXPECT_EQ(decode_utf8(encode_utf8(all)), all);
}

TEST(Utf8, ReplacesEachMaximalInvalidPart) {
  // The example of the Unicode standard, table 3-11 and its neighbours.
  EXPECT_EQ(decode_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), std::u32string(8, 0xFFFD) + U"A");
  EXPECT_EQ(decode_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), std::u32string(4, 0xFFFD) + U"A");
  EXPECT_EQ(decode_utf8("\xED\xA0\x80\xED\xBF\xBF"), std::u32string(6, 0xFFFD));
  EXPECT_EQ(decode_utf8("\xF4\x90\x80\x80"), std::u32string(4, 0xFFFD));
  EXPECT_EQ(encode_utf8(std::u32string{0xD800, 0x110000}), "\uFFFD\uFFFD");
}

TEST(LowerCase, IsUnicodes) {
  EXPECT_EQ(lower_case(U"\u00C0\u0130\u212A\u1E9E\U00010400", true), U"\u00E0i\u0307k\u00DF\U00010428");
}

TEST(LowerCase, EndsAWordWithItsOwnSigma) {
  EXPECT_EQ(lower_case(U"\u039F\u03A3", true), U"\u03BF\u03C2");
  EXPECT_EQ(lower_case(U"\u039F\u03A3", false), U"\u03BF\u03C3");
  EXPECT_EQ(lower_case(U"\u03A3", true), U"\u03C3");                                        // alone
  EXPECT_EQ(lower_case(U"\u039F\u03A3'\u0301\u0391", true), U"\u03BF\u03C3'\u0301\u03B1");  // the word goes on
  EXPECT_EQ(lower_case(U"\u039F\u0301\u03A3. \u0391", true), U"\u03BF\u0301\u03C2. \u03B1");
}

TEST(Composition, IsNormalizationFormC) {
  EXPECT_EQ(compose_canonically(U"e\u0301"), U"\u00E9");
  EXPECT_EQ(compose_canonically(U"e\u0301\u0323"), U"\u1EB9\u0301");  // the mark below comes first
  EXPECT_EQ(compose_canonically(U"\u1112\u1161\u11AB"), U"\uD55C");
  EXPECT_EQ(compose_canonically(U"\u0958\uFB1D\u2ADC"), U"\u0915\u093C\u05D9\u05B4\u2ADD\u0338");  // excluded pairs
  EXPECT_EQ(compose_canonically(U"\u212B\u2126\uF900"), U"\u00C5\u03A9\u8C48");
}

TEST(Composition, ChangesNothingTwice) {
  std::u32string all;
  for (char32_t c = 0; c <= 0x2FA1F; ++c) {
    if (c < 0xD800 || c > 0xDFFF) all.push_back(c);
  }
  const std::u32string once = compose_canonically(all);
  EXPECT_EQ(compose_canonically(once), once);
}

}  // namespace
}  // namespace calotype
