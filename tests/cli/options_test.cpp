#include "cli/options.h"

#include <gtest/gtest.h>

#include "cli/display.h"
#include "cli/output_names.h"
#include "support/scratch.h"

namespace calotype::cli {
namespace {

struct Values {
  std::string text = "usual", file;
  int64_t count = 1;
  bool loud = false;
};

Options options_of(Values& values) {
  Options options("calotype test", "Tests.", "FILE");
  options.add("Some",
              {{.name = "text", .options = "-x,--text", .help = "words", .value = &values.text},
               {.name = "count", .options = "--count", .help = "", .value = &values.count, .low = -9, .high = 9},
               {.name = "loud", .options = "--loud", .help = "", .value = &values.loud}});
  options.add_argument("file", values.file, true);
  return options;
}

Values parsed(const std::vector<std::string>& words) {
  Values values;
  EXPECT_TRUE(options_of(values).parse(words));
  return values;
}

TEST(Options, TakeValuesAsTheyAre) {
  EXPECT_EQ(parsed({"--text", "-1"}).text, "-1");
  EXPECT_EQ(parsed({"--text", "--loud"}).text, "--loud");
  EXPECT_EQ(parsed({"--text=a=b"}).text, "a=b");
  EXPECT_EQ(parsed({"--text="}).text, "");
  EXPECT_EQ(parsed({"-x", "[a, b]"}).text, "[a, b]");
  EXPECT_EQ(parsed({"-x", "\"quoted\""}).text, "\"quoted\"");
  EXPECT_EQ(parsed({"-x", "a", "-x", "b"}).text, "b");
  EXPECT_EQ(parsed({"--count", "-7"}).count, -7);
  EXPECT_TRUE(parsed({"--loud"}).loud);
  EXPECT_EQ(parsed({"--", "--file"}).file, "--file");
  EXPECT_EQ(parsed({}).text, "usual");
}

TEST(Options, RefuseInOneLine) {
  Values values;
  const Options options = options_of(values);
  const auto message = [&](const std::vector<std::string>& words) {
    return refusal(ErrorKind::bad_input, [&] { options.parse(words); });
  };
  EXPECT_EQ(message({"--txet", "a"}), "--txet: there is no such option; did you mean --text? See calotype test --help");
  EXPECT_EQ(message({"--count", "10"}), "count: 10 is outside of -9 .. 9");
  EXPECT_EQ(message({"a", "b"}), "calotype test: 'b' is one argument too many; see calotype test --help");
  EXPECT_EQ(message({"a", "--", "b"}), "calotype test: 'b' is one argument too many; see calotype test --help");
  EXPECT_NE(message({"--text"}).find("--text"), std::string::npos);
}

TEST(OutputNames, Patterns) {
  Scratch scratch;
  const auto at = [&](const char* name) { return (scratch / name).string(); };
  EXPECT_EQ(OutputNames(at("a.png"), 1, ".png")[0], at("a.png"));
  EXPECT_EQ(OutputNames(at("a.png"), 2, ".png")[1], at("a-1.png"));
  EXPECT_EQ(OutputNames(at("a"), 2, ".png")[1], at("a-1"));
  EXPECT_EQ(OutputNames(at("a%03d%%.png"), 1, ".png")[7], at("a007%.png"));
  EXPECT_EQ(OutputNames(at("a%d.png"), 1, ".png")[12], at("a12.png"));
  scratch.write("00041.png", "");
  EXPECT_EQ(OutputNames(at("."), 1, ".png")[0].filename(), "00042.png");
  refusal(ErrorKind::bad_input, [&] { OutputNames(at("%d%d.png"), 1, ".png"); });
  refusal(ErrorKind::bad_input, [&] { OutputNames("", 1, ".png"); });
  refusal(ErrorKind::bad_input, [&] { OutputNames(at("a.safetensors"), 1, ".png"); });
  EXPECT_EQ(OutputNames(at("a.SafeTensors"), 1, ".safetensors")[0], at("a.SafeTensors"));
  EXPECT_EQ(refusal(ErrorKind::bad_input, [] { OutputNames("%s", 1, ".png", "sheet"); }).find("sheet: "), 0u);
}

TEST(Display, Texts) {
  EXPECT_EQ(time_text(11.4), "0:11");
  EXPECT_EQ(time_text(3723), "1:02:03");
  EXPECT_EQ(memory_text(310 << 20), "310 MiB");
  EXPECT_EQ(memory_text(int64_t{2150} << 20), "2.1 GiB");
  EXPECT_GT(peak_memory(), 1 << 20);
}

}  // namespace
}  // namespace calotype::cli
