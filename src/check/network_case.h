#pragma once

#include <functional>
#include <set>

#include "check/distance.h"
#include "check/kinds.h"
#include "check/reference.h"
#include "models/tap.h"

namespace calotype::checker {

/// What `networks` allows for f32 and for half precision, by the rule of its README.
struct NetworkTolerance {
  double f32 = 0;
  double half = 0;  // 0: not judged
};
/// `name` is the case's, `network` as in its metadata; empty for the blocks.
NetworkTolerance network_tolerance(const std::string& name, const std::string& network);

/// One file of `networks`: its words, its inputs, and what comes out compared with what is stored.
class NetworkCase {
 public:
  /// `row` is the index's, or empty: then the file's own metadata are asked.
  NetworkCase(const std::filesystem::path& file, json row, const Request& request, Findings& findings);

  /// Of the index's row, or of the file's metadata.
  json entry(const std::string& key) const;
  const std::string& name() const { return name_; }
  const std::string& network() const { return network_; }
  std::string prefix() const;
  kernels::Precision precision() const { return request_.precision; }

  /// Stored or made from its key; maps channels last.
  Tensor input(const std::string& name) const;
  /// The values of an input that is a plain list: times, labels, ids.
  std::vector<double> list(const std::string& name) const;

  /// Compares all that the file stores of this output ("out.image") or tap ("tap.emb").
  void compare(const std::string& name, const Tensor& got);
  bool stored(const std::string& name) const { return tensors_.has(name); }
  /// Looks at taps as they come; `before` stands before their names.
  Tap tap(const std::string& before = "");
  /// Measures as infinitely far what is stored and never came, outputs and taps alike.
  void finish();

 private:
  void compare_statistics(const std::string& name, const Tensor& got, double tolerance);

  json row_;
  ReferenceTensors tensors_;
  const Request& request_;
  Findings& findings_;
  std::string name_, network_;
  NetworkTolerance tolerance_;
  std::set<std::string> seen_;
};

/// An input of a case or of a block: the stored tensor where there is one, else the formula of `words` (key, fill,
/// shape, scale), checked against its `first` values. In the reference's layout.
Tensor reference_input(const ReferenceTensors& tensors, const std::string& stored, const json& words);

/// The cases that a file holds for single layers and blocks.
void check_blocks(const std::filesystem::path& file, const json& row, const Request& request, Report& report);

// The networks of whole-network cases.
void run_unet(NetworkCase& unet);
void run_vae(NetworkCase& vae);
void run_clip(NetworkCase& clip, Findings& findings);
void run_clip_l(NetworkCase& text, Findings& findings);
void run_depth(NetworkCase& depth);
void run_tiny_vae(NetworkCase& vae);

}  // namespace calotype::checker
