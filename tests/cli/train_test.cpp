#include <csignal>

#include "cli/program_test.h"
#include "io/safetensors.h"
#include "train/pictures.h"

namespace calotype::testing {
namespace {

/// An interrupt writes a checkpoint and ends; the same command goes on from there.
TEST(Train, GoesOnWhereItWasInterrupted) {
  const Scratch folder;
  write_pictures(folder / "pictures", 64);
  const std::string file = folder.write("vae.toml",
                                        "data = \"pictures\"\nheld_out = \"pictures\"\nout = \"run\"\nsteps = 100000\n"
                                        "batch = 1\ncrop = 16\nch = 8\ngroups = 4\nwarmup = 5\npca_steps = 0\n");
  const Start start{{"train", "vae", file, "--progress", "json", "-t", "2"}};
  Process first(start);
  ASSERT_TRUE(first.wait_for(R"("phase":"train","step":2,)"));
  first.send(SIGINT);
  const Finished stopped = first.finish();
  EXPECT_EQ(stopped.code, 130) << stopped.errors;
  EXPECT_NE(stopped.errors.find("the same command goes on from there"), std::string::npos) << stopped.errors;
  EXPECT_TRUE(std::filesystem::exists(folder / "run" / "checkpoint.safetensors"));

  Process second(start);
  EXPECT_TRUE(second.wait_for("goes on from step"));
  second.send(SIGTERM);
  EXPECT_EQ(second.finish().code, 143);
}

TEST(Train, RefusesWhatCannotBeTrained) {
  const Scratch folder;
  write_pictures(folder / "pictures", 64);
  const std::string settings =
      "data = \"pictures\"\nheld_out = \"pictures\"\nout = \"run\"\nsteps = 1\nbatch = 1\ncrop = 16\nch = 8\npca_steps "
      "= 0\n";
  const auto refused = [&](const std::string& text, const std::string& part) {
    const Finished finished = run_program({{"train", "vae", folder.write("vae.toml", text), "--progress", "none"}});
    EXPECT_EQ(finished.code, 3) << finished.errors;
    EXPECT_NE(finished.errors.find(part), std::string::npos) << finished.errors;
    EXPECT_EQ(std::count(finished.errors.begin(), finished.errors.end(), '\n'), 1) << finished.errors;
  };
  refused(settings + "groups = 3\n", "8 channels cannot be shared out among 3");
  ASSERT_EQ(
      run_program({{"train", "vae", folder.write("vae.toml", settings + "groups = 4\n"), "--progress", "none"}}).code,
      0);
  const std::filesystem::path checkpoint = folder / "run" / "checkpoint.safetensors";
  const Safetensors file(checkpoint);
  for (const char* wrong : {"nan", "-1", "", "99999999999999999999"}) {
    auto words = file.metadata();
    words["step"] = wrong;
    write_safetensors(folder / "run" / "wrong.safetensors", file.tensors(), words);
    std::filesystem::rename(folder / "run" / "wrong.safetensors", checkpoint);
    refused(settings + "groups = 4\n", "step: a whole number from 0 on was expected");
  }
}

TEST(Train, NamesASettingThatNobodyKnows) {
  const Scratch folder;
  write_pictures(folder / "pictures", 64);
  const std::string file =
      folder.write("vae.toml", "data = \"pictures\"\nheld_out = \"pictures\"\nout = \"run\"\nstepz = 3\n");
  const Finished finished = run_program({{"train", "vae", file, "--progress", "none"}});
  EXPECT_EQ(finished.code, 3);
  EXPECT_NE(finished.errors.find("stepz"), std::string::npos) << finished.errors;
}

}  // namespace
}  // namespace calotype::testing
