#include "check/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/error.h"

namespace calotype::checker {
namespace {

TEST(Findings, ShowTheWorstBesideItsTolerance) {
  Findings findings;
  findings.measure("near", 1e-6, 1e-5);
  findings.measure("nearer the limit", 1e-3, 2e-3);
  findings.exact("equal", 0);
  EXPECT_EQ(findings.worst().what, "nearer the limit");
  EXPECT_EQ(findings.failures(), 0);
  findings.measure("no number", NAN, 1);
  EXPECT_EQ(findings.worst().what, "no number");
  EXPECT_EQ(findings.failures(), 1);
  findings.exact("unequal", 1);
  EXPECT_EQ(findings.failures(), 2);
  EXPECT_EQ(findings.count(), 5);
}

TEST(Findings, ListsOfOtherLengthsDiffer) {
  Findings findings;
  findings.equal<int>("ids", {1, 2, 3}, {1, 5});
  EXPECT_EQ(findings.worst().distance, 2);
  findings.equal<int>("same", {1, 2}, {1, 2});
  EXPECT_EQ(findings.failures(), 1);
}

TEST(Report, PrintsALineACaseAndACount) {
  std::ostringstream out;
  Report report(out, "");
  report.run("good", [](Findings& findings) { findings.measure("out", 1e-6, 1e-5); });
  report.run("exact", [](Findings& findings) { findings.exact("ids", 0); });
  report.run("bad", [](Findings& findings) { findings.measure("out", 3e-5, 1e-5); });
  report.run("thrown", [](Findings&) { fail(ErrorKind::bad_file, "there is\nno tensor"); });
  report.run("empty", [](Findings&) {});
  report.run("later", [](Findings&) { throw Skipped{"not built yet"}; });
  report.skip("later still", "nor this");
  EXPECT_EQ(report.finish(), 1);
  EXPECT_EQ(out.str(),
            "ok    good  1e-06  1e-05  out\n"
            "ok    exact  0  0  ids\n"
            "FAIL  bad  3e-05  1e-05  out\n"
            "FAIL  thrown  -  -  there is no tensor\n"
            "FAIL  empty  -  -  nothing was compared\n"
            "skip  later  not built yet\n"
            "skip  later still  nor this\n"
            "2 passed, 3 failed, 2 skipped\n");
}

TEST(Report, RunsOnlyWhatThePatternMatches) {
  std::ostringstream out;
  Report report(out, "unet_*");
  const auto pass = [](Findings& findings) { findings.exact("x", 0); };
  report.run("unet_tiny", pass);
  report.run("vae_tiny", pass);
  report.run("anything", pass, "unet_group");
  EXPECT_EQ(report.finish(), 0);
  EXPECT_NE(out.str().find("2 passed, 0 failed, 0 skipped"), std::string::npos);
}

TEST(Report, SkippingAloneIsNoSuccess) {
  std::ostringstream out;
  Report report(out, "");
  report.skip("later", "not built yet");
  EXPECT_EQ(report.finish(), 1);
  EXPECT_EQ(Report(out, "nothing").finish(), 2);
}

TEST(Report, AFailureBeforeASkipCounts) {
  std::ostringstream out;
  Report report(out, "");
  report.run("both", [](Findings& findings) {
    findings.exact("ids", 3);
    throw Skipped{"the rest is not built yet"};
  });
  EXPECT_EQ(report.finish(), 1);
  EXPECT_TRUE(out.str().starts_with("FAIL  both  3  0  ids\n"));
}

}  // namespace
}  // namespace calotype::checker
