#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"
#include "load/adapters.h"
#include "load/model_files.h"

namespace calotype {

/// What a model is written as. The ending of a path says it: `.safetensors`, `.gguf`; none, or a folder that is there:
/// a diffusers folder. Throws `bad_input` for other endings.
enum class Target { safetensors, gguf, folder };
Target target_of(const std::filesystem::path& path);

/// A rule of --tensor-type-rules: tensors whose name (in the original layout) the expression matches anywhere.
struct TypeRule {
  std::string expression;
  StoredType type = StoredType::f16;
};
/// "REGEX=TYPE,REGEX=TYPE". Throws `bad_input` naming what is wrong.
std::vector<TypeRule> type_rules(std::string_view text);

/// How tensors are to be stored.
struct TypeChoice {
  std::optional<StoredType> type = {};  // nothing: as they lie
  std::vector<TypeRule> rules = {};     // the first that matches counts
};

/// One tensor that is to be written: where it comes from does not matter.
struct ModelTensor {
  std::string name;      // below the part's prefix, in the target's layout
  std::string original;  // the whole name in the original layout, for rules
  Shape shape;
  StoredType type = StoredType::f32;                // in which it will be written
  std::function<void(const ByteSink&)> write = {};  // its bytes in that type
  std::function<int64_t()> not_a_number = {};       // how many of its values are none
};

/// A model on its way to a file or folder.
struct ModelTensors {
  std::map<PartKind, std::vector<ModelTensor>> parts;
  std::vector<ModelTensor> others;  // beside the networks, under whole names; not in folders
};

/// What was written.
struct WrittenModel {
  int64_t tensors = 0, kept = 0;                // kept: not in the type asked for, which their rows or kind do not fit
  std::map<std::string, int64_t> not_a_number;  // tensor -> how many of its values
  std::vector<AdapterReport> adapters;          // what became of those that were merged in
};

/// What stands beside the weights in the target.
struct ModelWords {
  std::optional<Prediction> prediction = {};
  std::string license = {};
};

/// Writes them. `model` says sizes and settings, and lends a folder's own configuration files. Every file appears once
/// it is whole. `on_tensor(done, of)` is called before each. Throws `cannot_write`.
WrittenModel write_model_tensors(const std::filesystem::path& path, const ModelFiles& model, ModelTensors tensors,
                                 const ModelWords& words, const std::function<void(int64_t, int64_t)>& on_tensor = {});

/// The type in which a tensor is written: what a rule or the choice says where that is possible; else its own, wide
/// enough where the target cannot hold that. Types in blocks are for matrices of products: not for vectors, embeddings
/// and what turns times into vectors, unless a rule names them. `kept` counts those that could not follow.
StoredType chosen_type(const TypeChoice& choice, Target target, const std::string& original, const Shape& shape,
                       StoredType own, int64_t& kept);

struct ConvertRequest {
  TypeChoice types = {};
  std::vector<PartKind> parts = {};   // empty: all that are there, and what belongs to none
  std::optional<bool> averages = {};  // the averaged copies; nothing: where they are there
  ModelWords words = {};
  std::vector<AdapterUse> adapters = {};  // merged into the weights, in this order
};

/// Writes a model, or parts of one, as another kind of file. Pages of the source are let go as they pass. What
/// adapters change keeps its type, rounded once. Throws `bad_input`, `bad_file`, `cannot_write`.
WrittenModel convert(const ModelFiles& model, const std::filesystem::path& to, const ConvertRequest& request,
                     const std::function<void(int64_t, int64_t)>& on_tensor = {});

/// How models are mixed. `sum`: (1 - alpha) A + alpha B. `difference`: A + alpha (B - C). In f32.
struct MergeRequest {
  bool difference = false;
  double alpha = 0.5;
  /// 26 numbers instead of alpha: for all but the UNet, input blocks 0..11, the middle, output blocks 0..11.
  std::vector<double> block_weights = {};
  TypeChoice types = {};  // nothing: A's
  ModelWords words = {};
};

/// The alpha of a tensor by its name in the original layout.
double merge_weight(const MergeRequest& request, std::string_view original);

/// `c` only for a difference. What B lacks stays as it is in A and counts as `kept`. Throws `bad_file` where a shape
/// differs.
WrittenModel merge(const ModelFiles& a, const ModelFiles& b, const ModelFiles* c, const std::filesystem::path& to,
                   const MergeRequest& request, const std::function<void(int64_t, int64_t)>& on_tensor = {});

}  // namespace calotype
