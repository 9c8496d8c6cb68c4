#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "text/composition.h"
#include "text/editing.h"
#include "text/emphasis.h"
#include "text/golden.h"

namespace calotype {
namespace {

/// "text*weight" of every fragment, "|" where a chunk ends.
std::string shown(const std::vector<Fragment>& fragments) {
  std::string text;
  for (const Fragment& fragment : fragments)
    text += fragment.ends_chunk ? "| " : fmt::format("<{}>*{:.4g} ", fragment.text, fragment.weight);
  return text;
}

TEST(Emphasis, GivesTheReferencesFragments) {
  for (const auto& row : read_golden("prompt_attention.json")) {
    const std::vector<Fragment> got = read_emphasis(row["text"].get<std::string>());
    ASSERT_EQ(got.size(), row["parsed"].size()) << row["text"];
    for (size_t i = 0; i < got.size(); ++i) {
      const double weight = row["parsed"][i][1];
      EXPECT_EQ(got[i].text, row["parsed"][i][0]) << row["text"];
      EXPECT_EQ(got[i].ends_chunk, got[i].text == "BREAK" && weight < 0) << row["text"];
      if (!got[i].ends_chunk) {
        EXPECT_NEAR(got[i].weight, weight, 1e-12 * std::abs(weight)) << row["text"];
      }
    }
  }
}

TEST(Emphasis, SaysWhatItDidNotUnderstand) {
  PromptNotes notes;
  read_emphasis("a (b:1.2.3) c) \\d (e", &notes);
  ASSERT_EQ(notes.lines().size(), 4u);
  EXPECT_EQ(notes.lines()[0],
            "what should be a weight is no number, and is drawn as text at character 5, in \"a (b:1.2.3) c) \\d (e\"");
  EXPECT_NE(notes.lines()[3].find("not closed"), std::string::npos);
  PromptNotes none;
  read_emphasis("a (b:1.2), [c] \\(d\\) BREAK e: f", &none);
  EXPECT_TRUE(none.lines().empty());
}

TEST(Emphasis, OfComfyReplacesWeights) {
  EXPECT_EQ(shown(read_comfy_emphasis("a (b) (c:1.5)")), "<a >*1 <b>*1.1 < >*1 <c>*1.5 ");
  EXPECT_EQ(shown(read_comfy_emphasis("((a:1.5) b:2)")), "<a>*1.5 < b>*2 ");
  EXPECT_EQ(shown(read_comfy_emphasis("(a (b:0.5) ((c)))")), "<a >*1.1 <b>*0.5 < >*1.1 <c>*1.331 ");
  EXPECT_EQ(shown(read_comfy_emphasis("[a] \\(b\\) BREAK (c:d)")), "<[a] (b) BREAK >*1 <c:d>*1.1 ");
  EXPECT_EQ(shown(read_comfy_emphasis("")), "<>*1 ");
  EXPECT_EQ(shown(read_comfy_emphasis("a (b")), "<a (b>*1 ");
}

TEST(Editing, GivesTheReferencesTexts) {
  for (const auto& row : read_golden("prompt_schedule.json")) {
    const EditingOptions options{.steps = row["steps"],
                                 .second_pass = row.value("hires_steps", int64_t{0}),
                                 .fractions_below_1 = row.value("old_scheduling", false)};
    const std::vector<ScheduledText> got = read_editing(row["text"].get<std::string>(), options);
    ASSERT_EQ(got.size(), row["schedule"].size()) << row["text"];
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].last_step, row["schedule"][i][0]) << row["text"];
      EXPECT_EQ(got[i].text, row["schedule"][i][1]) << row["text"];
    }
  }
}

TEST(ComposedPrompts, GivesTheReferencesParts) {
  for (const auto& row : read_golden("prompt_compose.json")) {
    const std::vector<ComposedPart> got = read_composition(row["text"].get<std::string>());
    ASSERT_EQ(got.size(), row["parts"].size()) << row["text"];
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].text, row["parts"][i][0]) << row["text"];
      EXPECT_EQ(got[i].weight, row["parts"][i][1]) << row["text"];
    }
  }
}

std::string many(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

/// Reads a hostile prompt by every reader; each may refuse it, in one line.
void read_all(const std::string& text) {
  const auto start = std::chrono::steady_clock::now();
  const auto attempt = [&](auto read) {
    try {
      read();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_input);
      EXPECT_EQ(std::string_view(error.what()).substr(0, 8), "prompt: ");
    }
  };
  attempt([&] { read_composition(text); });
  attempt([&] { read_editing(text, {.steps = 1000}); });
  attempt([&] { read_emphasis(text); });
  attempt([&] { read_comfy_emphasis(text); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 30) << text.substr(0, 40);  // quadratic time would be hours
}

TEST(HostilePrompts, TakeTimeThatGrowsWithTheTextAlone) {
  for (const std::string_view unit : {"(",       "[",     ")",         "]",     "(((((((((a)))))))))",
                                      "[a|",     "[a:",   "(a:",       "[a|b]", "[a:b:0.5]",
                                      "(a:1.1)", "\\",    ":",         "|",     " BREAK ",
                                      " AND ",   "BREAK", "AND",       ": 1 ",  "[a:1.5555555",
                                      "\xFF",    "[(a) ", "[(a)|(b) ", "(a)[b:"})
    read_all(many(unit, 200'000));
  read_all(std::string(240, '(') + many("(a)", 200'000) + std::string(240, ')'));
  read_all(std::string(240, '[') + many("(a)|", 200'000) + std::string(240, ']'));
  read_all("a" + std::string(200'000, ' ') + "AND" + std::string(200'000, ' ') + "BREAK" + std::string(200'000, ' '));
}

TEST(HostilePrompts, HaveTooManyParts) {
  std::string text = "a";
  for (size_t parts = 1; parts < kMostParts; ++parts) text += " AND a";
  EXPECT_EQ(read_composition(text).size(), kMostParts);
  EXPECT_THROW(read_composition(text + " AND a"), Error);
}

TEST(HostilePrompts, NestTooDeep) {
  const std::string text = std::string(10'000, '(') + "a" + std::string(10'000, ')');
  EXPECT_THROW(read_emphasis(text), Error);
  EXPECT_THROW(read_comfy_emphasis(text), Error);
  EXPECT_THROW(read_editing(text, {}), Error);
  EXPECT_THROW(read_editing(std::string(10'000, '['), {}), Error);
}

}  // namespace
}  // namespace calotype
