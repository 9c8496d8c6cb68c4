#include "cli/program_test.h"
#include "io/latent.h"
#include "load/formula_file.h"
#include "load/stable_diffusion.h"
#include "pipeline/latents.h"
#include "pipeline/preview.h"

namespace calotype::testing {
namespace {

class Txt2Img : public Program {
 protected:
  std::string drawn(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"-o", at(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished finished = run_program(drawing(arguments));
    EXPECT_EQ(finished.code, 0) << finished.errors;
    return finished.output;
  }
};

TEST_F(Txt2Img, DrawsAPictureThatSaysHow) {
  EXPECT_EQ(drawn("a.png", {"-p", "a caf\u00e9, at night", "-n", "blurry", "-s", "5", "--size", "48x32"}),
            at("a.png") + "\n");
  const Image image = read_image(at("a.png"));
  EXPECT_EQ(image.width, 48);
  EXPECT_EQ(image.height, 32);
  const Infotext text = parse_infotext(read_parameters(at("a.png")));
  EXPECT_EQ(text.prompt, "a caf\u00e9, at night");
  EXPECT_EQ(text.negative, "blurry");
  ASSERT_NE(text.find("Seed"), nullptr);
  EXPECT_EQ(*text.find("Seed"), "5");
  EXPECT_EQ(left(), std::set<std::string>{"a.png"});
  drawn("b.png", {"-p", "a", "--no-metadata"});
  EXPECT_EQ(read_parameters(at("b.png")), "");
}

TEST_F(Txt2Img, FitsIntoTheMemoryAllowedOrRefuses) {
  drawn("a.png", {"-p", "a", "-s", "3", "--size", "128x64"});
  // The program alone is some 30 MB, kernels are allowed 64 and 16 a thread.
  drawn("b.png", {"-p", "a", "-s", "3", "--size", "128x64", "--max-memory", "400M"});
  EXPECT_EQ(file_text(at("a.png")), file_text(at("b.png")));
  const Finished refused = run_program(drawing({"-p", "a", "-o", at("c.png"), "--max-memory", "16M"}));
  EXPECT_EQ(refused.code, 5);
  EXPECT_NE(refused.errors.find("max_memory: 0.02 GiB are allowed"), std::string::npos) << refused.errors;
  EXPECT_EQ(run_program(drawing({"-p", "a", "--max-memory", "2 cups"})).code, 2);
  EXPECT_EQ(left(), (std::set<std::string>{"a.png", "b.png"}));
}

TEST_F(Txt2Img, PeakMemoryIsToldAndBounded) {
  const Finished finished = run_program(drawing({"-p", "a", "-o", at("a.png"), "-v"}));
  const size_t at = finished.errors.find("peak memory ");
  ASSERT_NE(at, std::string::npos) << finished.errors;
#ifdef CALOTYPE_SANITIZED
  const double most = 1000;  // MiB; shadow memory and what was freed last are kept
#else
  const double most = 150;
#endif
  EXPECT_LT(std::stod(finished.errors.substr(at + 12)), most) << finished.errors;
}

TEST_F(Txt2Img, ApproximationsAreNamedInThePicture) {
  drawn("a.png", {"-p", "a", "--cache", "deepcache:2", "--token-merging", "0.5", "--guidance-interval", "0.3,5"});
  const Infotext text = parse_infotext(read_parameters(at("a.png")));
  ASSERT_TRUE(text.find("Cache") && text.find("Token merging ratio") && text.find("Guidance interval"));
  EXPECT_EQ(*text.find("Cache"), "deepcache:2:0");
  EXPECT_EQ(*text.find("Token merging ratio"), "0.5");
  EXPECT_EQ(run_program(drawing({"-p", "a", "--cache", "shallow"})).code, 2);
  EXPECT_EQ(run_program(drawing({"-p", "a", "--cache", "deepcache:2:99"})).code, 2);
  EXPECT_EQ(run_program(drawing({"-p", "a", "--guidance-interval", "1"})).code, 2);
}

TEST_F(Txt2Img, SameBytesForAnyThreadsAndAnyBatch) {
  drawn("%d.png", {"-p", "a", "-s", "3", "-b", "4", "--batch-size", "4", "-t", "1"});
  for (int i = 0; i < 4; ++i) {
    drawn("alone.png", {"-p", "a", "-s", std::to_string(3 + i), "-t", std::to_string(1 << i % 3)});
    EXPECT_EQ(file_text(at("alone.png")), file_text(at(std::to_string(i) + ".png"))) << i;
  }
}

TEST_F(Txt2Img, NamesOfSeveral) {
  EXPECT_EQ(drawn("a.png", {"-p", "a", "-b", "2"}), at("a-0.png") + "\n" + at("a-1.png") + "\n");
  EXPECT_EQ(drawn("n%02d.png", {"-p", "a", "-b", "2"}), at("n00.png") + "\n" + at("n01.png") + "\n");
  EXPECT_EQ(drawn("folder/", {"-p", "a"}), at("folder/00000.png") + "\n");
  EXPECT_EQ(drawn("folder", {"-p", "a"}), at("folder/00001.png") + "\n");
  const Finished piped = run_program(drawing({"-p", "a", "-s", "1", "-o", "-"}));
  drawn("same.png", {"-p", "a", "-s", "1"});
  EXPECT_EQ(piped.output, file_text(at("same.png")));
}

TEST_F(Txt2Img, AnEmptyPromptIsLegal) {
  drawn("a.png", {"-p", "", "-s", "1"});
  drawn("b.png", {"--prompt=", "-s", "1"});
  EXPECT_EQ(file_text(at("a.png")), file_text(at("b.png")));
}

TEST_F(Txt2Img, LatentsCanBeKeptAndDecodedLater) {
  drawn("a.png", {"-p", "a", "-s", "1", "--save-latent", at("a.latent")});
  drawn("b.png", {"--load-latent", at("a.latent")});
  const Image a = read_image(at("a.png")), b = read_image(at("b.png"));
  ASSERT_EQ(a.pixels.size(), b.pixels.size());
  // The latents were divided and multiplied again, so a level may tip over.
  for (size_t i = 0; i < a.pixels.size(); ++i) EXPECT_NEAR(a.pixels[i], b.pixels[i], 1);
  EXPECT_EQ(read_parameters(at("a.png")), read_parameters(at("b.png")));
}

TEST_F(Txt2Img, PromptFiles) {
  scratch_.write("prompts.txt",
                 "# two pictures\n\na cat\r\n"
                 "{\"prompt\": \"a dog\", \"seed\": 40, \"cfg-scale\": 2, \"steps\": 2}\n");
  drawn("p%d.png", {"--prompt-file", at("prompts.txt"), "-s", "7", "--sheet", at("sheet.png")});
  EXPECT_EQ(left(), (std::set<std::string>{"p0.png", "p1.png", "prompts.txt", "sheet.png"}));
  const Infotext first = parse_infotext(read_parameters(at("p0.png")));
  EXPECT_EQ(first.prompt, "a cat");
  EXPECT_EQ(*first.find("Seed"), "7");
  const Infotext second = parse_infotext(read_parameters(at("p1.png")));
  EXPECT_EQ(second.prompt, "a dog");
  EXPECT_EQ(*second.find("Seed"), "40");
  EXPECT_EQ(*second.find("CFG scale"), "2");
  EXPECT_EQ(read_image(at("sheet.png")).width, 128);
  scratch_.write("prompts.txt", "a cat\n{\"stepz\": 1}\n");
  const Finished bad = run_program(drawing({"--prompt-file", at("prompts.txt"), "-o", at("q%d.png")}));
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.errors.find("prompts.txt:2: there is no option 'stepz'"), std::string::npos) << bad.errors;
}

TEST_F(Txt2Img, TheBundledModelIsFound) {
  Start start{{"txt2img", "-p", "a", "--steps", "2", "-o", at("a.png")}};
  start.variables["CALOTYPE_MODELS"] = model_.parent_path();
  EXPECT_EQ(run_program(start).code, 0);
  start.arguments.insert(start.arguments.end(), {"-m", "tiny"});
  EXPECT_EQ(run_program(start).code, 0);
}

TEST_F(Txt2Img, ModelsAreFoundByName) {
  const std::string folder = at("shelf");
  std::filesystem::create_directories(folder + "/more");
  const auto put = [&](const std::string& name) {
    std::filesystem::copy_file(model_, folder + "/" + name + ".safetensors");
    std::filesystem::copy_file(at("tiny.yaml"), folder + "/" + name + ".yaml");
  };
  put("Own");
  put("more/Other");
  scratch_.write("shelf/broken.safetensors", "not weights");
  const auto run = [&](const std::string& model, bool by_variable = false) {
    Start start{{"txt2img", "-p", "a", "--steps", "1", "-o", at("a.png"), "-m", model}};
    if (by_variable)
      start.variables["CALOTYPE_MODELS"] = folder;
    else
      start.arguments.insert(start.arguments.end(), {"--models-dir", folder});
    return run_program(start);
  };
  EXPECT_EQ(run("own").code, 0);
  EXPECT_EQ(run("OTHER", true).code, 0);
  const Finished none = run("ownn");
  EXPECT_EQ(none.code, 3);
  EXPECT_NE(none.errors.find("do you mean Own"), std::string::npos) << none.errors;

  put("more/Own");
  const Finished two = run("own");
  EXPECT_EQ(two.code, 2);
  EXPECT_NE(two.errors.find("shelf/Own.safetensors, "), std::string::npos) << two.errors;
  EXPECT_NE(two.errors.find("shelf/more/Own.safetensors"), std::string::npos) << two.errors;
  EXPECT_EQ(run_program({{"inspect", "own", "--models-dir", folder}}).code, 2);
  EXPECT_EQ(run_program({{"inspect", "other", "--models-dir", folder}}).code, 0);
  EXPECT_EQ(run_program({{"convert", "other", "--models-dir", folder, "-o", at("o.gguf")}}).code, 0);
  EXPECT_EQ(run_program({{"merge", "other", model_.string(), "--models-dir", folder, "-o", at("m.gguf")}}).code, 0);
  EXPECT_EQ(run_program({{"depth", "-m", "own", "--models-dir", folder, "-i", at("a.png"), "-o", at("d.png")}}).code,
            2);
  EXPECT_EQ(run_program({{"inspect", "own", "--models-dir", at("nowhere")}}).code, 3);
  const Finished listed = run_program({{"models", "--models-dir", folder}});
  EXPECT_EQ(std::ranges::count(listed.output, '\n'), 3) << listed.output;
}

TEST_F(Txt2Img, PreviewsGoIntoAFile) {
  drawn("a.png", {"-p", "a", "--preview", "proj", "--preview-path", at("preview.png")});
  EXPECT_EQ(read_image(at("preview.png")).width, 64);
  drawn("b.png", {"-p", "a", "--preview", "terminal"});  // stderr is none here: nothing is shown
}

TEST_F(Txt2Img, PreviewsByASmallDecoder) {
  write_formula_file(scratch_ / "taesd.safetensors", formula_parts(TinyVaeConfig{.width = 8}), DType::f16);
  drawn("a.png", {"-p", "a", "-s", "1", "--save-latent", at("a.latent"), "--preview", "tae", "--taesd",
                  at("taesd.safetensors"), "--preview-path", at("p.png"), "--steps", "1"});
  // The last guess is the picture, so the last preview is what the decoder makes of its latents.
  const StableDiffusion model = open_stable_diffusion(model_);
  const Tensor latents = from_latent_file(read_latent(at("a.latent")), model.vae->config.scale_factor, 4, "a.latent");
  const Image want = decoded_guess(*open_tiny_decoder(scratch_ / "taesd.safetensors"), latents);
  const Image got = read_image(at("p.png"));
  ASSERT_EQ(got.pixels.size(), want.pixels.size());
  for (size_t i = 0; i < got.pixels.size(); ++i) EXPECT_NEAR(got.pixels[i], want.pixels[i], 1);
  EXPECT_EQ(run_program(drawing({"-p", "a", "--preview", "tae"})).code, 2);
  EXPECT_EQ(run_program(drawing({"-p", "a", "--taesd", at("taesd.safetensors")})).code, 2);
  EXPECT_EQ(run_program(drawing({"-p", "a", "--preview", "tae", "--taesd", model_.string()})).code, 3);
}

TEST_F(Txt2Img, TheYamlMayLieElsewhere) {
  drawn("a.png", {"-p", "a", "-s", "1"});
  std::filesystem::create_directory(scratch_ / "words");
  std::filesystem::rename(scratch_ / "tiny.yaml", scratch_ / "words/other.yaml");
  drawn("b.png", {"-p", "a", "-s", "1", "--model-config", at("words/other.yaml")});
  EXPECT_EQ(file_text(at("a.png")), file_text(at("b.png")));
  EXPECT_NE(run_program(drawing({"-p", "a", "-o", at("c.png")})).code, 0) << "without it the file does not say enough";
  const Finished missing = run_program(drawing({"-p", "a", "-o", at("c.png"), "--model-config", at("no.yaml")}));
  EXPECT_EQ(missing.code, 3);
  EXPECT_NE(missing.errors.find("no.yaml"), std::string::npos) << missing.errors;
}

TEST_F(Txt2Img, VariationsGoTowardsAnotherSeed) {
  const auto pixels = [&](const std::string& name) { return read_image(at(name)).pixels; };
  drawn("own.png", {"-p", "a", "-s", "1"});
  drawn("other.png", {"-p", "a", "-s", "9"});
  drawn("none.png", {"-p", "a", "-s", "1", "--subseed", "9"});
  drawn("all.png", {"-p", "a", "-s", "1", "--subseed", "9", "--subseed-strength", "1"});
  EXPECT_EQ(pixels("none.png"), pixels("own.png"));
  EXPECT_EQ(pixels("all.png"), pixels("other.png"));
  drawn("%d.png",
        {"-p", "a", "-s", "1", "-b", "2", "--batch-size", "2", "--subseed", "9", "--subseed-strength", "0.2"});
  drawn("alone.png", {"-p", "a", "-s", "2", "--subseed", "10", "--subseed-strength", "0.2"});
  EXPECT_EQ(file_text(at("alone.png")), file_text(at("1.png")));
  EXPECT_NE(pixels("0.png"), pixels("own.png"));
  const Infotext text = parse_infotext(read_parameters(at("1.png")));
  ASSERT_TRUE(text.find("Variation seed") && text.find("Variation seed strength"));
  EXPECT_EQ(*text.find("Variation seed"), "10");
  EXPECT_EQ(*text.find("Variation seed strength"), "0.2");
}

TEST_F(Program, Inspects) {
  const Finished text = run_program({{"inspect", model_.string()}});
  EXPECT_EQ(text.code, 0);
  for (const char* part : {"UNet", "autoencoder", "text tower", "predicts epsilon", "F16"})
    EXPECT_NE(text.output.find(part), std::string::npos) << part << "\n" << text.output;
  const auto json = run_program({{"inspect", "--json", model_.string()}});
  EXPECT_NE(json.output.find("\"prediction\": \"epsilon\""), std::string::npos) << json.output;
}

TEST_F(Program, ListsAndHelps) {
  EXPECT_NE(run_program({{"info", "--kernels"}}).output.find("instruction set in use"), std::string::npos);
  EXPECT_NE(run_program({{"samplers"}}).output.find("euler_ancestral"), std::string::npos);
  EXPECT_NE(run_program({{"--version"}}).output.find("calotype "), std::string::npos);
  const Finished help = run_program({{"txt2img", "--help"}});
  EXPECT_EQ(help.code, 0);
  for (const char* part : {"--cfg-scale, --scale, --guidance-scale X", "[7.5;", "--prompt-file", "Examples:"})
    EXPECT_NE(help.output.find(part), std::string::npos) << part << "\n" << help.output;
}

}  // namespace
}  // namespace calotype::testing
