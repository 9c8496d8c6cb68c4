#include "io/comfy_graph.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/json.h"

namespace calotype {
namespace {

using nlohmann::json;

constexpr size_t kMostNodes = 1000;  // that are visited from one link

class Graph {
 public:
  explicit Graph(const json& nodes) : nodes_(nodes) {}

  static const json* inputs_of(const json& node) {
    if (!node.is_object()) return nullptr;
    const auto inputs = node.find("inputs");
    return inputs != node.end() && inputs->is_object() ? &*inputs : nullptr;
  }
  static const json* input(const json& node, const char* name) {
    const json* inputs = inputs_of(node);
    if (!inputs) return nullptr;
    const auto found = inputs->find(name);
    return found == inputs->end() ? nullptr : &*found;
  }
  static std::string class_of(const json& node) {
    const auto found = node.is_object() ? node.find("class_type") : node.end();
    return found != node.end() && found->is_string() ? found->get<std::string>() : "";
  }
  /// The node that a link, [id, output], leads to; null where the value is no link, or leads nowhere.
  const json* follow(const json* value) const {
    if (!value || !value->is_array() || value->size() != 2 || !(*value)[0].is_string()) return nullptr;
    const auto found = nodes_.find((*value)[0].get_ref<const std::string&>());
    return found == nodes_.end() ? nullptr : &*found;
  }

  /// The first value under one of these names among the nodes that `from` links to, directly or through others; `from`
  /// itself counts where it is a node.
  const json* search(const json* from, const std::vector<const char*>& names) const {
    std::vector<const json*> open{from};
    std::set<const json*> seen;
    while (!open.empty() && seen.size() < kMostNodes) {
      const json* node = open.back();
      open.pop_back();
      const json* inputs = node ? inputs_of(*node) : nullptr;
      if (!inputs || !seen.insert(node).second) continue;
      for (const char* name : names) {
        const auto found = inputs->find(name);
        if (found != inputs->end() && !found->is_array()) return &*found;
      }
      // What is linked under one of the names first, the others after it.
      for (const auto& value : *inputs) open.push_back(follow(&value));
      for (const char* name : names) open.push_back(follow(input(*node, name)));
    }
    return nullptr;
  }

  /// A number or text of a node that stands there, or in the node that is linked.
  const json* value(const json& node, const std::vector<const char*>& names) const {
    for (const char* name : names) {
      const json* here = input(node, name);
      if (!here) continue;
      if (!here->is_array()) return here;
      const json* linked = follow(here);
      std::vector<const char*> inner = names;
      inner.insert(inner.end(), {"value", "int", "float", "string"});
      if (const json* found = linked ? search(linked, inner) : nullptr) return found;
    }
    return nullptr;
  }

  const json* sampling_node() const {
    const json* second = nullptr;
    for (const auto& [id, node] : nodes_.items()) {
      if (class_of(node).find("Sampler") == std::string::npos || !input(node, "latent_image")) continue;
      if (!refines(node)) return &node;
      if (!second) second = &node;
    }
    return second;
  }

 private:
  /// Whether its latents come from another node that samples.
  bool refines(const json& node) const {
    std::vector<const json*> open{follow(input(node, "latent_image"))};
    std::set<const json*> seen;
    while (!open.empty() && seen.size() < kMostNodes) {
      const json* at = open.back();
      open.pop_back();
      if (!at || !seen.insert(at).second) continue;
      if (class_of(*at).find("Sampler") != std::string::npos) return true;
      for (const char* name : {"samples", "latent", "latent_image", "pixels", "image"})
        open.push_back(follow(input(*at, name)));
    }
    return false;
  }

  const json& nodes_;
};

std::optional<uint64_t> whole(const json* value) {
  if (!value || !value->is_number_integer()) return std::nullopt;
  if (!value->is_number_unsigned() && value->get<int64_t>() < 0) return std::nullopt;
  return value->get<uint64_t>();
}

std::optional<int64_t> small(const json* value) {
  const auto number = whole(value);
  return number && *number < 1'000'000'000 ? std::optional<int64_t>(*number) : std::nullopt;
}

std::optional<double> number(const json* value) {
  return value && value->is_number() ? std::optional<double>(value->get<double>()) : std::nullopt;
}

std::string word(const json* value) {
  return value && value->is_string() ? value->get<std::string>() : "";
}

ComfyRun run_of(const Graph& graph, const json& node) {
  ComfyRun run;
  const auto linked = [&](const char* name) { return graph.follow(Graph::input(node, name)); };
  const auto anywhere = [&](const std::vector<const char*>& names, std::initializer_list<const char*> links) {
    if (const json* here = graph.value(node, names)) return here;
    for (const char* link : links)
      if (const json* found = graph.search(linked(link), names)) return found;
    return static_cast<const json*>(nullptr);
  };
  run.seed = whole(anywhere({"seed", "noise_seed"}, {"noise"}));
  run.steps = small(anywhere({"steps"}, {"sigmas"}));
  run.guidance = number(anywhere({"cfg"}, {"guider"}));
  run.denoise = number(anywhere({"denoise"}, {"sigmas"}));
  run.sampler = word(anywhere({"sampler_name"}, {"sampler"}));
  run.scheduler = word(anywhere({"scheduler"}, {"sigmas"}));
  const json* guided = linked("guider") ? linked("guider") : &node;
  const auto prompt = [&](const char* name) {
    return word(graph.search(graph.follow(Graph::input(*guided, name)), {"text", "text_g", name}));
  };
  run.positive = prompt("positive");
  if (run.positive.empty()) run.positive = prompt("conditioning");
  run.negative = prompt("negative");
  run.width = small(graph.search(linked("latent_image"), {"width"}));
  run.height = small(graph.search(linked("latent_image"), {"height"}));
  run.model =
      word(graph.search(graph.follow(Graph::input(*guided, "model")), {"ckpt_name", "unet_name", "model_name"}));
  return run;
}

}  // namespace

std::optional<ComfyRun> read_comfy_graph(std::string_view text) {
  json nodes;
  try {
    nodes = parse_json(text, "prompt");
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!nodes.is_object()) return std::nullopt;
  const Graph graph(nodes);
  const json* node = graph.sampling_node();
  return node ? std::optional(run_of(graph, *node)) : std::nullopt;
}

Infotext as_infotext(const ComfyRun& run) {
  Infotext text{run.positive, run.negative, {}};
  const auto add = [&](const char* key, std::string value) {
    if (!value.empty()) text.settings.emplace_back(key, std::move(value));
  };
  add("Steps", run.steps ? fmt::format("{}", *run.steps) : "");
  add("Sampler", run.sampler);
  add("Schedule type", run.scheduler);
  add("CFG scale", run.guidance ? fmt::format("{:g}", *run.guidance) : "");
  add("Seed", run.seed ? fmt::format("{}", *run.seed) : "");
  if (run.width && run.height) add("Size", fmt::format("{}x{}", *run.width, *run.height));
  add("Model", run.model);
  if (run.denoise && *run.denoise < 1) add("Denoising strength", fmt::format("{:g}", *run.denoise));
  return text;
}

}  // namespace calotype
