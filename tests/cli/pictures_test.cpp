#include <algorithm>
#include <cctype>

#include "base/output_file.h"
#include "cli/program_test.h"
#include "io/encode.h"
#include "io/png.h"

namespace calotype::testing {
namespace {

Image shaded(int width, int height) {
  Image image{width, height, 3, {}};
  for (int i = 0; i < 3 * width * height; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 7));
  return image;
}

Image half_white(int width, int height) {
  Image image{width, height, 1, {}};
  for (int i = 0; i < width * height; ++i) image.pixels.push_back(i % width >= width / 2 ? 255 : 0);
  return image;
}

/// Commands that draw from pictures, on tiny models, in a folder with a few pictures.
class PictureCommands : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    write_tiny_model(scratch_ / "nine.safetensors", TinyKind::inpainting);
    write_tiny_model(scratch_ / "depth.safetensors", TinyKind::depth);
    write_tiny_model(scratch_ / "x4.safetensors", TinyKind::upscaler);
    for (const char* name : {"sketch.png", "cat.png", "room.png", "photos/one.png", "photos/two.png"}) {
      std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
      write_png(at(name), shaded(48, 40));
    }
    write_png(at("small.png"), shaded(12, 10));
    write_png(at("mask.png"), half_white(48, 40));
    for (const char* name : {"cats.jpg", "photo.jpg"}) {
      OutputFile file(at(name));
      file.write(encode_picture(shaded(48, 40), PictureFormat::jpeg));
      file.commit();
    }
    scratch_.write("prompts.txt", "a cat\na dog\n");
  }

  Finished run(std::vector<std::string> words) {
    words.insert(words.end(), {"-t", "2"});
    return run_program({words});
  }
  std::string model(const std::string& name) const { return at(name + ".safetensors"); }
};

/// Words of a line as a shell cuts it, double quotes apart.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : line + ' ') {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  return words;
}

TEST_F(PictureCommands, EveryExampleOfTheHelpRuns) {
  const std::pair<const char*, const char*> commands[] = {{"txt2img", "tiny"}, {"img2img", "tiny"},
                                                          {"inpaint", "nine"}, {"depth2img", "depth"},
                                                          {"upscale", "x4"},   {"depth", "depth"}};
  for (const auto& [command, kind] : commands) {
    const std::string help = run_program({{command, "--help"}}).output;
    size_t examples = 0;
    const std::string start = std::string("\n  calotype ") + command + " ";
    for (size_t at_line = help.find(start); at_line != std::string::npos; at_line = help.find(start, at_line + 1)) {
      const size_t end = help.find('\n', at_line + 1);
      std::vector<std::string> words = words_of(help.substr(at_line + 12, end - at_line - 12));
      if (std::ranges::find(words, "--image-prompt") != words.end()) continue;  // there is no tiny model of that kind
      bool names_model = false;
      for (std::string& word : words) {
        const bool is_model = word.ends_with(".safetensors");
        names_model = names_model || is_model;
        const bool is_file =
            word.ends_with(".png") || word.ends_with(".jpg") || word.ends_with(".txt") || word.ends_with("/");
        if (is_model) word = model(kind);
        if (is_file) word = at(word);
      }
      std::filesystem::create_directories(at("out"));
      if (!names_model) words.insert(words.end(), {"-m", model("tiny")});
      if (words[0] != "depth") words.insert(words.end(), {"--steps", "2"});
      const Finished finished = run(words);
      EXPECT_EQ(finished.code, 0) << help.substr(at_line, end - at_line) << "\n" << finished.errors;
      EXPECT_TRUE(std::filesystem::exists(finished.output.substr(0, finished.output.find('\n')))) << finished.output;
      ++examples;
    }
    EXPECT_GE(examples, 1u) << command;
  }
}

TEST_F(PictureCommands, SeveralPicturesAreNamedAfterThem) {
  const Finished finished = run({"img2img", "-m", model("tiny"), "-i", at("photos"), at("cat.png"), "-p", "a", "-s",
                                 "3", "--steps", "2", "-o", at("results/")});
  EXPECT_EQ(finished.code, 0) << finished.errors;
  EXPECT_EQ(finished.output,
            at("results/one.png") + "\n" + at("results/two.png") + "\n" + at("results/cat.png") + "\n");
  const Infotext text = parse_infotext(read_parameters(at("results/two.png")));
  EXPECT_EQ(*text.find("Seed"), "4");
  EXPECT_EQ(*text.find("Denoising strength"), "0.8");
  ASSERT_NE(text.find("Model hash"), nullptr);
  EXPECT_EQ(text.find("Model hash")->size(), 10u);
}

TEST_F(PictureCommands, APictureMayComeFromStdin) {
  Start start{
      {"img2img", "-m", model("tiny"), "-i", "-", "-p", "a", "--steps", "2", "-s", "1", "-o", at("a.png"), "-t", "2"}};
  start.input = file_text(at("cat.png"));
  EXPECT_EQ(run_program(start).code, 0);
  EXPECT_EQ(run({"img2img", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a", "--steps", "2", "-s", "1", "-o",
                 at("b.png")})
                .code,
            0);
  EXPECT_EQ(file_text(at("a.png")), file_text(at("b.png")));
}

TEST_F(PictureCommands, DepthIsKept) {
  const Finished finished = run({"depth2img", "-m", model("depth"), "-i", at("cat.png"), "--depth", at("room.png"),
                                 "-p", "a", "--steps", "2", "--save-depth", at("seen.pfm"), "-o", at("a.png")});
  EXPECT_EQ(finished.code, 0) << finished.errors;
  EXPECT_TRUE(file_text(at("seen.pfm")).starts_with("Pf\n48 40\n"));
}

TEST_F(PictureCommands, DepthByItself) {
  const Finished finished = run({"depth", "-m", model("depth"), "-i", at("photos"), at("cats.jpg"), "-o", at("maps/")});
  EXPECT_EQ(finished.code, 0) << finished.errors;
  EXPECT_EQ(finished.output, at("maps/one.png") + "\n" + at("maps/two.png") + "\n" + at("maps/cats.png") + "\n");
  const Grey16 map = read_grey16(at("maps/one.png"));
  EXPECT_EQ(map.width, 48);
  EXPECT_EQ(map.height, 40);
  EXPECT_EQ(*std::ranges::max_element(map.pixels), 65535);
  EXPECT_EQ(run({"depth", "-m", model("depth"), "-i", at("cat.png"), "-o", at("a.npy")}).code, 0);
  EXPECT_EQ(run({"depth", "-m", model("tiny"), "-i", at("cat.png"), "-o", at("b.png")}).code, 3);
  EXPECT_EQ(run({"depth", "-m", model("depth"), "-i", at("cat.png"), "-o", at("b.txt")}).code, 2);
  EXPECT_EQ(run({"depth", "-m", model("depth"), "-i", at("cat.png"), "--colormap", "green", "-o", at("b.png")}).code,
            2);
}

TEST_F(PictureCommands, RefuseInOneLine) {
  const struct {
    std::vector<std::string> words;
    int code;
    const char* part;
  } cases[] = {
      {{"img2img", "-m", model("nine"), "-i", at("cat.png"), "-p", "a"}, 3, "draw with it by inpaint"},
      {{"depth2img", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a"}, 3, "512-depth-ema"},
      {{"upscale", "-m", model("tiny"), "-i", at("cat.png")}, 3, "x4-upscaler-ema"},
      {{"inpaint", "-m", model("depth"), "-i", at("cat.png"), "--mask", at("mask.png"), "-p", "a"}, 3, "depth2img"},
      {{"img2img", "-m", model("tiny"), "-p", "a"}, 2, "-i FILE"},
      {{"img2img", "-m", model("tiny"), "-i", at("cat.png")}, 2, "-p TEXT"},
      {{"img2img", "-m", model("tiny"), "-i", at("none.png"), "-p", "a"}, 3, "none.png"},
      {{"img2img", "-m", model("tiny"), "-i", at("prompts.txt"), "-p", "a"}, 3, "prompts.txt"},
      {{"img2img", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a", "--strength", "0"}, 2, "no step"},
      {{"img2img", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a", "--strength", "nan"}, 2, "strength"},
      {{"img2img", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a", "--max-pixels", "10"}, 5, "cat.png"},
      {{"img2img", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a", "-o", at("cat.png")}, 2, "is read as"},
      {{"inpaint", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a"}, 2, "--mask FILE"},
      {{"inpaint", "-m", model("tiny"), "-i", at("cat.png"), "-p", "a", "--outpaint", "-8,0,0,0"}, 2, "outpaint"},
      {{"depth2img", "-m", model("depth"), "-p", "a"}, 2, "--depth FILE"},
      {{"depth2img", "-m", model("depth"), "-p", "a", "--depth", at("room.png"), "--strength", "0.5"}, 2, "only be 1"},
      {{"depth2img", "-m", model("depth"), "-i", at("cat.png"), "-p", "a", "--save-depth", at("a.txt")}, 2, ".pfm"},
      {{"upscale", "-m", model("x4"), "-i", at("small.png"), "--noise-level", "400"}, 2, "0 .. 350"},
  };
  for (const auto& [words, code, part] : cases) {
    std::vector<std::string> all = words;
    if (std::ranges::count(all, "-o") == 0) all.insert(all.end(), {"-o", at("refused.png")});
    all.insert(all.end(), {"--steps", "2", "--progress", "none"});
    const Finished finished = run(all);
    EXPECT_EQ(finished.code, code) << part << ": " << finished.errors;
    EXPECT_NE(finished.errors.find(part), std::string::npos) << finished.errors;
    EXPECT_EQ(std::ranges::count(finished.errors, '\n'), 1) << finished.errors;
    EXPECT_FALSE(std::filesystem::exists(at("refused.png")));
  }
}

TEST_F(PictureCommands, OptionsComeFromTheEnvironmentAndFromFiles) {
  std::filesystem::create_directories(at("own/calotype"));
  scratch_.write("own/calotype/config.toml", "steps = 4\ncfg_scale = 3.5\nseed = 1\n");
  scratch_.write("more.toml", "seed = 2\nsampler = \"euler\"\nlayers = 3\n");
  Start start{{"txt2img", "-p", "a", "--config", at("more.toml"), "--dump-config"}};
  start.variables = {{"XDG_CONFIG_HOME", at("own")}, {"CALOTYPE_STEPS", "3"}};
  const Finished finished = run_program(start);
  EXPECT_EQ(finished.code, 0) << finished.errors;
  for (const std::string& line :
       {std::string("prompt = \"a\"  # command line"), std::string("steps = 3  # CALOTYPE_STEPS"),
        "seed = 2  # " + at("more.toml"), "cfg_scale = 3.5  # " + at("own/calotype/config.toml"),
        std::string("batch_count = 1  # default")})
    EXPECT_NE(finished.output.find(line), std::string::npos) << line << "\n" << finished.output;
  start.variables["CALOTYPE_STEPS"] = "many";
  EXPECT_EQ(run_program(start).code, 2);
}

}  // namespace
}  // namespace calotype::testing
