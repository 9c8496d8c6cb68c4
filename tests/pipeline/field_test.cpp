#include "pipeline/field.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/scratch.h"

namespace calotype {
namespace {

struct Values {
  std::string word = "usual";
  bool on = false;
  int64_t count = 3;
  double share = 0.5;
  std::optional<double> eta;
  std::vector<double> levels;
};

std::vector<Field> table(Values& values) {
  return {{.name = "word", .options = "-w,--word", .help = "", .value = &values.word},
          {.name = "on", .options = "--on", .help = "", .value = &values.on},
          {.name = "count", .options = "--count", .help = "", .value = &values.count, .low = 1, .high = 10},
          {.name = "share", .options = "--share", .help = "", .value = &values.share, .low = 0, .high = 1},
          {.name = "eta", .options = "--eta", .help = "", .value = &values.eta, .low = 0, .high = 1},
          {.name = "noise_levels", .options = "--levels", .help = "", .value = &values.levels, .low = 0, .high = 100}};
}

TEST(Field, TakesWhatItNames) {
  Values values;
  const auto fields = table(values);
  set(*find(fields, "--word"), "");
  set(*find(fields, "on"), "true");
  set(*find(fields, "count"), "+10");
  set(*find(fields, "share"), "2.5e-1");
  set(*find(fields, "eta"), "0");
  set(*find(fields, "noise-levels"), "14.6, 3,0");
  EXPECT_EQ(values.word, "");
  EXPECT_TRUE(values.on);
  EXPECT_EQ(values.count, 10);
  EXPECT_EQ(values.share, 0.25);
  EXPECT_EQ(values.eta, 0.0);
  EXPECT_EQ(values.levels, (std::vector<double>{14.6, 3, 0}));
  EXPECT_EQ(find(fields, "--unknown"), nullptr);
}

TEST(Field, RefusesWhatIsNoNumberOrOutOfRange) {
  Values values;
  const auto fields = table(values);
  const auto message = [&](const char* name, const char* text) {
    return refusal(ErrorKind::bad_input, [&] { set(*find(fields, name), text); });
  };
  EXPECT_EQ(message("count", "eleven"), "count: 'eleven' is not a whole number in 1 .. 10");
  EXPECT_EQ(message("count", "11"), "count: 11 is outside of 1 .. 10");
  EXPECT_EQ(message("count", "3.5"), "count: '3.5' is not a whole number in 1 .. 10");
  EXPECT_EQ(message("count", "99999999999999999999"), "count: '99999999999999999999' is not a whole number in 1 .. 10");
  EXPECT_EQ(message("share", "nan"), "share: nan is outside of 0 .. 1");
  EXPECT_EQ(message("share", "inf"), "share: inf is outside of 0 .. 1");
  EXPECT_EQ(message("share", ""), "share: '' is not a number in 0 .. 1");
  EXPECT_EQ(message("eta", "-1"), "eta: -1 is outside of 0 .. 1");
  EXPECT_EQ(message("noise_levels", "3,,0"), "noise_levels: '' is not a number; give numbers with commas between");
  EXPECT_EQ(message("on", "maybe"), "on: 'maybe' is neither true nor false");
}

TEST(Field, OffersWordsThatAreNearlyRight) {
  const std::vector<std::string> words{"euler", "euler_ancestral", "dpmpp_2m", "ddim"};
  EXPECT_EQ(nearest("eular", words, 1), std::vector<std::string>{"euler"});
  EXPECT_EQ(nearest("dpmpp_m2", words, 1), std::vector<std::string>{"dpmpp_2m"});
  EXPECT_TRUE(nearest("watercolour", words, 1).empty());
}

}  // namespace
}  // namespace calotype
