#include "cli/program_test.h"
#include "io/picture_text.h"

namespace calotype::testing {
namespace {

class Metadata : public Program {
 protected:
  std::string said(const std::vector<std::string>& arguments) {
    Start start{{"metadata"}};
    start.arguments.insert(start.arguments.end(), arguments.begin(), arguments.end());
    const Finished finished = run_program(start);
    EXPECT_EQ(finished.code, 0) << finished.errors;
    return finished.output;
  }
};

TEST_F(Metadata, EveryFormatSaysHowItWasDrawn) {
  for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
    SCOPED_TRACE(name);
    const Finished drawn = run_program(drawing({"-p", "a caf\u00e9, at night", "-s", "5", "-o", at(name)}));
    ASSERT_EQ(drawn.code, 0) << drawn.errors;
    EXPECT_EQ(read_image(at(name)).width, 64);
    const std::string text = said({at(name)});
    EXPECT_EQ(text.find("a caf\u00e9, at night\n"), 0u) << text;
    EXPECT_NE(text.find("Seed: 5"), std::string::npos) << text;
    EXPECT_NE(text.find("digital source type: trainedAlgorithmicMedia\n"), std::string::npos) << text;
    const std::string json = said({at(name), "--json"});
    EXPECT_NE(json.find("\"Seed\": \"5\""), std::string::npos) << json;
    EXPECT_NE(json.find("\"prompt\": \"a caf\u00e9, at night\""), std::string::npos) << json;
  }
}

TEST_F(Metadata, WhatIsNotWantedIsLeftOut) {
  run_program(drawing({"-p", "a", "-o", at("a.webp"), "--no-metadata", "--lossless"}));
  EXPECT_EQ(read_parameters(at("a.webp")), "");
  EXPECT_EQ(read_picture_text(at("a.webp")).source_type, "trainedAlgorithmicMedia");
  run_program(drawing({"-p", "a", "-o", at("b.jpg"), "--no-provenance", "--quality", "70"}));
  EXPECT_NE(read_parameters(at("b.jpg")), "");
  EXPECT_EQ(read_picture_text(at("b.jpg")).source_type, "");
  run_program(drawing({"-p", "a", "-o", at("folder/"), "--format", "webp", "--no-metadata", "--no-provenance"}));
  EXPECT_EQ(said({at("folder/00000.webp")}), at("folder/00000.webp") + ": it says nothing of how it was made\n");
  EXPECT_EQ(run_program(drawing({"-p", "a", "-o", at("c.png"), "--format", "webp"})).code, 2);
  EXPECT_EQ(left(), (std::set<std::string>{"a.webp", "b.jpg", "folder"}));
}

TEST_F(Metadata, GraphsOfOtherProgramsAreRead) {
  const std::string comfy = std::string(CALOTYPE_TEST_DATA) + "/images/metadata/comfy.png";
  const std::string text = said({comfy});
  EXPECT_EQ(
      text.find("a harbour\nNegative prompt: fog\nSteps: 20, Sampler: euler, Schedule type: normal, CFG scale: 8, "
                "Seed: 7, Size: 512x448, Model: v2-1_512.safetensors\n"),
      0u)
      << text;
  EXPECT_EQ(run_program({{"metadata", model_.string()}}).code, 3);
}

TEST_F(Metadata, PreviewsAreFilesOfAnyFormat) {
  for (const char* kind : {"proj", "vae"}) {
    const Finished drawn =
        run_program(drawing({"-p", "a", "-o", at("a.png"), "--preview", kind, "--preview-path", at("p.jpg")}));
    EXPECT_EQ(drawn.code, 0) << drawn.errors;
    EXPECT_EQ(read_image(at("p.jpg")).width, 64);
  }
}

}  // namespace
}  // namespace calotype::testing
