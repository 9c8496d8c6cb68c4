#include "load/converted.h"

#include <algorithm>
#include <memory>
#include <regex>

#include "base/error.h"
#include "io/gguf.h"
#include "io/printable.h"
#include "load/converted_parts.h"
#include "load/merged_adapters.h"
#include "load/relaid_values.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

/// Embeddings and the layers for times keep their type, as other writers of such files have it.
bool keeps_its_type(const std::string& original) {
  return original.find("time_embed.") != std::string::npos || original.find("label_emb.") != std::string::npos ||
         original.find("embedding") != std::string::npos;
}

}  // namespace

Target target_of(const fs::path& path) {
  std::error_code error;
  const std::string ending = path.extension().string();
  if (fs::is_directory(path, error) || ending.empty()) return Target::folder;
  if (ending == ".safetensors") return Target::safetensors;
  if (ending == ".gguf") return Target::gguf;
  fail(ErrorKind::bad_input,
       "{}: a model is written as .safetensors, as .gguf, or as a folder, whose name has no ending", path.string());
}

std::vector<TypeRule> type_rules(std::string_view text) {
  std::vector<TypeRule> rules;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const size_t equals = one.rfind('=');
    require(equals != std::string_view::npos && equals > 0, ErrorKind::bad_input,
            "tensor type rules: '{}': REGEX=TYPE is expected", printable(one, 60));
    const auto type = stored_type_as_asked(one.substr(equals + 1));
    require(type.has_value(), ErrorKind::bad_input, "tensor type rules: there is no type '{}'",
            printable(one.substr(equals + 1), 40));
    rules.push_back({std::string(one.substr(0, equals)), *type});
    try {
      std::regex(rules.back().expression);
    } catch (const std::regex_error&) {
      fail(ErrorKind::bad_input, "tensor type rules: '{}' is no regular expression",
           printable(rules.back().expression));
    }
  }
  return rules;
}

StoredType chosen_type(const TypeChoice& choice, Target target, const std::string& original, const Shape& shape,
                       StoredType own, int64_t& kept) {
  // Where the target does not have the type, f32 holds all its values exactly.
  const bool held = target == Target::gguf ? gguf_number(own).has_value() : !in_blocks(own);
  const StoredType stays = held ? own : StoredType::f32;
  std::optional<StoredType> asked = choice.type;
  bool by_rule = false;
  for (const TypeRule& rule : choice.rules)
    if (!by_rule && std::regex_search(original, std::regex(rule.expression))) asked = rule.type, by_rule = true;
  if (!asked || *asked == stays) return stays;
  const bool fits = !in_blocks(*asked) || (shape.rank() >= 2 && shape.dim(-1) % block_length(*asked) == 0 &&
                                           (by_rule || !keeps_its_type(original)));
  if (fits) return *asked;
  ++kept;
  return stays;
}

WrittenModel convert(const ModelFiles& model, const fs::path& to, const ConvertRequest& request,
                     const std::function<void(int64_t, int64_t)>& on_tensor) {
  const Target target = target_of(to);
  const auto written = [](StoredType type) {
    return type == StoredType::f32 || type == StoredType::f16 || type == StoredType::bf16 || type == StoredType::q8_0 ||
           type == StoredType::q4_0;
  };
  const auto require_type = [&](StoredType type) {
    require(written(type), ErrorKind::bad_input, "type: {} is not written; there are f32, f16, bf16, q8_0 and q4_0",
            name_of(type));
    require(!in_blocks(type) || target == Target::gguf, ErrorKind::bad_input, "type: {} is for .gguf files alone",
            name_of(type));
  };
  if (request.types.type) require_type(*request.types.type);
  for (const TypeRule& rule : request.types.rules) require_type(rule.type);
  require(!request.averages.value_or(false) || model.averaged(), ErrorKind::bad_input,
          "ema: {} has no averaged copies of its weights", model.path().string());
  const Averages averages = request.averages.value_or(model.averaged()) ? Averages::yes : Averages::no;

  const auto wanted = [&](PartKind part) {
    return request.parts.empty() || std::ranges::find(request.parts, part) != request.parts.end();
  };
  const auto adapters = std::make_shared<const Adapters>(fitted_to(model, request.adapters));
  const Adaptation none;
  ModelTensors tensors;
  int64_t kept = 0, changes = 0;
  const auto add = [&](std::vector<ModelTensor>& list, RelaidTensor relaid, const std::string& original,
                       const Adaptation& adaptation) {
    // GGUF as others write it has no tensors without axes; the only one is of no use here.
    if (target == Target::gguf && relaid.shape.rank() == 0) return;
    const StoredType own = relaid.type();
    StoredType type = chosen_type(request.types, target, original, relaid.shape, own, kept);
    const bool changed = touches(adaptation, relaid);
    if (changed) {
      ++changes;
      type = type_of_changed(type);
    }
    if (!can_be_written(relaid, type)) type = StoredType::f32;
    auto shared = std::make_shared<RelaidTensor>(std::move(relaid));
    list.push_back({.name = shared->name,
                    .original = original,
                    .shape = shared->shape,
                    .type = type,
                    .write =
                        [shared, type, adapters, change = changed ? &adaptation : nullptr](const ByteSink& sink) {
                          if (change)
                            write_changed(*shared, *change, type, sink);
                          else
                            write_values(*shared, type, sink);
                          shared->let_go();
                        },
                    .not_a_number = [shared] { return count_in(*shared); }});
  };
  for (const PartKind part : kParts) {
    require(request.parts.empty() || !wanted(part) || model.has(part), ErrorKind::bad_input, "parts: {} has no {}",
            model.path().string(), name_of(part));
    if (!wanted(part) || !model.has(part)) continue;
    Relaid relaid = relaid_for(model, part, target, averages);
    const Adaptation& adaptation = part == PartKind::unet   ? adapters->unet()
                                   : part == PartKind::text ? adapters->text()
                                                            : none;
    for (size_t i = 0; i < relaid.tensors.size(); ++i)
      add(tensors.parts[part], std::move(relaid.tensors[i]), relaid.originals[i], adaptation);
  }
  if (request.parts.empty() && target != Target::folder)
    for (RelaidTensor& other : model.others(kOthers)) {
      const std::string name = other.name;
      add(tensors.others, std::move(other), name, none);
    }
  if (!request.adapters.empty() && changes == 0)
    fail(ErrorKind::bad_input, "lora: {} changes none of the parts that are written",
         request.adapters[0].file.string());
  WrittenModel result = write_model_tensors(to, model, std::move(tensors), request.words, on_tensor);
  result.kept = kept;
  result.adapters = adapters->reports();
  return result;
}

}  // namespace calotype
