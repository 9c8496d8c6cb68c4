#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "load/converted.h"
#include "load/converted_parts.h"
#include "load/relaid_values.h"

namespace calotype {

namespace fs = std::filesystem;

double merge_weight(const MergeRequest& request, std::string_view original) {
  const std::vector<double>& weights = request.block_weights;
  if (weights.empty()) return request.alpha;
  constexpr std::string_view kUNet = "model.diffusion_model.";
  if (!original.starts_with(kUNet)) return weights[0];
  const std::string_view name = original.substr(kUNet.size());
  const auto number = [&](std::string_view prefix) {
    return std::min(std::atoi(std::string(name.substr(prefix.size(), 3)).c_str()), 11);
  };
  if (name.starts_with("input_blocks.")) return weights[1 + static_cast<size_t>(number("input_blocks."))];
  if (name.starts_with("middle_block.")) return weights[13];
  if (name.starts_with("output_blocks.")) return weights[14 + static_cast<size_t>(number("output_blocks."))];
  return name.starts_with("out.") ? weights[25] : weights[1];  // what makes the time goes with the first block
}

namespace {

/// The same tensor of another model, which must have its shape; null where it has none.
class Counterparts {
 public:
  Counterparts(const ModelFiles& model, Target target) : model_(model) {
    for (const PartKind part : kParts) {
      if (!model.has(part)) continue;
      const Averages averages = model.averaged() ? Averages::yes : Averages::no;
      Relaid relaid = relaid_for(model, part, target, averages);
      for (size_t i = 0; i < relaid.tensors.size(); ++i)
        tensors_.emplace(relaid.originals[i], std::make_shared<RelaidTensor>(std::move(relaid.tensors[i])));
    }
  }

  std::shared_ptr<const RelaidTensor> find(const std::string& original, const Shape& shape) const {
    const auto at = tensors_.find(original);
    if (at == tensors_.end()) return nullptr;
    require(at->second->shape == shape, ErrorKind::bad_file, "{}: {} has the shape {}, in the first model {}",
            model_.path().string(), original, at->second->shape.text(), shape.text());
    return at->second;
  }
  const ModelFiles& model() const { return model_; }

 private:
  const ModelFiles& model_;
  std::map<std::string, std::shared_ptr<RelaidTensor>> tensors_;
};

/// Widens a piece of a tensor; of a transposed one the whole is kept, for the layouts turn only small ones over.
class Values {
 public:
  explicit Values(std::shared_ptr<const RelaidTensor> tensor) : tensor_(std::move(tensor)) {}
  void operator()(int64_t first, std::span<float> out) {
    if (!tensor_->transposed) return widen(*tensor_, first, out);
    if (whole_.empty()) {
      whole_.resize(static_cast<size_t>(tensor_->shape.count()));
      widen(*tensor_, 0, whole_);
    }
    std::copy_n(whole_.begin() + first, out.size(), out.begin());
  }

 private:
  std::shared_ptr<const RelaidTensor> tensor_;
  std::vector<float> whole_;
};

}  // namespace

WrittenModel merge(const ModelFiles& a, const ModelFiles& b, const ModelFiles* c, const fs::path& to,
                   const MergeRequest& request, const std::function<void(int64_t, int64_t)>& on_tensor) {
  const Target target = target_of(to);
  require(request.block_weights.empty() || request.block_weights.size() == 26, ErrorKind::bad_input,
          "block weights: 26 numbers are expected, there are {}", request.block_weights.size());
  require(request.difference == (c != nullptr), ErrorKind::bad_input,
          "mode: a difference takes three models, a sum takes two");
  const Counterparts second(b, target);
  const std::unique_ptr<Counterparts> third = c ? std::make_unique<Counterparts>(*c, target) : nullptr;
  ModelTensors tensors;
  int64_t kept = 0, alone = 0;
  for (const PartKind part : kParts) {
    if (!a.has(part)) continue;
    Relaid relaid = relaid_for(a, part, target, a.averaged() ? Averages::yes : Averages::no);
    for (size_t i = 0; i < relaid.tensors.size(); ++i) {
      if (target == Target::gguf && relaid.tensors[i].shape.rank() == 0) continue;
      const auto mine = std::make_shared<RelaidTensor>(std::move(relaid.tensors[i]));
      const std::string original = relaid.originals[i];
      StoredType type = chosen_type(request.types, target, original, mine->shape, mine->type(), kept);
      const auto theirs = second.find(original, mine->shape);
      const auto base = third ? third->find(original, mine->shape) : nullptr;
      const bool mixed = theirs && (!third || base);
      const bool rounds = type == StoredType::f32 || type == StoredType::f16 || type == StoredType::bf16 ||
                          type == StoredType::q8_0 || type == StoredType::q4_0;
      if (!rounds || !can_be_written(*mine, type)) type = StoredType::f32;
      const auto weight = static_cast<float>(merge_weight(request, original));
      alone += mixed ? 0 : 1;
      ModelTensor tensor{.name = mine->name, .original = original, .shape = mine->shape, .type = type};
      tensor.write = [=](const ByteSink& sink) {
        if (!mixed) {
          write_values(*mine, type, sink);
          return mine->let_go();
        }
        Values first_values(mine), second_values(theirs);
        std::optional<Values> third_values;
        if (base) third_values.emplace(base);
        std::vector<float> other, subtracted;
        write_values(
            mine->shape, type,
            [&](int64_t first, std::span<float> out) {
              other.resize(out.size());
              first_values(first, out);
              second_values(first, other);
              if (third_values) {
                subtracted.resize(out.size());
                (*third_values)(first, subtracted);
                for (size_t k = 0; k < out.size(); ++k) out[k] += weight * (other[k] - subtracted[k]);
              } else {
                for (size_t k = 0; k < out.size(); ++k) out[k] = (1 - weight) * out[k] + weight * other[k];
              }
            },
            sink);
        mine->let_go();
        theirs->let_go();
        if (base) base->let_go();
      };
      tensor.not_a_number = [=] { return count_in(*mine) + (theirs ? count_in(*theirs) : 0); };
      tensors.parts[part].push_back(std::move(tensor));
    }
  }
  if (target != Target::folder)
    for (RelaidTensor& other : a.others(kOthers)) {
      const auto mine = std::make_shared<RelaidTensor>(std::move(other));
      if (target == Target::gguf && mine->shape.rank() == 0) continue;
      ModelTensor tensor{.name = mine->name, .original = mine->name, .shape = mine->shape, .type = mine->type()};
      if (in_blocks(tensor.type) && target != Target::gguf) tensor.type = StoredType::f32;
      tensor.write = [mine, type = tensor.type](const ByteSink& sink) {
        write_values(*mine, type, sink);
        mine->let_go();
      };
      tensor.not_a_number = [mine] { return count_in(*mine); };
      tensors.others.push_back(std::move(tensor));
    }
  WrittenModel result = write_model_tensors(to, a, std::move(tensors), request.words, on_tensor);
  result.kept = alone;
  return result;
}

}  // namespace calotype
