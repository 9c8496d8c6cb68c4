#include "text/cleaning.h"

#include <gtest/gtest.h>

#include "text/html_entities.h"

namespace calotype {
namespace {

TEST(HtmlReferences, AreReadAsABrowserDoes) {
  EXPECT_EQ(unescape_html(U"&amp;amp; &copy 1 &notit; &CounterClockwiseContourIntegral;"),
            U"&amp; \u00A9 1 \u00ACit; \u2233");
  EXPECT_EQ(unescape_html(U"&#8364;&#x20aC&#0;&#128;&#xD800;&#99999999999999999999;"),
            U"\u20AC\u20AC\uFFFD\u20AC\uFFFD\uFFFD");
  EXPECT_EQ(unescape_html(U"a&#11;b&#xFDD0;c&#31;d"), U"abcd");  // named, but no characters
  EXPECT_EQ(unescape_html(U"&EACUTE; & &; &# &#; &#x; &a"), U"&EACUTE; & &; &# &#; &#x; &a");
  EXPECT_EQ(unescape_html(U"&bne;&\u00E9;"), U"=\u20E5&\u00E9;");
}

TEST(HtmlReferences, StrictOnesEndInASemicolon) {
  EXPECT_EQ(unescape_html_strictly(U"&amp;amp; &copy 1 &notit; &EACUTE; &SZLIG;"), U"&amp; &copy 1 &notit; \u00C9 SS");
  EXPECT_EQ(unescape_html_strictly(U"&CounterClockwiseContourIntegral;"), U"&CounterClockwiseContourIntegral;");
  EXPECT_EQ(unescape_html_strictly(U"&#59; &#65a; &#65; &#x41 &#12345678901234567890123456;"),
            U"&#59; &#65a; A &#x41 &#12345678901234567890123456;");
}

TEST(Repair, TakesEachStep) {
  EXPECT_EQ(repair_text(U"\x93quoted\x94 \x85"), U"\"quoted\" \u2026");
  EXPECT_EQ(repair_text(U"\uFB01ne \u0149 \u01C4 \uFB05"), U"fine 'n D\u017D \u017Ft");
  EXPECT_EQ(repair_text(U"\uFF21\u3000\uFF76\uFF9E \uFFE3"), U"A \u30AC  \u0304");
  EXPECT_EQ(repair_text(U"\u2018a\u201B \u201Cb\u201F \u02BC"), U"'a' \"b\" '");
  EXPECT_EQ(repair_text(U"\x1B[1;31mred\x1B[0m \x1B[31"), U"red [31");
  EXPECT_EQ(repair_text(std::u32string(U"a\0b\x7F\uFEFF\u206A\uFFFCc", 9)), U"abc");
  EXPECT_EQ(repair_text(U"e\u0301"), U"\u00E9");
}

TEST(Repair, GoesOnUntilNothingChanges) {
  EXPECT_EQ(repair_text(U"&amp;amp;eacute;"), U"\u00E9");
  EXPECT_EQ(repair_text(U"\uFF06amp;"), U"&");
}

TEST(Repair, LeavesReferencesAloneFromTheFirstTagOn) {
  EXPECT_EQ(repair_text(U"&eacute;\n<b>&eacute;\n&eacute;"), U"\u00E9\n<b>&eacute;\n&eacute;");
}

}  // namespace
}  // namespace calotype
