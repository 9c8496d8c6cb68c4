#pragma once

#include <map>
#include <memory>

#include "check/reference.h"
#include "load/stable_diffusion.h"
#include "text/tokenizer.h"

namespace calotype::checker {

/// A whole model whose weights are the formula's.
struct FormulaModel {
  StableDiffusion parts;
  TokenizerRules tokenizer;
};

/// The models that reference data of pipelines describe, each built when it is first asked for.
class FormulaModels {
 public:
  explicit FormulaModels(json words) : words_(std::move(words)) {}
  /// Throws `bad_file` where there is none of that name.
  FormulaModel& of(const std::string& name);

 private:
  FormulaModel build(const std::string& name, const json& words) const;
  std::string prefix(const char* part, const char* otherwise) const;

  json words_;
  std::map<std::string, std::unique_ptr<FormulaModel>> models_;
};

}  // namespace calotype::checker
