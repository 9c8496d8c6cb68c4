#pragma once

#include <string>
#include <vector>

#include "io/folder.h"
#include "io/key_map.h"
#include "nn/params.h"

namespace calotype {

/// Whether the averaged copies of weights are taken, where a file has them under `model_ema.`: to draw, not to train
/// on.
enum class Averages { no, yes };

/// Weights of one network from mapped files: tensors point into the file in the type it stores, matrices of types in
/// blocks too. What is missing or has another shape is collected, to be told all at once.
class FileSource : public ParamSource {
 public:
  /// `prefix` stands before every name of the layout.
  FileSource(const WeightFiles& files, KeyMap keys, Layout layout, std::string prefix, Averages averages = Averages::no)
      : files_(files), keys_(std::move(keys)), layout_(layout), prefix_(std::move(prefix)), averages_(averages) {}

  Tensor get(const std::string& path, const Shape& shape, Init init) override;

  /// Throws `bad_file` naming every weight that was missing or misshapen, up to twenty of them.
  void check_complete(const std::string& where, const std::string& network) const;

 private:
  const StoredTensor* find(const KeyRow& row, const StoredKey*& key) const;

  const WeightFiles& files_;
  KeyMap keys_;
  Layout layout_;
  std::string prefix_;
  Averages averages_;
  std::vector<std::string> missing_, misshapen_;
};

}  // namespace calotype
