#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ops/low_rank.h"

namespace calotype {

/// How a fresh weight begins. kaiming: uniform in ±1/sqrt(fan_in), fan_in of the weight it belongs to.
struct Init {
  enum class Kind { zeros, ones, kaiming, normal };
  Kind kind = Kind::zeros;
  double deviation = 0;  // of `normal`
  int64_t fan_in = 0;    // of `kaiming`
  static Init zeros() { return {}; }
  static Init ones() { return {.kind = Kind::ones}; }
  static Init kaiming(int64_t fan_in) { return {.kind = Kind::kaiming, .fan_in = fan_in}; }
  static Init normal(double deviation) { return {.kind = Kind::normal, .deviation = deviation}; }
};

/// Where weights come from: a file, fresh numbers, a formula, or nowhere at all (a list of names and shapes). A source
/// remembers what it was asked for and could not give, and reports all of it at once.
class ParamSource {
 public:
  virtual ~ParamSource() = default;
  /// The tensor at this path, of this shape (trailing axes of 1 apart). A source that lacks it notes that and returns
  /// any tensor of the shape.
  virtual Tensor get(const std::string& path, const Shape& shape, Init init) = 0;
  /// What runs beside the matrix of this path and shape; mostly nothing.
  virtual std::optional<LowRank> low_rank(const std::string& path, const Shape& shape);
};

/// A path and a source: what every layer is built from, so that one constructor serves loading, training from fresh
/// numbers, saving, testing and listing.
class Params {
 public:
  explicit Params(ParamSource& source, Precision precision = Precision::f32)
      : source_(&source), precision_(precision) {}
  Params operator/(const std::string& name) const;
  Params operator/(int64_t index) const { return *this / std::to_string(index); }
  Tensor get(const std::string& name, const Shape& shape, Init init) const;
  std::optional<LowRank> low_rank(const std::string& name, const Shape& shape) const;
  Precision precision() const { return precision_; }

 private:
  std::string path_of(const std::string& name) const;

  ParamSource* source_;
  std::string path_;
  Precision precision_;
};

}  // namespace calotype
