#include "base/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/device_random.h"
#include "base/error.h"
#include "base/numpy_random.h"
#include "check/distance.h"
#include "check/reference.h"
#include "check/sampler_cases.h"
#include "diffusion/brownian.h"
#include "diffusion/noise.h"

namespace calotype::checker {
namespace {

uint64_t seed_of(const json& row) {
  const json& seed = row.at("seed");
  return seed.is_number_unsigned() ? seed.get<uint64_t>() : static_cast<uint64_t>(seed.get<int64_t>());
}

template <class T>
std::vector<T> drawn(Rng& rng, size_t count) {
  std::vector<T> values(count);
  rng.normal(std::span<T>(values));
  return values;
}

template <class T>
double greatest_difference(const std::vector<T>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return HUGE_VAL;
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]));
  return worst;
}

/// Units in the last place between halves, by their bits; of another sign, very far.
template <class Half>
double greatest_units(const std::vector<Half>& got, const std::vector<uint16_t>& want) {
  if (got.size() != want.size()) return HUGE_VAL;
  int worst = 0;
  for (size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(int{got[i].bits} - int{want[i]}));
  return worst;
}

uint32_t crc32(std::span<const float> values) {
  uint32_t crc = ~0u;
  for (const std::byte byte : std::as_bytes(values)) {
    crc ^= std::to_integer<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

void check_large(const json& row, Findings& findings) {
  Rng rng(seed_of(row));
  size_t count = 0;
  if (row.contains("n")) {
    count = row["n"];
  } else {
    count = static_cast<size_t>(Shape(row.at("shape").get<std::vector<int64_t>>()).count());
  }
  require(count <= size_t{1} << 28, ErrorKind::unsupported, "{} normal numbers are more than a check draws", count);
  const std::vector<float> got = drawn<float>(rng, count);
  const std::vector<double> first = row.at("first"), last = row.value("last", std::vector<double>());
  for (size_t i = 0; i < std::min(first.size(), count); ++i)
    findings.measure("first values", std::abs(got[i] - first[i]), 1e-5);
  for (size_t i = 0; i < std::min(last.size(), count); ++i)
    findings.measure("last values", std::abs(got[count - last.size() + i] - last[i]), 1e-5);
  if (row.contains("crc32"))
    findings.exact("checksum of the bytes", crc32(got) == row["crc32"].get<uint32_t>() ? 0 : 1);
}

void check_normals(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  if (!row.contains("values")) return check_large(row, findings);
  const std::string type = row.at("dtype"), name = row["values"];
  const size_t count = row.at("n");
  Rng rng(seed_of(row));
  if (type == "f32") {
    const std::vector<float> got = drawn<float>(rng, count);
    const std::vector<double> wide = tensors.values(name);
    if (count >= 16)
      findings.equal("values", got, std::vector<float>(wide.begin(), wide.end()));
    else
      findings.measure("values", greatest_difference(got, wide), 1e-5);
  } else if (type == "f64") {
    findings.measure("values", greatest_difference(drawn<double>(rng, count), tensors.values(name)), 1e-14);
  } else if (type == "f16") {
    findings.measure("units in the last place", greatest_units(drawn<Float16>(rng, count), tensors.bits16(name)), 1);
  } else if (type == "bf16") {
    findings.measure("units in the last place", greatest_units(drawn<BFloat16>(rng, count), tensors.bits16(name)), 1);
  } else {
    throw Skipped{"random numbers of the type " + type + " are not built"};
  }
  if (const auto next = optional_number(row, "next_uniform"))
    findings.equal("the uniform number after them", std::vector{rng.uniform()}, {static_cast<float>(*next)});
}

void check_old_halves(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  Rng rng(seed_of(row));
  const std::vector<uint16_t> want = tensors.bits16(row.at("values"));
  const auto measure = [&]<class Half>(std::vector<Half> got) {
    rng.normal(std::span<Half>(got), HalfFill::native);
    findings.measure("units in the last place", greatest_units(got, want), 1);
  };
  if (row.at("dtype") == "f16")
    measure(std::vector<Float16>(want.size()));
  else
    measure(std::vector<BFloat16>(want.size()));
}

void check_sequence(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  Rng rng(seed_of(row));
  std::vector<float> got;
  for (const size_t size : row.at("sizes")) {
    const std::vector<float> part = drawn<float>(rng, size);
    got.insert(got.end(), part.begin(), part.end());
  }
  findings.measure("values", greatest_difference(got, tensors.values(row.at("values"))), 1e-5);
}

void check_uniform(const json& row, const ReferenceTensors&, Findings& findings) {
  Rng rng(seed_of(row));
  std::vector<float> narrow;
  std::vector<double> wide;
  std::vector<uint32_t> integers;
  const auto want_narrow = row.at("f32").get<std::vector<float>>();
  const auto want_wide = row.at("then_f64").get<std::vector<double>>();
  const auto want_integers = row.at("then_randint_1000").get<std::vector<uint32_t>>();
  const auto want_order = row.at("then_randperm_10").get<std::vector<int64_t>>();
  for (size_t i = 0; i < want_narrow.size(); ++i) narrow.push_back(rng.uniform());
  for (size_t i = 0; i < want_wide.size(); ++i) wide.push_back(rng.uniform64());
  for (size_t i = 0; i < want_integers.size(); ++i) integers.push_back(rng.below(1000));
  findings.equal("f32", narrow, want_narrow);
  findings.equal("f64", wide, want_wide);
  findings.equal("integers", integers, want_integers);
  findings.equal("order", rng.permutation(10), want_order);
}

void check_philox(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const uint64_t seed = seed_of(row);
  const std::array<uint32_t, 2> key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  const auto words = [&](uint32_t element) {
    const auto got = philox({0, 0, element, 0}, key);
    return std::vector<uint32_t>(got.begin(), got.end());
  };
  findings.equal("words of element 0", words(0), row.at("raw_first").get<std::vector<uint32_t>>());
  findings.equal("words of element 1", words(1), row.at("raw_second").get<std::vector<uint32_t>>());
  const auto drawn_at = [&](uint32_t offset, size_t count) {
    DeviceRng rng(seed);
    std::vector<float> values(count);
    for (uint32_t i = 0; i < offset; ++i) rng.normal(std::span(values).first(0));
    rng.normal(values);
    return values;
  };
  for (const json& draw : row.at("draws"))
    findings.measure(word(draw, "values"),
                     greatest_difference(drawn_at(draw.at("offset"), draw.at("n")), tensors.values(draw.at("values"))),
                     2e-6);
  if (!row.contains("latent_4x64x64")) return;
  const json& large = row["latent_4x64x64"];
  const std::vector<float> got = drawn_at(0, 4 * 64 * 64);
  const std::vector<double> last = large.at("last");
  findings.measure("last values", greatest_difference(std::vector<float>(got.end() - last.size(), got.end()), last),
                   2e-6);
  double sum = 0, squares = 0;
  for (const double value : got) sum += value, squares += value * value;
  // Each of the numbers within 2e-6.
  findings.measure("sum", std::abs(sum - large.at("sum").get<double>()), 2e-6 * static_cast<double>(got.size()));
  findings.measure("sum of squares", relative(squares, large.at("sum_of_squares")), 4e-6);
}

void check_numpy(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  NumpyRng rng(seed_of(row));
  const std::vector<double> want = tensors.values(row.at("randn"));
  std::vector<double> got(want.size()), uniform;
  rng.normal(std::span(got));
  findings.measure("normals", greatest_difference(got, want), 1e-14);
  const auto want_uniform = row.at("then_uniform").get<std::vector<double>>();
  for (size_t i = 0; i < want_uniform.size(); ++i) uniform.push_back(rng.uniform());
  findings.measure("uniform numbers", greatest_difference(uniform, want_uniform), 1e-14);
}

void check_brownian(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const Shape shape(row.at("shape").get<std::vector<int64_t>>());
  require(shape.rank() == 4, ErrorKind::bad_file, "a path of shape {}, not [B,C,H,W]", shape.text());
  const double low = row.at("sigma_min"), high = row.at("sigma_max");
  const json& seed = row.at("seed");
  const BrownianNoise noise = seed.is_array() ? BrownianNoise(seed.get<std::vector<uint64_t>>(), low, high)
                                              : BrownianNoise(seed_of(row), low, high);
  const std::vector<double> want = tensors.values(row.at("values"));
  const size_t each = static_cast<size_t>(shape.count());
  size_t done = 0;
  for (const auto& [sigma, next] : row.at("queries").get<std::vector<std::pair<double, double>>>()) {
    const Tensor got = noise.between(sigma, next, {shape[0], shape[2], shape[3], shape[1]});
    require((done + 1) * each <= want.size(), ErrorKind::bad_file, "there are more queries than values");
    findings.measure("query " + std::to_string(done),
                     greatest_beside_one(reference_values(got), std::span(want).subspan(done * each, each)), 1e-5);
    ++done;
  }
}

void check_slerp(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const auto extents = row.at("shape").get<std::vector<int64_t>>();
  require(extents.size() == 3, ErrorKind::bad_file, "noise of {} axes, not [C,H,W]", extents.size());
  const Shape shape{1, extents[1], extents[2], extents[0]};
  const auto first = [&](const char* key) { return Noise::whole_batch(row.at(key).get<uint64_t>()).draw(shape); };
  const Tensor got = varied(first("seed"), first("subseed"), row.at("strength"));
  findings.measure("values", greatest_beside_one(reference_values(got), tensors.values(row.at("values"))), 1e-5);
}

using Check = void (*)(const json&, const ReferenceTensors&, Findings&);

struct Kind {
  const char* key;
  Check check;
};

constexpr Kind kKinds[] = {
    {"torch", check_normals},
    {"torch_half_old", check_old_halves},
    {"torch_sequences", check_sequence},
    {"torch_uniform", check_uniform},
    {"philox", check_philox},
    {"numpy", check_numpy},
    {"brownian", check_brownian},
    {"slerp", check_slerp},
};

std::string name_of_row(const json& row, size_t number) {
  if (const std::string values = word(row, "values"); !values.empty()) return values;
  if (row.contains("seed"))
    return word(row, "dtype", "") + (row.contains("dtype") ? "." : "") + "seed" + row["seed"].dump() + "." +
           std::to_string(number);
  return std::to_string(number);
}

}  // namespace

void check_random(const Request& request, Report& report) {
  const json index = read_json(request.folder / "random.json");
  require(index.is_object(), ErrorKind::bad_file, "{}/random.json: expected an object", request.folder.string());
  const ReferenceTensors tensors(request.folder / "random.safetensors");
  for (const Kind& kind : kKinds) {
    if (!index.contains(kind.key)) continue;
    size_t number = 0;
    for (const json& row : index[kind.key]) {
      const std::string id = std::string(kind.key) + "/" + name_of_row(row, number++), name = "random/" + id;
      report.run(name, [&](Findings& findings) { kind.check(row, tensors, findings); }, id);
    }
  }
}

}  // namespace calotype::checker
