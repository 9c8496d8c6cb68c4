#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "base/isa.h"
#include "support/scratch.h"

namespace calotype {
namespace {

const std::string kData = CALOTYPE_TEST_DATA;

/// The exit code of the checker with these arguments; its output goes to `output`.
int exit_code(const std::string& arguments, const std::filesystem::path& output) {
  const std::string command = std::string(CALOTYPE_CHECK_PROGRAM) + " " + arguments + " > " + output.string() + " 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(CheckProgram, ExitCodesAreThoseOfItsUsage) {
  const Scratch scratch;
  const auto out = scratch / "out";
  EXPECT_EQ(exit_code("text " + kData + "/text --only 'tokenizer/T00*'", out), 0);
  EXPECT_TRUE(file_text(out).ends_with("10 passed, 0 failed, 0 skipped\n")) << file_text(out);
  EXPECT_EQ(exit_code("--help", out), 0);
  EXPECT_EQ(exit_code("text " + kData + "/text --only conditioning/break_in_brackets", out), 1);  // skipped alone
  EXPECT_EQ(exit_code("", out), 2);
  EXPECT_EQ(exit_code("portraits " + kData, out), 2);
  EXPECT_EQ(exit_code("text " + kData + "/text --only no-such-case", out), 2);
  EXPECT_EQ(exit_code("samplers " + kData + "/samplers --precision bf16", out), 2);
  EXPECT_EQ(exit_code("text " + kData + "/no-such-folder", out), 3);
  EXPECT_EQ(exit_code("networks " + kData + "/text", out), 3);
  scratch.write("index.json", "[{\"case\": ");
  EXPECT_EQ(exit_code("networks " + (scratch / "").string(), out), 3);
  EXPECT_NE(file_text(out).find("this is no JSON"), std::string::npos) << file_text(out);
}

TEST(CheckProgram, TinyNetworksPassOnEveryInstructionSetInBothPrecisions) {
  const Scratch scratch;
  const auto out = scratch / "out";
  for (const Isa isa : supported_isas())
    for (const std::string precision : {"f32", "bf16"})
      for (const char* network : {"unet_v_tiny", "vae_f4_tiny", "text_openclip_tiny"}) {
        if (precision == "bf16" && isa != Isa::avx512_bf16) continue;  // it is f32 there
        const std::string arguments = std::string("networks ") + kData + "/networks --only " + network +
                                      " --precision " + precision + " --isa " + name_of(isa);
        EXPECT_EQ(exit_code(arguments, out), 0) << arguments << "\n" << file_text(out);
      }
  EXPECT_EQ(exit_code("networks " + kData + "/networks --isa sse2", out), 2);
}

}  // namespace
}  // namespace calotype
