#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/output.h"
#include "diffusion/samplers.h"

namespace calotype::cli {
namespace {

std::string as_json() {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Sampler& sampler : samplers())
    list.push_back({{"id", sampler.id},
                    {"title", sampler.title},
                    {"aliases", sampler.aliases},
                    {"order", sampler.order},
                    {"calls_per_step", sampler.calls_per_step},
                    {"calls_for_20_steps", sampler.calls(20)},
                    {"use", sampler.use},
                    {"draws_noise", name_of(sampler.draws)},
                    {"spacing", name_of(sampler.spacing)},
                    {"scheduler", name_of(sampler.preferred_sigmas)}});
  return list.dump(2) + '\n';
}

std::string calls_text(const Sampler& sampler) {
  if (sampler.calls_per_step == 0) return "its own";
  const std::string times = sampler.calls_per_step == 1 ? "N" : fmt::format("{}N", sampler.calls_per_step);
  if (sampler.calls_less == 0) return times;
  return fmt::format("{} {} {}", times, sampler.calls_less > 0 ? '-' : '+', std::abs(sampler.calls_less));
}

std::string as_table() {
  constexpr const char* kRow = "{:<20}{:<23}{:>5}  {:<9}{:<18}{}\n";
  std::string text = fmt::format(fmt::runtime(kRow), "sampler", "title", "order", "calls", "draws noise", "good for");
  for (const Sampler& sampler : samplers())
    text += fmt::format(fmt::runtime(kRow), sampler.id, sampler.title, sampler.order, calls_text(sampler),
                        name_of(sampler.draws), sampler.use);
  text +=
      "\nOrder is that of a step without fresh noise; calls are those of the network for N steps.\n\nAlso known as:\n";
  for (const Sampler& sampler : samplers()) {
    std::string aliases;
    for (const std::string_view alias : sampler.aliases) aliases.append(aliases.empty() ? "" : ", ").append(alias);
    if (!aliases.empty()) text += fmt::format("{:<20}{}\n", sampler.id, aliases);
  }
  text += "\nscheduler: ";
  for (const SigmaKind kind : sigma_kinds()) text += fmt::format(" {}", name_of(kind));
  return text + "\nspacing:    leading linspace trailing\n";
}

}  // namespace

int list_samplers(Arguments arguments) {
  bool json = false;
  Options options("calotype samplers", "Lists samplers, schedulers and spacings.");
  options.add("Options", {{.name = "json", .options = "--json", .help = "as JSON", .value = &json}});
  if (options.parse(arguments)) print_result(json ? as_json() : as_table());
  return kSuccess;
}

}  // namespace calotype::cli
