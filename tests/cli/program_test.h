#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "cli/process.h"
#include "io/infotext.h"
#include "io/picture.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"

namespace calotype::testing {

/// Runs the program on a tiny model in a folder of its own.
class Program : public ::testing::Test {
 protected:
  void SetUp() override { write_tiny_model(model_); }

  /// txt2img with the tiny model, three steps, and what else is given.
  Start drawing(const std::vector<std::string>& more) const {
    Start start{{"txt2img", "-m", model_.string(), "--steps", "3", "-t", "2"}};
    start.arguments.insert(start.arguments.end(), more.begin(), more.end());
    return start;
  }
  std::string at(const std::string& name) const { return (scratch_ / name).string(); }
  /// Names of what lies in the scratch folder, but for the model.
  std::set<std::string> left() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(scratch_ / "."))
      if (const std::string name = entry.path().filename(); name != "tiny.safetensors" && name != "tiny.yaml")
        names.insert(name);
    return names;
  }

  Scratch scratch_;
  std::filesystem::path model_ = scratch_ / "tiny.safetensors";
};

}  // namespace calotype::testing
