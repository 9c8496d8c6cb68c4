#pragma once

#include <map>

#include "check/distance.h"
#include "check/kinds.h"
#include "check/reference.h"
#include "io/key_map.h"
#include "nn/fresh_source.h"
#include "tensor/backward.h"

namespace calotype::checker {

/// A list of rows, `NAME.json`, and the tensors beside it: those of row `id` are `id/NAME`.
struct TrainingFile {
  TrainingFile(const std::filesystem::path& folder, const std::string& name)
      : rows(read_rows(folder / (name + ".json"))), tensors(folder / (name + ".safetensors")) {}
  std::vector<json> rows;
  ReferenceTensors tensors;
};

// What the data's description allows.
struct TrainingTolerance {
  static constexpr double kLoss = 2e-6, kGenerator = 2e-5, kGradientNorm = 1e-5, kTensor = 2e-5;
  static constexpr double kNormAndDirection = 1e-4, kNormFloor = 2e-4;
  static constexpr double kStep = 5e-3, kWeight = 2e-6;
};

/// ||got - want|| / ||want||, of a tensor whose layout is the reference's already. A tensor that is none is zero.
double distance(const Tensor& got, const std::vector<double>& want);

/// Gradients as the original layout has its tensors, under its keys: shared tensors put together again, what has no
/// gradient zero.
class OriginalGradients {
 public:
  /// `under`, where given, stands before the parameters' own names.
  OriginalGradients(const KeyMap& keys, const std::string& prefix, const std::vector<NamedTensor>& parameters,
                    const Gradients& gradients);
  /// Those of another network too.
  void add(const OriginalGradients& other);
  void add(const std::string& key, std::vector<double> values) { values_[key] = std::move(values); }
  /// Null where no parameter has this key.
  const std::vector<double>* find(const std::string& key) const;

  /// Compares everything a row stores of them: `ID/d/KEY` in full, `norm_and_direction` of every key.
  void compare(const json& row, const ReferenceTensors& tensors, Findings& findings) const;

 private:
  std::map<std::string, std::vector<double>> values_;
};

/// The row's `grad_norm`, over these parameters together.
void compare_gradient_norm(const json& row, const std::vector<NamedTensor>& parameters, const Gradients& gradients,
                           Findings& findings);

// The files of the folder.
void check_operators(const TrainingFile& file, Report& report);
void check_losses(const TrainingFile& file, Report& report);
void check_optimizers(const TrainingFile& file, Report& report);
void check_unet_training(const TrainingFile& file, const json& config, Report& report);
void check_vae_training(const TrainingFile& file, const json& config, Report& report);
void check_clip_training(const TrainingFile& file, Report& report);
void check_loss_weights(const std::vector<json>& rows, Report& report);
void check_zero_terminal(const std::vector<json>& rows, Report& report);

}  // namespace calotype::checker
