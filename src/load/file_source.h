#pragma once

#include <string>
#include <vector>

#include "io/folder.h"
#include "io/key_map.h"
#include "nn/params.h"

namespace calotype {

/// Weights of one network from mapped files: tensors point into the file in the type it stores. What is missing or has
/// another shape is collected, to be told all at once.
class FileSource : public ParamSource {
 public:
  /// `prefix` stands before every name of the layout.
  FileSource(const WeightFiles& files, KeyMap keys, Layout layout, std::string prefix)
      : files_(files), keys_(std::move(keys)), layout_(layout), prefix_(std::move(prefix)) {}

  Tensor get(const std::string& path, const Shape& shape, Init init) override;

  /// Throws `bad_file` naming every weight that was missing or misshapen, up to twenty of them.
  void check_complete(const std::string& where, const std::string& network) const;

 private:
  const StoredTensor* find(const KeyRow& row, const StoredKey*& key) const;

  const WeightFiles& files_;
  KeyMap keys_;
  Layout layout_;
  std::string prefix_;
  std::vector<std::string> missing_, misshapen_;
};

}  // namespace calotype
