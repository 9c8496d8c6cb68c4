#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/adapter.h"
#include "io/key_map.h"
#include "nn/fresh_source.h"
#include "tensor/allocator.h"

namespace calotype {

/// An adapter somebody asks for, and how strongly it changes each network.
struct AdapterUse {
  std::filesystem::path file;
  double unet = 1, text = 1;
};

/// A network that adapters may change: its names, and the shape of each of its weights.
struct AdaptedNetwork {
  KeyMap keys;
  std::map<std::string, Shape> shapes;  // by our names
};

/// The network that `config` makes.
template <class Network, class Config>
AdaptedNetwork adapted_network(const Config& config, KeyMap keys) {
  const Measuring no_bytes;
  ListingSource list;
  Network(Params(list), config);
  AdaptedNetwork network{std::move(keys), {}};
  for (const auto& [name, shape] : list.entries()) network.shapes.emplace(name, shape);
  return network;
}

/// What became of an adapter, for the user.
struct AdapterReport {
  std::string name;
  int64_t applied = 0;              // modules that found their weight
  std::vector<std::string> unused;  // those that did not, as the file names them
};

/// All that adapters do to one network, by our names of weights.
class Adaptation {
 public:
  bool touches(const std::string& path) const { return changes_.contains(path); }
  bool runs_beside(const std::string& path, const Shape& shape) const;
  /// Where only plain low-rank products change a matrix: they run beside it, and it stays as it is.
  std::optional<LowRank> beside(const std::string& path, const Shape& shape) const;
  /// A copy of the weight with everything in it; in f32 where `base` is, else in f16.
  Tensor merged(const std::string& path, const Tensor& base) const;

 private:
  friend class Adapters;
  struct Change {
    std::shared_ptr<const Adapter> adapter;  // keeps the bytes
    const AdapterModule* module = nullptr;
    double multiplier = 1;
  };
  std::map<std::string, std::vector<Change>> changes_;  // in the order in which they were asked for
};

/// Adapters opened and fitted to a model, before any weight changes.
class Adapters {
 public:
  Adapters() = default;
  /// Throws `bad_file` where an adapter was made for another model, lacks half of a pair, or holds what is no number:
  /// naming the file, the module and the reason.
  Adapters(const std::vector<AdapterUse>& uses, const AdaptedNetwork& unet, const AdaptedNetwork& text);

  const std::vector<AdapterReport>& reports() const { return reports_; }
  const Adaptation& unet() const { return unet_; }
  const Adaptation& text() const { return text_; }

 private:
  std::vector<AdapterReport> reports_;
  Adaptation unet_, text_;
};

/// Another source's weights with an adaptation: beside them where it can be, else in a private copy.
class AdaptedSource : public ParamSource {
 public:
  AdaptedSource(ParamSource& inner, const Adaptation& adaptation) : inner_(inner), adaptation_(adaptation) {}
  Tensor get(const std::string& path, const Shape& shape, Init init) override;
  std::optional<LowRank> low_rank(const std::string& path, const Shape& shape) override;

 private:
  ParamSource& inner_;
  const Adaptation& adaptation_;
};

}  // namespace calotype
