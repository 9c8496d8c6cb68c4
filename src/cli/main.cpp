#include <fmt/format.h>

#include <new>
#include <vector>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "io/printable.h"
#include "pipeline/field.h"
#include "pipeline/parameters.h"

namespace calotype::cli {
namespace {

struct Command {
  const char* name;
  const char* help;
  int (*run)(Arguments);
};

constexpr Command kCommands[] = {
    {"txt2img", "draw pictures from text", txt2img},
    {"img2img", "draw over a picture", img2img},
    {"depth2img", "draw over a picture and keep its depth, or draw from a depth map", depth2img},
    {"inpaint", "draw a part of a picture anew, or beyond its edges", inpaint},
    {"upscale", "draw a picture four times as large", upscale},
    {"depth", "estimate the depth of pictures", depth},
    {"inspect", "say what a file or folder holds", inspect},
    {"metadata", "say how a picture was made", metadata},
    {"train", "train an autoencoder, a text tower or a UNet", train},
    {"bench", "measure this machine: opening, each network, a training step", bench},
    {"convert", "write a model as another kind of file", convert},
    {"merge", "mix models", merge},
    {"models", "list the models that -m finds by name", list_models},
    {"samplers", "list samplers and what they do by themselves", list_samplers},
    {"tokens", "show how a prompt is read: tokens, weights, chunks, steps", tokens},
    {"info", "versions, processor, instruction sets and kernels", info},
};

std::string help() {
  std::string text = "usage: calotype COMMAND [OPTIONS]\n\nStable Diffusion 2 as one native program.\n\nCommands:\n";
  for (const Command& command : kCommands) text += fmt::format("  {:<12}{}\n", command.name, command.help);
  return text +
         "\n`calotype COMMAND --help` says more. Begin with:\n"
         "  calotype txt2img -p \"a penguin on a blue background\" -o penguin.png\n";
}

int run(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "-h" || words[0] == "--help" || words[0] == "help") {
    print_result(help());
    return words.empty() ? kUsage : kSuccess;
  }
  if (words[0] == "--version") {
    print_result(fmt::format("{}\n", program_version()));
    return kSuccess;
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (words[0] == command.name) return command.run(std::span(words).subspan(1));
    names.emplace_back(command.name);
  }
  const std::vector<std::string> near = nearest(words[0], names, 1);
  fail(ErrorKind::bad_input, "{}: there is no such command; {} calotype --help", printable(words[0], 40),
       near.empty() ? "see" : "did you mean " + near[0] + "? See");
}

int report(int code, const std::string& message) {
  print_note("calotype: " + message);
  return code;
}

}  // namespace
}  // namespace calotype::cli

int main(int argc, char** argv) {
  using namespace calotype;
  using namespace calotype::cli;
  open_standard_streams();
  catch_signals();
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const Error& error) {
    return report(error.kind() == ErrorKind::cancelled ? interrupted_exit_code() : exit_code(error.kind()),
                  error.what());
  } catch (const std::bad_alloc&) {
    return report(kNoMemory, "out of memory; a smaller picture or fewer at once (--batch-size) needs less");
  } catch (const std::exception& error) {
    return report(kFailed, fmt::format("unexpected error: {}", error.what()));
  }
}
