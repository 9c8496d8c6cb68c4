#include "text/wildcards.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/error.h"
#include "support/scratch.h"
#include "text/styles.h"
#include "text/wildcard_folder.h"

namespace calotype {
namespace {

using Lists = std::map<std::string, std::vector<std::string>>;

std::string written(std::string_view prompt, uint64_t seed, const Lists& lists = {}) {
  return write_out(prompt, seed, [&](const std::string& name) -> const std::vector<std::string>& {
    const auto found = lists.find(name);
    require(found != lists.end(), ErrorKind::bad_input, "wildcards: no {}", name);
    return found->second;
  });
}

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Wildcards, ChooseByTheSeedAlone) {
  const Lists lists{{"colour", {"red", "green", "blue"}}};
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string text = written("a __colour__ {cat|dog}", seed, lists);
    EXPECT_EQ(text, written("a __colour__ {cat|dog}", seed, lists));
    ++seen[text];
  }
  EXPECT_EQ(seen.size(), 6u);
  for (const auto& [text, count] : seen) EXPECT_GT(count, 20) << text;
}

TEST(Wildcards, ChooseByThePlaceNotByWhatWasChosenBefore) {
  const Lists one{{"a", {"x"}}}, two{{"a", {"{p|q} and more"}}};
  for (uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(written("__a__{1|2|3|4}", seed, one).back(), written("__a__{1|2|3|4}", seed, two).back());
}

TEST(Wildcards, TakeSeveralWithoutTakingOneTwice) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::string two = written("{2$$a|b|c}", seed);
    EXPECT_EQ(two.size(), 4u) << two;
    EXPECT_NE(two[0], two[3]);
    const std::string some = written("{1-3$$ and $$a|b|c}", seed);
    EXPECT_TRUE(some.size() == 1 || some.size() == 7 || some.size() == 13) << some;
    const std::string lines = written("{2$$__l__}", seed, {{"l", {"1", "2"}}});
    EXPECT_TRUE(lines == "1, 2" || lines == "2, 1") << lines;
  }
  EXPECT_EQ(written("{9$$a}", 1), "a");
}

TEST(Wildcards, WeighChoices) {
  int first = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) first += written("{3::a|b}", seed) == "a";
  EXPECT_NEAR(first, 300, 45);  // five deviations of a binomial
  EXPECT_EQ(written("{0::a|b}", 5), "b");
}

TEST(Wildcards, LeaveAloneWhatIsNone) {
  for (const char* text : {"snake_case", "a { b", "__", "____", "a } b", "__not,a name__", "(a:1.2) [b|c]"})
    EXPECT_EQ(written(text, 3), text);
  EXPECT_EQ(written("\\{a\\|b\\} \\__c__", 3), "{a|b} __c__");
  EXPECT_FALSE(is_template("(a:1.2) [b|c]"));
}

TEST(Wildcards, AreBounded) {
  const Lists circle{{"a", {"x __b__"}}, {"b", {"y __a__"}}};
  EXPECT_NE(refusal([&] { written("__a__", 1, circle); }).find("__a__ > __b__ > __a__"), std::string::npos);
  const Lists doubling{{"a", {"{b|b} __b__ __b__"}}, {"b", {std::string(30'000, 'x')}}};
  EXPECT_NE(refusal([&] { written("__a__ __a__", 1, doubling); }).find("grows over 65536 bytes"), std::string::npos);
  EXPECT_NE(refusal([&] { written(std::string(70'000, '{'), 1); }).find("at most 65536"), std::string::npos);
  const auto start = std::chrono::steady_clock::now();
  for (const std::string_view unit : {"{", "}", "__", "{a|", "{2$$", "{{a}", "_", "\\", "|", "{a}", "{::}"}) {
    std::string text;
    while (text.size() + unit.size() <= 65'536) text += unit;
    refusal([&] { written(text, 1); });
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 20);
}

TEST(WildcardFolder, ReadsFilesInsideAlone) {
  const Scratch scratch;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories((scratch / name).parent_path());
    std::ofstream(scratch / name) << text;
  };
  write("w/colour.txt", "# warm\nred\r\n\n  orange \n");
  write("w/more/cold.txt", "blue\n");
  write("w/empty.txt", "#\n");
  write("secret.txt", "outside\n");
  std::filesystem::create_symlink(scratch / "secret.txt", scratch / "w/link.txt");
  WildcardFolder folder(scratch / "w");
  EXPECT_EQ(folder.lines("colour"), (std::vector<std::string>{"red", "orange"}));
  EXPECT_EQ(folder.lines("more/cold"), std::vector<std::string>{"blue"});
  EXPECT_EQ(folder.lines("more/*"), std::vector<std::string>{"blue"});
  EXPECT_EQ(folder.lines("c*r").size(), 2u);
  for (const char* name : {"../secret", "/etc/passwd", "more/../../secret", "", "a//b", ".hidden", "c\\d"})
    EXPECT_NE(refusal([&] { folder.lines(name); }).find("does not name a file inside"), std::string::npos) << name;
  EXPECT_NE(refusal([&] { folder.lines("link"); }).find("no file inside the folder"), std::string::npos);
  EXPECT_NE(refusal([&] { folder.lines("none"); }).find("names no file with lines"), std::string::npos);
  EXPECT_NE(refusal([&] { folder.lines("empty"); }).find("names no file with lines"), std::string::npos);
  EXPECT_NE(refusal([&] { WildcardFolder(scratch / "secret.txt"); }).find("a folder of wildcards"), std::string::npos);
}

TEST(Styles, AreReadAsTheWebInterfaceWritesThem) {
  const auto styles = parse_styles(
      "\xEF\xBB\xBFname,prompt,negative_prompt\r\n"
      "oil,\"oil on canvas, {prompt}, \"\"old\"\"\",photo\r\n"
      "\r\n"
      "plain,sharp\n",
      "styles.csv");
  ASSERT_EQ(styles.size(), 2u);
  EXPECT_EQ(styled("a cat", style_named(styles, "oil").prompt), "oil on canvas, a cat, \"old\"");
  EXPECT_EQ(styled("a cat ", style_named(styles, "plain").prompt), "a cat, sharp");
  EXPECT_EQ(styled("", "sharp"), "sharp");
  EXPECT_EQ(styled("a cat", ""), "a cat");
  EXPECT_EQ(style_named(styles, "plain").negative_prompt, "");
  EXPECT_NE(refusal([&] { style_named(styles, "oill"); }).find("there are oil, plain"), std::string::npos);
}

TEST(Styles, RefuseWhatIsNoList) {
  for (const char* text : {"", "a,b\nc,d\n", "name,prompt\n,x\n", "name,prompt\nx,\"y\n", "name,prompt\nx,\"y\"z\n"})
    EXPECT_NE(refusal([&] { parse_styles(text, "s.csv"); }).find("s.csv:"), std::string::npos) << text;
}

}  // namespace
}  // namespace calotype
