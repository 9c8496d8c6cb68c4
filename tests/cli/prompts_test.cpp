#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/program_test.h"

namespace calotype::testing {
namespace {

/// Words of a command line, as a shell parts them.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool any = false;
  for (const char c : line) {
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      any = true;
    } else if (quote == 0 && c == ' ') {
      if (any) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) words.push_back(word);
  return words;
}

TEST(PromptsPage, ShowsWhatTheProgramPrints) {
  std::istringstream page(file_text(std::filesystem::path(CALOTYPE_TEST_DATA) / "../../docs/prompts.md"));
  int examples = 0;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("$ calotype ")) continue;
    const std::vector<std::string> words = words_of(line);
    std::string wanted;
    for (std::string shown; std::getline(page, shown) && shown != "```";) wanted += shown + "\n";
    const Finished finished = run_program({{words.begin() + 2, words.end()}});
    EXPECT_EQ(finished.code, 0) << line << finished.errors;
    EXPECT_EQ(finished.output, wanted) << line;
    ++examples;
  }
  EXPECT_GE(examples, 7);
}

TEST(Tokens, AsJson) {
  const Finished finished = run_program({{"tokens", "a (fox:1.5) AND (b:x", "--json", "--recipe", "web_ui"}});
  EXPECT_EQ(finished.code, 0) << finished.errors;
  const auto read = nlohmann::json::parse(finished.output);
  ASSERT_EQ(read["parts"].size(), 2u);
  const auto& tokens = read["parts"][0]["texts"][0]["chunks"][0]["tokens"];
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[1]["id"], 3240);
  EXPECT_EQ(tokens[1]["weight"], 1.5);
  EXPECT_EQ(read["not_understood"].size(), 1u);
}

TEST(Tokens, RefuseWhatIsBeyondBounds) {
  for (const auto& [prompt, reason] : std::initializer_list<std::pair<std::string, const char*>>{
           {std::string(300, '('), "brackets are open"},
           {std::string(1 << 20, 'x') + "y", "more than 1048576 bytes"}}) {
    Start start{{"tokens", "-"}};
    start.input = prompt;
    const Finished finished = run_program(start);
    EXPECT_EQ(finished.code, 2);
    EXPECT_NE(finished.errors.find(reason), std::string::npos) << finished.errors;
  }
}

class FinishedPrompts : public Program {
 protected:
  Infotext drawn(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"-o", at("p%d.png"), "--steps", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished finished = run_program(drawing(arguments));
    EXPECT_EQ(finished.code, 0) << finished.errors;
    return parse_infotext(read_parameters(at("p0.png")));
  }
};

TEST_F(FinishedPrompts, FromStylesAndWildcards) {
  std::filesystem::create_directories(at("w"));
  scratch_.write("w/animal.txt", "fox\nwolf\ncat\ndog\n");
  scratch_.write("styles.csv", "name,prompt,negative_prompt\noil,\"oil, {prompt}\",photo\n");
  const std::vector<std::string> asked = {"-p",       "a __animal__",   "-s",      "3",   "-b",          "4",
                                          "--styles", at("styles.csv"), "--style", "oil", "--wildcards", at("w")};
  const Infotext first = drawn(asked);
  EXPECT_EQ(*first.find("Template"), "oil, a __animal__");
  EXPECT_EQ(*first.find("Wildcard seed"), "3");
  EXPECT_EQ(first.negative, "photo");
  EXPECT_TRUE(first.prompt.starts_with("oil, a ")) << first.prompt;
  const Infotext last = parse_infotext(read_parameters(at("p3.png")));
  EXPECT_EQ(*last.find("Wildcard seed"), "6");
  const std::string picture = file_text(at("p3.png"));
  // The finished prompt and the seed give the picture again, and so does the template.
  const std::vector<std::string> again = {"-p", last.prompt, "-n", "photo", "-s", "6"};
  drawn(again);
  EXPECT_EQ(read_image(at("p0.png")).pixels, read_image(at("p3.png")).pixels);
  const Infotext alone = drawn({"-p", *last.find("Template"), "-n", "photo", "-s", "6", "--wildcards", at("w")});
  EXPECT_EQ(alone.prompt, last.prompt);
}

TEST_F(FinishedPrompts, SayHowTheyWereRead) {
  const Infotext text = drawn({"-p", "a fox", "--prompt-syntax", "comfy", "--clip-skip", "2"});
  EXPECT_EQ(*text.find("Prompt syntax"), "comfy");
  EXPECT_EQ(*text.find("Clip skip"), "2");
}

TEST_F(FinishedPrompts, RefuseWhatIsMissing) {
  std::filesystem::create_directories(at("w"));
  const auto refused = [&](const std::vector<std::string>& more, int code, const char* reason) {
    std::vector<std::string> arguments{"-o", at("a.png"), "-p", "a __none__"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished finished = run_program(drawing(arguments));
    EXPECT_EQ(finished.code, code);
    EXPECT_NE(finished.errors.find(reason), std::string::npos) << finished.errors;
  };
  refused({"--wildcards", at("w")}, 2, "__none__ names no file with lines");
  refused({"--wildcards", at("nowhere")}, 3, "a folder of wildcards was expected");
  refused({"--style", "oil"}, 2, "name the file that holds it with --styles");
  refused({"--styles", at("nowhere.csv"), "--style", "oil"}, 3, "a file of styles was expected");
  refused({"--prompt-syntax", "compel"}, 2, "there is none named 'compel'");
  refused({"--embd-dir", at("nowhere")}, 3, "a folder of embeddings was expected");
}

}  // namespace
}  // namespace calotype::testing
