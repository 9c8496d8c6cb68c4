#pragma once

#include <utility>
#include <vector>

#include "check/distance.h"
#include "check/reference.h"
#include "check/report.h"
#include "pipeline/draw.h"

namespace calotype::checker {

/// One drawing, watched from the text to the picture, and compared at every place where the reference was.
class PipelineCase {
 public:
  PipelineCase(const StableDiffusion& model, Settled run, const json& row, const ReferenceTensors& tensors,
               const json& tolerances, Findings& findings)
      : model_(model),
        run_(std::move(run)),
        row_(row),
        tensors_(tensors),
        tolerances_(tolerances),
        findings_(findings) {}

  /// Draws, and compares all that the case stores.
  void compare();

 private:
  Drawing draw();
  void see(const std::string& name, const Tensor& value);
  void compare_ids();
  void compare_draws();
  void compare_levels();
  void compare_sigmas(const Plan& plan);
  void compare_encodings();
  void compare_encoding(const std::string& name, const std::vector<Tensor>& got);
  void compare_with_exact(int number, const std::vector<double>& got, const std::vector<double>& want);
  NoisePath stored_path();
  void compare_states(const Tensor& last);
  void compare_pictures(const std::vector<Image>& images);
  void compare_tensor(const std::string& name, const Tensor& got);
  double tolerance(const char* name, double otherwise) const;

  const StableDiffusion& model_;
  const Settled run_;
  const json& row_;
  const ReferenceTensors& tensors_;
  const json& tolerances_;
  Findings& findings_;

  std::vector<Tensor> states_, decoded_, encoded_, moments_;
  std::vector<double> times_;
  int path_values_ = 0;      // how many of the stored path were taken
  double latent_slack_ = 0;  // how far the reference's own rounding moves latents that a network is shown
  bool called_ = false, answered_ = false;  // has the network been, once?
};

}  // namespace calotype::checker
