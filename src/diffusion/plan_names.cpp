#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "diffusion/plan.h"

namespace calotype {
namespace {

template <class Value>
struct Name {
  const char* name;
  Value value;
};

// The first name of a value is ours; the others are those of other programs.
constexpr std::array kRecipes = {
    Name{"diffusers", Recipe::diffusers},
    Name{"web_ui", Recipe::web_ui},
    Name{"k-diffusion", Recipe::web_ui},
    Name{"a1111", Recipe::web_ui},
    Name{"comfyui", Recipe::comfyui},
    Name{"comfy", Recipe::comfyui},
    Name{"ldm", Recipe::ldm},
};
constexpr std::array kSpacings = {
    Name{"leading", Spacing::leading},
    Name{"linspace", Spacing::linspace},
    Name{"trailing", Spacing::trailing},
};
constexpr std::array kSigmaKinds = {
    Name{"grid", SigmaKind::grid},
    Name{"default", SigmaKind::grid},
    Name{"uniform", SigmaKind::uniform},
    Name{"normal", SigmaKind::uniform},
    Name{"discrete", SigmaKind::uniform},
    Name{"sgm_uniform", SigmaKind::sgm_uniform},
    Name{"sgm uniform", SigmaKind::sgm_uniform},
    Name{"simple", SigmaKind::simple},
    Name{"ddim_uniform", SigmaKind::ddim_uniform},
    Name{"ddim", SigmaKind::ddim_uniform},
    Name{"karras", SigmaKind::karras},
    Name{"exponential", SigmaKind::exponential},
    Name{"polyexponential", SigmaKind::polyexponential},
    Name{"lu", SigmaKind::lu},
    Name{"beta", SigmaKind::beta},
    Name{"kl_optimal", SigmaKind::kl_optimal},
    Name{"kl optimal", SigmaKind::kl_optimal},
    Name{"align_your_steps", SigmaKind::align_your_steps},
    Name{"align your steps", SigmaKind::align_your_steps},
    Name{"ays", SigmaKind::align_your_steps},
};

template <class Value, size_t N>
const char* first_name(const std::array<Name<Value>, N>& names, Value value) {
  for (const auto& [name, named] : names)
    if (named == value) return name;
  return "?";
}

template <class Value, size_t N>
std::optional<Value> value_of(const std::array<Name<Value>, N>& names, std::string_view wanted) {
  std::string lower(wanted);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [name, value] : names)
    if (lower == name) return value;
  return std::nullopt;
}

}  // namespace

const char* name_of(Recipe recipe) {
  return first_name(kRecipes, recipe);
}
const char* name_of(Spacing spacing) {
  return first_name(kSpacings, spacing);
}
const char* name_of(SigmaKind kind) {
  return first_name(kSigmaKinds, kind);
}

std::optional<Recipe> recipe_from(std::string_view name) {
  return value_of(kRecipes, name);
}
std::optional<Spacing> spacing_from(std::string_view name) {
  return value_of(kSpacings, name);
}
std::optional<SigmaKind> sigma_kind_from(std::string_view name) {
  return value_of(kSigmaKinds, name);
}

std::vector<SigmaKind> sigma_kinds() {
  std::vector<SigmaKind> kinds;
  for (const auto& [name, kind] : kSigmaKinds)
    if (kinds.empty() || kinds.back() != kind) kinds.push_back(kind);
  return kinds;
}

}  // namespace calotype
