#include "io/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "base/mapped_file.h"
#include "io/scratch.h"
#include "io/tensor_file.h"

namespace calotype {
namespace {

template <class T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string text(const std::string& value) {
  return little(static_cast<uint64_t>(value.size())) + value;
}

struct Listed {
  std::string name;
  std::vector<uint64_t> dims;
  uint32_t type;
  uint64_t offset;
};

std::string header(const std::vector<std::string>& entries, const std::vector<Listed>& tensors) {
  std::string file = "GGUF" + little(uint32_t{3}) + little(static_cast<uint64_t>(tensors.size())) +
                     little(static_cast<uint64_t>(entries.size()));
  for (const std::string& entry : entries) file += entry;
  for (const Listed& tensor : tensors) {
    file += text(tensor.name) + little(static_cast<uint32_t>(tensor.dims.size()));
    for (const uint64_t dim : tensor.dims) file += little(dim);
    file += little(tensor.type) + little(tensor.offset);
  }
  file.resize((file.size() + 31) / 32 * 32);
  return file;
}

GgufContent parse(const std::string& file) {
  return parse_gguf(std::as_bytes(std::span(file.data(), file.size())), "f");
}

std::string refused(const std::string& file, ErrorKind kind = ErrorKind::bad_file) {
  return refusal(kind, [&] { parse(file); });
}

TEST(Gguf, ReadsEveryTypeOfBlocksBitForBit) {
  const MappedFile file(test_data("blocks.gguf"));
  const GgufContent content = parse_gguf(file.bytes(), "blocks.gguf");
  const Safetensors reference(test_data("blocks.safetensors"));
  size_t compared = 0;
  for (const StoredTensor& tensor : content.tensors) {
    const StoredTensor* want = reference.find(tensor.name);
    if (!want) continue;
    ++compared;
    std::vector<float> got(static_cast<size_t>(tensor.shape.count())), expected(got.size());
    widen(tensor, 0, got);
    widen(*want, 0, expected);
    EXPECT_EQ(got, expected) << tensor.name;  // -0 is 0
    std::vector<float> part(37);
    widen(tensor, 300, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.begin() + 300)) << tensor.name;
  }
  EXPECT_EQ(compared, reference.tensors().size());
  EXPECT_GE(compared, 10u);
}

TEST(Gguf, ReadsBackWhatItWrites) {
  const Scratch scratch;
  const std::array<float, 6> values = {0, 1, 2, 3, 4, 5};
  std::array<std::byte, 68> blocks{};
  const std::vector<TensorPlan> plans = {{"a", StoredType::f32, Shape{2, 3}}, {"q", StoredType::q8_0, Shape{2, 32}}};
  write_gguf(scratch / "f.gguf", plans, {{"general.architecture", "stable-diffusion"}, {"sd.prediction_type", "v"}},
             [&](const TensorPlan& plan, const ByteSink& sink) {
               sink(plan.name == "a" ? std::as_bytes(std::span(values)) : std::span<const std::byte>(blocks));
             });
  const TensorFile file(scratch / "f.gguf");
  EXPECT_EQ(file.container(), Container::gguf);
  EXPECT_EQ(file.metadata().at("sd.prediction_type"), "v");
  EXPECT_EQ(file.find("a")->shape, (Shape{2, 3}));
  EXPECT_EQ(values_of(*file.find("a")), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(file.find("q")->type, StoredType::q8_0);
  EXPECT_EQ(file.find("q")->bytes.size(), 68u);
}

TEST(Gguf, ReadsMetadataOfAllTypes) {
  const std::string entries[] = {
      text("b") + little(uint32_t{7}) + "\x01", text("n") + little(uint32_t{5}) + little(int32_t{-5}),
      text("s") + little(uint32_t{8}) + text("x y"),
      text("list") + little(uint32_t{9}) + little(uint32_t{9}) + little(uint64_t{2}) + little(uint32_t{0}) +
          little(uint64_t{3}) + "abc" + little(uint32_t{8}) + little(uint64_t{1}) + text("in"),
      text("general.alignment") + little(uint32_t{4}) + little(uint32_t{64})};
  const std::string file = header({std::begin(entries), std::end(entries)}, {});
  const GgufContent content = parse(file);
  EXPECT_EQ(content.alignment, 64u);
  EXPECT_EQ(content.entries.size(), 5u);
  const auto metadata = content.text_metadata();
  EXPECT_EQ(metadata.at("b"), "true");
  EXPECT_EQ(metadata.at("n"), "-5");
  EXPECT_EQ(metadata.at("s"), "x y");
  EXPECT_FALSE(metadata.contains("list"));
}

TEST(Gguf, RefusesHeadersThatLie) {
  const std::string data(32, '\0');
  const Listed good{"a", {2, 2}, 0, 0};
  EXPECT_EQ(parse(header({}, {good}) + data).tensors.size(), 1u);
  constexpr uint64_t kHuge = uint64_t{1} << 63;
  for (const std::vector<Listed>& tensors : std::vector<std::vector<Listed>>{
           {{"a", {4, 4}, 0, 0}},                 // more than there is
           {{"a", {2, 2}, 0, 64}},                // begins behind the end
           {{"a", {2, 2}, 0, uint64_t{0} - 32}},  // overflows into the header
           {{"a", {2, 2}, 0, 4}},                 // not aligned
           {{"a", {kHuge, 2}, 0, 0}},             // overflows
           {{"a", {uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0}},
           {good, good},                               // twice
           {good, {"b", {2, 2}, 0, 0}},                // the same bytes
           {{"a", {16, 2}, 8, 0}},                     // no whole block a row
           {{"a", {1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 0}}  // nine axes
       })
    refused(header({}, tensors) + data);
  EXPECT_NE(refused(header({}, {{"a", {32}, 20, 0}}) + data, ErrorKind::unsupported).find("IQ4_NL"), std::string::npos);
  EXPECT_NE(refused(header({}, {{"a", {32}, 99, 0}}) + data, ErrorKind::unsupported).find("99"), std::string::npos);
  const std::string key = text("k") + little(uint32_t{0}) + "x";
  refused(header({key, key}, {}));
  refused(header({text("k") + little(uint32_t{13}) + "x"}, {}));
  refused(header({text("k") + little(uint32_t{9}) + little(uint32_t{8}) + little(uint64_t{1} << 40) + "xxxx"}, {}));
  refused(header({text("general.alignment") + little(uint32_t{4}) + little(uint32_t{3})}, {}));
  refused("GGUF");
  refused("GGUF" + little(uint32_t{3}) + little(~uint64_t{0}) + little(~uint64_t{0}));
  refused("GGUF" + little(uint32_t{4}) + std::string(16, '\0'), ErrorKind::unsupported);
  const std::string whole = header({key}, {good}) + data.substr(0, 16);
  for (size_t length = 0; length < whole.size(); ++length) refused(whole.substr(0, length));
}

}  // namespace
}  // namespace calotype
