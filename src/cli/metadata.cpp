#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/output.h"
#include "io/comfy_graph.h"
#include "io/picture_text.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

constexpr size_t kShown = 400;  // bytes of a further text

struct Found {
  std::string path;
  PictureText text;
  std::optional<ComfyRun> graph;
};

Found find_in(const std::string& path) {
  Found found{path, read_picture_text(path), {}};
  for (const PngText& other : found.text.others)
    if (other.keyword == "prompt" && !found.graph) found.graph = read_comfy_graph(other.text);
  return found;
}

std::string as_text(const Found& found) {
  std::string text;
  if (!found.text.parameters.empty()) {
    text += printable_lines(found.text.parameters);
  } else if (found.graph) {
    text += printable_lines(write_infotext(as_infotext(*found.graph)));
  }
  if (!found.text.source_type.empty())
    text += fmt::format("{}digital source type: {}\n", text.empty() ? "" : "\n", found.text.source_type);
  for (const PngText& other : found.text.others) {
    if (other.keyword == "XML:com.adobe.xmp") continue;
    text += fmt::format("{}: {}\n", printable(other.keyword, 79), printable(other.text, kShown));
  }
  return text.empty() ? fmt::format("{}: it says nothing of how it was made\n", printable(found.path)) : text;
}

nlohmann::ordered_json as_object(const Infotext& text) {
  nlohmann::ordered_json object{{"prompt", text.prompt}, {"negative_prompt", text.negative}};
  object["settings"] = nlohmann::ordered_json::object();
  for (const auto& [key, value] : text.settings) object["settings"][key] = value;
  return object;
}

nlohmann::ordered_json as_object(const ComfyRun& run) {
  nlohmann::ordered_json object;
  const auto add = [&](const char* key, const auto& value) {
    if (value) object[key] = *value;
  };
  const auto add_text = [&](const char* key, const std::string& value) {
    if (!value.empty()) object[key] = value;
  };
  add_text("positive", run.positive);
  add_text("negative", run.negative);
  add("seed", run.seed);
  add("steps", run.steps);
  add("cfg", run.guidance);
  add("denoise", run.denoise);
  add_text("sampler", run.sampler);
  add_text("scheduler", run.scheduler);
  if (run.width && run.height) object["size"] = {*run.width, *run.height};
  add_text("model", run.model);
  return object;
}

std::string as_json(const Found& found) {
  nlohmann::ordered_json object{{"path", as_utf8(found.path)}};
  object["parameters"] = nullptr;
  if (!found.text.parameters.empty()) {
    object["parameters"] = found.text.parameters;
    object.update(as_object(parse_infotext(found.text.parameters)));
  }
  if (found.graph) object["comfyui"] = as_object(*found.graph);
  object["digital_source_type"] = nullptr;
  if (!found.text.source_type.empty()) object["digital_source_type"] = found.text.source_type;
  object["texts"] = nlohmann::ordered_json::object();
  for (const PngText& other : found.text.others) object["texts"][other.keyword] = other.text;
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace

int metadata(Arguments arguments) {
  std::string path;
  bool json = false;
  Options options("calotype metadata",
                  "Says how a picture was made, where it says so itself: the request in a PNG, JPEG or WebP by this "
                  "program, by web user interfaces or ComfyUI, and the mark of its provenance.",
                  "FILE");
  options.add("Options", {{.name = "json", .options = "--json", .help = "as JSON", .value = &json}});
  options.add_argument("file", path);
  options.add_example("calotype metadata penguin.png");
  if (!options.parse(arguments)) return kSuccess;
  const Found found = find_in(path);
  print_result(json ? as_json(found) : as_text(found));
  return kSuccess;
}

}  // namespace calotype::cli
