#include "io/flat_toml.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "io/scratch.h"

namespace calotype {
namespace {

TomlValue value_of(const std::string& text) {
  return parse_flat_toml("key = " + text, "test").at("key");
}

std::string refused(const std::string& text) {
  return refusal(ErrorKind::bad_file, [&] { parse_flat_toml(text, "a.toml"); });
}

TEST(FlatToml, ReadsKeysAndValues) {
  const auto values = parse_flat_toml(
      "# settings\r\n"
      "steps = 100\n"
      "\t rate=1e-3 # per step\n"
      "\n"
      "'quoted key' = 'C:\\data'\n"
      "\"ema\" = true\n"
      "a-b_9 = \"x # y\"",
      "test");
  EXPECT_EQ(values.size(), 5u);
  EXPECT_EQ(values.at("steps"), TomlValue(int64_t{100}));
  EXPECT_EQ(values.at("rate"), TomlValue(1e-3));
  EXPECT_EQ(values.at("quoted key"), TomlValue("C:\\data"));
  EXPECT_EQ(values.at("ema"), TomlValue(true));
  EXPECT_EQ(values.at("a-b_9"), TomlValue("x # y"));
  EXPECT_TRUE(parse_flat_toml("", "test").empty());
}

TEST(FlatToml, ReadsIntegers) {
  EXPECT_EQ(value_of("0"), TomlValue(int64_t{0}));
  EXPECT_EQ(value_of("+1_000"), TomlValue(int64_t{1000}));
  EXPECT_EQ(value_of("-17"), TomlValue(int64_t{-17}));
  EXPECT_EQ(value_of("0xdead_BEEF"), TomlValue(int64_t{0xdeadbeef}));
  EXPECT_EQ(value_of("0o755"), TomlValue(int64_t{0755}));
  EXPECT_EQ(value_of("0b101"), TomlValue(int64_t{5}));
  EXPECT_EQ(value_of("9223372036854775807"), TomlValue(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(value_of("-9223372036854775808"), TomlValue(std::numeric_limits<int64_t>::min()));
}

TEST(FlatToml, ReadsReals) {
  EXPECT_EQ(value_of("0.5"), TomlValue(0.5));
  EXPECT_EQ(value_of("-1_0.2_5"), TomlValue(-10.25));
  EXPECT_EQ(value_of("6.02E+23"), TomlValue(6.02e23));
  EXPECT_EQ(value_of("2e-05"), TomlValue(2e-5));
  EXPECT_EQ(value_of("-inf"), TomlValue(-std::numeric_limits<double>::infinity()));
  EXPECT_TRUE(std::isnan(std::get<double>(value_of("nan"))));
}

TEST(FlatToml, ReadsEscapes) {
  EXPECT_EQ(value_of(R"("a\tb\n\"\\")"), TomlValue("a\tb\n\"\\"));
  EXPECT_EQ(value_of(R"("\u00e9 \u20AC \U0001F34E")"), TomlValue("é € 🍎"));
  EXPECT_EQ(value_of("\"\""), TomlValue(""));
}

TEST(FlatToml, RefusesNumbersThatAreNone) {
  for (const char* text : {"01", "1__0", "_1", "1_", "1.", ".5", "1.e3", "1e", "+0x10", "0x", "--1", "1e999",
                           "9223372036854775808", "1979-05-27", "07:32:00", "True", "word", ""})
    EXPECT_NE(refused(std::string("key = ") + text).find("a.toml: line 1: "), std::string::npos) << text;
}

TEST(FlatToml, RefusesWhatIsNotFlatByName) {
  EXPECT_NE(refused("a = 1\n[table]").find("line 2: tables"), std::string::npos);
  EXPECT_NE(refused("[[[a").find("tables"), std::string::npos);
  EXPECT_NE(refused("a.b = 1").find("dotted"), std::string::npos);
  EXPECT_NE(refused("a = [1, 2]").find("lists"), std::string::npos);
  EXPECT_NE(refused("a = {}").find("tables"), std::string::npos);
  EXPECT_NE(refused("a = \"\"\"x").find("several lines"), std::string::npos);
}

TEST(FlatToml, RefusesDamage) {
  for (const char* text :
       {"a", "a =", "= 1", "a = 1 b = 2", "a = 1\na = 2", "a = \"x", "a = \"\\q\"", "a = \"\\u12\"", "a = \"\\ud800\"",
        "a = \"\\U00110000\"", "a = 'x\x01'", "a = \"\xff\"", "\xd0\x80;[", "ä = 1", "a = 1 \"b\""})
    refused(text);
  refused(std::string("a = 1\0", 6));
}

}  // namespace
}  // namespace calotype
