#include "train/settings.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/scratch.h"

namespace calotype {
namespace {

template <class Action>
std::string message(Action&& action) {
  return refusal(ErrorKind::bad_file, action);
}

TEST(Settings, ReadsEveryKindAndFallsBack) {
  const Scratch folder;
  Settings settings(
      folder.write("a.toml", "steps = 7\nrate = 1e-3\nwhole = 2\ngo = true\nname = \"x\"\nout = \"sub\"\n"));
  EXPECT_EQ(settings.integer("steps", 1, 0, 10), 7);
  EXPECT_EQ(settings.number("rate", 1, 0, 10), 1e-3);
  EXPECT_EQ(settings.number("whole", 1, 0, 10), 2);
  EXPECT_TRUE(settings.flag("go", false));
  EXPECT_EQ(settings.word("name", "y"), "x");
  EXPECT_EQ(settings.path("out"), folder / "sub");
  EXPECT_EQ(settings.integer("absent", 3, 0, 10), 3);
  settings.check_all_read();
}

TEST(Settings, RefusesWithTheKeyAndTheFile) {
  const Scratch folder;
  Settings settings(folder.write("a.toml", "steps = \"many\"\nbatch = 99\nspeling = 1\n"));
  EXPECT_NE(message([&] { settings.integer("steps", 1, 0, 10); }).find("steps: a whole number"), std::string::npos);
  EXPECT_NE(message([&] { settings.integer("batch", 1, 0, 10); }).find("99 is not within 0 to 10"), std::string::npos);
  EXPECT_NE(message([&] { settings.path("data"); }).find("data is missing"), std::string::npos);
}

TEST(Settings, RefusesAKeyThatNobodyReads) {
  const Scratch folder;
  Settings settings(folder.write("a.toml", "steps = 1\nspeling = 1\n"));
  settings.integer("steps", 1, 0, 10);
  const std::string text = message([&] { settings.check_all_read(); });
  EXPECT_NE(text.find("no setting speling; there are steps"), std::string::npos) << text;
}

TEST(Settings, RefusesWhatIsNoTomlOrNotFlat) {
  const Scratch folder;
  EXPECT_NE(message([&] { Settings(folder.write("a.toml", "steps = = 1\n")); }).find("line 1"), std::string::npos);
  EXPECT_NE(message([&] { Settings(folder.write("b.toml", "[table]\nx = 1\n")); }).find("table"), std::string::npos);
  EXPECT_NE(message([&] { Settings(folder.write("c.toml", std::string(2 << 20, '#'))); }).find("1 MB"),
            std::string::npos);
  EXPECT_NE(message([&] { Settings(folder / "none.toml"); }).find("cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace calotype
