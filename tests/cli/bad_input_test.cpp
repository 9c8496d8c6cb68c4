// What goes wrong ends in one line on stderr, the exit code of its kind, and nothing left behind.

#include <sys/stat.h>

#include <cmath>
#include <csignal>
#include <fstream>

#include "cli/program_test.h"
#include "io/safetensors.h"

namespace calotype::testing {
namespace {

class BadInput : public Program {
 protected:
  void expect_refusal(const Start& start, int code, const std::string& part, std::set<std::string> allowed = {}) {
    const Finished finished = run_program(start);
    EXPECT_EQ(finished.code, code) << finished.errors;
    EXPECT_EQ(finished.output, "");
    const size_t line = finished.errors.find("calotype: ");
    ASSERT_NE(line, std::string::npos) << finished.errors;
    const std::string message = finished.errors.substr(line);
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(left(), allowed) << "left behind";
  }
  Start with_model(const std::string& path) const {
    return {{"txt2img", "-m", path, "-p", "a cat", "-o", at("out.png"), "--progress", "none"}};
  }
};

TEST_F(BadInput, TruncatedModel) {
  const std::string whole = file_text(model_);
  scratch_.write("cut.safetensors", whole.substr(0, whole.size() / 2));
  expect_refusal(with_model(at("cut.safetensors")), 3, "cut.safetensors", {"cut.safetensors"});
}

TEST_F(BadInput, PickleByAnotherName) {
  std::string pickle = "PK\x03\x04";
  pickle.resize(1000, 'x');
  scratch_.write("renamed.safetensors", pickle);
  expect_refusal(with_model(at("renamed.safetensors")), 3, "renamed.safetensors", {"renamed.safetensors"});
}

TEST_F(BadInput, LoraAsModel) {
  const std::vector<float> values(16 * 4);
  const std::vector<StoredTensor> tensors{{"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight",
                                           StoredType::f32, Shape{4, 16}, std::as_bytes(std::span(values))},
                                          {"lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight",
                                           StoredType::f32, Shape{16, 4}, std::as_bytes(std::span(values))}};
  write_safetensors(at("lora.safetensors"), tensors, {});
  expect_refusal(with_model(at("lora.safetensors")), 3, "LoRA", {"lora.safetensors"});
}

TEST_F(BadInput, NoModel) {
  expect_refusal(with_model(at("nothing.safetensors")), 3, "there is no such file or folder");
  expect_refusal(with_model(at(".")), 3, "model_index.json");
  Start bundled{{"txt2img", "-p", "a cat", "-o", at("out.png"), "-m", "no-such-model", "--progress", "none"}};
  expect_refusal(bundled, 3, "no model of that name in ");
}

TEST_F(BadInput, Usage) {
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--width", "500"}), 2, "the nearest are 496 and 504");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--sampler", "eular"}), 2, "sampler: there is none named");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--steps", "0"}), 2, "steps: 0 is outside of 1 .. 1000");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--cfg-scale", "nan"}), 2, "cfg_scale");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--stepz", "5"}), 2, "did you mean --steps?");
  expect_refusal(drawing({"-p", "a", "-o", at("a.gif")}), 2, "a.gif");
  expect_refusal(drawing({"-p", "a", "-o", at("%s.png")}), 2, "after % may stand");
  expect_refusal(drawing({"-o", at("a.png")}), 2, "say what to draw");
  expect_refusal(drawing({"-p", "a", "--isa", "mmx"}), 2, "isa: there is none named");
  expect_refusal(drawing({"-p", "a", "--prompt-file", at("none.txt")}), 3, "cannot be opened");
  expect_refusal({{"txt2image"}}, 2, "did you mean txt2img?");
  expect_refusal({{"train", "unat", at("a.toml")}}, 2, "there are vae, clip and unet");
  expect_refusal({{"train", "vae", at("a.toml")}}, 3, "a.toml");
  expect_refusal({{"inspect", at("none")}}, 3, "none");
}

TEST_F(BadInput, UnwritableFolder) {
  expect_refusal(drawing({"-p", "a", "-o", at("no/such/folder/a.png")}), 7, "cannot be written");
  expect_refusal(drawing({"-p", "a", "-o", "/proc/a.png"}), 7, "/proc/a.png: cannot be written");
  expect_refusal(drawing({"-p", "a", "-o", model_.string() + "/a/"}), 7, "cannot be made a folder");
}

TEST_F(BadInput, MoreMemoryThanThereIs) {
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--size", "16384x16384", "--max-memory", "500M"}), 5,
                 "drawing 16384x16384 takes ");
}

TEST_F(BadInput, FullDisk) {
  expect_refusal(drawing({"-p", "a", "-o", "/dev/full", "--progress", "none"}), 7, "/dev/full: cannot be written");
  Start small = drawing({"-p", "a", "-o", at("a.png"), "--progress", "none"});
  small.file_limit = 512;
  expect_refusal(small, 7, "a.png: cannot be written: File too large");
  Start latent = drawing({"-p", "a", "-o", at("a.png"), "--save-latent", at("a.latent"), "--progress", "none"});
  latent.file_limit = 512;
  expect_refusal(latent, 7, "a.latent: cannot be written");
  Start piped = drawing({"-p", "a", "-o", "-", "--progress", "none"});
  piped.output_file = "/dev/full";
  expect_refusal(piped, 7, "standard output: cannot be written");
}

TEST_F(BadInput, EndlessPromptIsCutWithAWarning) {
  std::string prompt;
  for (int i = 0; i < 10000; ++i) prompt += "word ";
  Start start = drawing({"-p", "-", "--prompt-syntax", "none", "-o", at("a.png"), "--progress", "none"});
  start.input = prompt;
  const Finished finished = run_program(start);
  EXPECT_EQ(finished.code, 0);
  EXPECT_NE(
      finished.errors.find("calotype: warning: prompt: 75 tokens fit, so the last 9925 words were left out: \"word "
                           "word word word word word word word word word"),
      std::string::npos)
      << finished.errors;
  EXPECT_EQ(left(), std::set<std::string>{"a.png"});
}

TEST_F(BadInput, PromptsBeyondBounds) {
  std::string words;
  for (int i = 0; i < 10000; ++i) words += "word ";
  for (const auto& [prompt, reason] : std::initializer_list<std::pair<std::string, const char*>>{
           {words, "prompt: it has more than 7500 tokens"},
           {std::string(10000, '(') + "a", "prompt: more than 250 brackets are open"},
           {"a <lora:nowhere:0.5>", "prompt: <lora:nowhere>: say with --lora-dir"}}) {
    Start start = drawing({"-p", "-", "-o", at("a.png"), "--progress", "none"});
    start.input = prompt;
    expect_refusal(start, 2, reason);
  }
}

TEST_F(BadInput, ThingsThatAreNoFiles) {
  ASSERT_EQ(mkfifo(at("pipe.safetensors").c_str(), 0600), 0);
  expect_refusal({{"inspect", at("pipe.safetensors")}}, 3, "a file was expected", {"pipe.safetensors"});
  expect_refusal({{"inspect", "/dev/zero"}}, 3, "a file was expected", {"pipe.safetensors"});
  expect_refusal(drawing({"--prompt-file", at("."), "-o", at("a.png")}), 3, "a folder", {"pipe.safetensors"});
}

TEST_F(BadInput, ClosedStreamsSpoilNoPicture) {
  Start start = drawing({"-p", "a", "-o", at("a.png"), "--save-latent", at("a.latent"), "-v"});
  start.closed_streams = true;
  EXPECT_EQ(run_program(start).code, 7);  // the picture's path cannot be told
  EXPECT_EQ(left(), (std::set<std::string>{"a.latent", "a.png"}));
  EXPECT_EQ(read_image(at("a.png")).width, 64);
  EXPECT_EQ(Safetensors(at("a.latent")).tensors().size(), 2u);
}

TEST_F(BadInput, OutputsThatWouldCostAFile) {
  const std::string whole = file_text(model_);
  expect_refusal(drawing({"-p", "a", "-o", model_.string()}), 2, "is read as the model");
  expect_refusal(drawing({"-p", "a", "-o", at("a.ckpt")}), 2, ".png files are written here, not .ckpt");
  expect_refusal(drawing({"-p", "a", "--save-latent", model_.string()}), 2, "is read as the model");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--sheet", at("./a.png")}), 2, "is the output too");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--save-latent", at("b.png")}), 2, "save_latent: ");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--save-latent", "-"}), 2, "save_latent: ");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--sheet", "-"}), 2, "sheet: ");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--preview", "proj", "--preview-path", ""}), 2, "preview_path");
  expect_refusal(drawing({"-p", "a", "-o", at("a.png"), "--preview", "proj", "--preview-path", at("no/p.png")}), 7,
                 "cannot be written");
  EXPECT_EQ(file_text(model_), whole);
}

TEST_F(BadInput, RunsInOneFolderKeepEachOthersPictures) {
  std::filesystem::create_directory(at("out"));
  const Start start = drawing({"-p", "a", "-b", "12", "-o", at("out"), "--progress", "none", "-q"});
  Process first(start), second(start);
  const std::string names = first.finish().output + second.finish().output;
  EXPECT_EQ(std::count(names.begin(), names.end(), '\n'), 24);
  const std::filesystem::directory_iterator files(at("out"));
  EXPECT_EQ(std::distance(begin(files), end(files)), 24);
}

/// A copy of the tiny model in which all bytes of one tensor are `byte`.
std::string spoilt(const std::filesystem::path& model, const std::string& prefix, char byte) {
  std::string text = file_text(model);
  const Safetensors file(model);
  for (const StoredTensor& tensor : file.tensors())
    if (tensor.name.starts_with(prefix)) {
      std::fill_n(
          text.end() - (file.tensors().back().bytes.data() + file.tensors().back().bytes.size() - tensor.bytes.data()),
          tensor.bytes.size(), byte);
      break;
    }
  return text;
}

TEST_F(BadInput, WeightsThatAreNoNumbers) {
  std::filesystem::copy(at("tiny.yaml"), at("spoilt.yaml"));
  for (const char* prefix : {"model.diffusion_model.out.2.bias", "first_stage_model.decoder.conv_out.bias",
                             "cond_stage_model.model.ln_final.bias"}) {
    scratch_.write("spoilt.safetensors", spoilt(model_, prefix, '\xff'));
    expect_refusal(with_model(at("spoilt.safetensors")), 3, std::string(prefix) + ": ",
                   {"spoilt.safetensors", "spoilt.yaml"});
    const Finished told = run_program({{"inspect", at("spoilt.safetensors")}});
    EXPECT_EQ(told.code, 0);
    EXPECT_NE(told.output.find(std::string("warning: ") + prefix), std::string::npos) << told.output;
  }
}

TEST_F(BadInput, LatentsThatCannotBeDecoded) {
  const auto decoding = [&](Shape shape, float value) {
    const std::vector<float> values(static_cast<size_t>(shape.count()), value);
    const std::vector<StoredTensor> tensors{
        {"latent_tensor", StoredType::f32, shape, std::as_bytes(std::span(values))}};
    write_safetensors(at("latent"), tensors, {});
    return drawing({"--load-latent", at("latent"), "-o", at("a.png"), "--progress", "none"});
  };
  expect_refusal(decoding({1, 4, 8, 8}, NAN), 3, "256 of 256 values are no finite numbers", {"latent"});
  expect_refusal(decoding({1, 4, 3000, 1}, 0), 3, "a side has at most 16384", {"latent"});
  expect_refusal(decoding({1, 3, 8, 8}, 0), 3, "latents of 3 channels", {"latent"});
}

TEST_F(BadInput, InterruptsEndCleanly) {
  for (const auto& [signal, code] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143), std::pair(SIGHUP, 129)}) {
    Start start = drawing({"-p", "a", "-o", at("a.png"), "--progress", "json"});
    start.arguments[4] = "1000";  // steps: long enough to be interrupted
    Process process(start);
    ASSERT_TRUE(process.wait_for(R"("step":2,)"));
    process.send(signal);
    const Finished finished = process.finish();
    EXPECT_EQ(finished.code, code) << finished.errors;
    EXPECT_NE(finished.errors.find("calotype: interrupted\n"), std::string::npos) << finished.errors;
    EXPECT_EQ(left(), std::set<std::string>{});
  }
}

}  // namespace
}  // namespace calotype::testing
