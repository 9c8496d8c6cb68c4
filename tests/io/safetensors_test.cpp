#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "io/scratch.h"

namespace calotype {
namespace {

std::string with_header(std::string_view header, std::string_view data = "") {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + std::string(header) + std::string(data);
}

SafetensorsContent parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file.data(), file.size())), "f");
}

TEST(Safetensors, RefusesDamagedFiles) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test_data("broken"))) {
    SCOPED_TRACE(entry.path().string());
    const std::string message = refusal(ErrorKind::bad_file, [&] { Safetensors file(entry.path()); });
    EXPECT_TRUE(message.starts_with(entry.path().string())) << message;
    ++files;
  }
  EXPECT_EQ(files, 43);
}

TEST(Safetensors, ReadsUnusualButLegalFiles) {
  const auto rows = nlohmann::json::parse(file_text(test_data("legal.json")));
  ASSERT_EQ(rows.size(), 10u);
  for (const auto& row : rows) {
    SCOPED_TRACE(row["file"].get<std::string>());
    const Safetensors file(test_data("legal/" + row["file"].get<std::string>()));
    EXPECT_EQ(file.tensors().size(), row["tensors"].size());
    for (const auto& [name, expected] : row["tensors"].items()) {
      const StoredTensor* tensor = file.find(name);
      ASSERT_TRUE(tensor) << name;
      EXPECT_EQ(std::vector<int64_t>(tensor->shape.begin(), tensor->shape.end()),
                expected["shape"].get<std::vector<int64_t>>());
      EXPECT_EQ(values_of(*tensor), expected["values"].get<std::vector<double>>()) << name;
    }
    EXPECT_FALSE(file.find("no such name"));
  }
}

TEST(Safetensors, CountsWhatIsNotANumber) {
  for (const char* name : {"legal/nan.safetensors", "legal/nan-f16.safetensors"}) {
    const Safetensors file(test_data(name));
    int64_t count = 0;
    for (const StoredTensor& tensor : file.tensors()) count += count_not_a_number(tensor);
    EXPECT_GT(count, 0) << name;
  }
}

TEST(Safetensors, CountsWhatIsNotFinite) {
  const auto counts = [](StoredType type, const auto& values) {
    const StoredTensor tensor{"a", type, Shape{static_cast<int64_t>(std::size(values))},
                              std::as_bytes(std::span(values))};
    return std::pair(count_not_a_number(tensor), count_not_finite(tensor));
  };
  const uint16_t f16[] = {0x7c00, 0xfc00, 0x7c01, 0xffff, 0x7bff, 0xfbff, 0, 0x8000};
  EXPECT_EQ(counts(StoredType::f16, f16), (std::pair<int64_t, int64_t>(2, 4)));
  const uint16_t bf16[] = {0x7f80, 0xff80, 0x7f81, 0xffff, 0x7f7f, 0xff7f, 0, 0x8000};
  EXPECT_EQ(counts(StoredType::bf16, bf16), (std::pair<int64_t, int64_t>(2, 4)));
  const float f32[] = {INFINITY, -INFINITY, NAN, -NAN, 3e38f, -3e38f, 0, 1e-45f};
  EXPECT_EQ(counts(StoredType::f32, f32), (std::pair<int64_t, int64_t>(2, 4)));
  const double f64[] = {INFINITY, -INFINITY, NAN, -NAN, 1e308, -1e308, 0, 1};
  EXPECT_EQ(counts(StoredType::f64, f64), (std::pair<int64_t, int64_t>(2, 4)));
}

TEST(Safetensors, RefusesWhatTheSampleFilesLack) {
  const auto message = [](const std::string& file) { return refusal(ErrorKind::bad_file, [&] { parse(file); }); };
  std::string many = "{";
  for (int i = 0; i <= 100'000; ++i)
    many += (i ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_NE(message(with_header(many + "}")).find("more than 100000 tensors"), std::string::npos);
  const std::string deep(50'000, '[');
  EXPECT_NE(message(with_header("{\"__metadata__\":" + deep)).find("by an object"), std::string::npos);
  EXPECT_NE(message(with_header("{\"a\":{\"other\":" + deep)).find("not valid JSON"), std::string::npos);
  EXPECT_NE(message(with_header(std::string("{}\0 junk", 8))).find("zero byte"), std::string::npos);
  EXPECT_NE(message(with_header("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}")).find("twice"), std::string::npos);
  EXPECT_NE(message(with_header("{\"__metadata__\":{},\"__metadata__\":{}}")).find("twice"), std::string::npos);
  EXPECT_NE(message(with_header(R"({"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}})", "x"))
                .find("two fields dtype"),
            std::string::npos);
  EXPECT_NE(message(with_header(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", "x"))
                .find("more than 8 axes"),
            std::string::npos);
  EXPECT_NE(
      message(with_header(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", "x")).find("3 elements of F4"),
      std::string::npos);
  EXPECT_NE(message(with_header(R"({"a\n\u0007":{"dtype":"U8","shape":[],"data_offsets":[0,0]}})")).find("a??:"),
            std::string::npos);
  message(std::string(4096, '\0'));
}

TEST(Safetensors, PassesOverUnknownFields) {
  const std::string deep = std::string(20'000, '[') + std::string(20'000, ']');
  const std::string file = with_header(
      R"({"a":{"x":{"dtype":[1]},"y":null,"dtype":"U8","z":)" + deep + R"(,"shape":[2],"data_offsets":[0,2]}})",
      "\x01\x02");
  const SafetensorsContent content = parse(file);
  ASSERT_EQ(content.tensors.size(), 1u);
  EXPECT_EQ(values_of(content.tensors[0]), (std::vector<double>{1, 2}));
}

TEST(Safetensors, EveryPrefixIsRefused) {
  const std::string whole = file_text(test_data("legal/any_order.safetensors"));
  for (size_t length = 0; length < whole.size(); ++length)
    refusal(ErrorKind::bad_file, [&] { parse(whole.substr(0, length)); });
}

TEST(Safetensors, WritesTheReferenceLibrarysBytes) {
  const Scratch scratch;
  const Safetensors file(test_data("reference-written.safetensors"));
  std::vector<StoredTensor> shuffled(file.tensors().rbegin(), file.tensors().rend());
  write_safetensors(scratch / "copy.safetensors", shuffled, file.metadata());
  EXPECT_EQ(file_text(scratch / "copy.safetensors"), file_text(file.path()));
}

TEST(Safetensors, WritesAnyTypesAndNames) {
  const Scratch scratch;
  const std::string bytes(64, 'x');
  const auto raw = [&](size_t count) { return std::as_bytes(std::span(bytes.data(), count)); };
  const std::vector<StoredTensor> tensors = {{"b", StoredType::f16, Shape{3}, raw(6)},
                                             {"a", StoredType::f32, Shape{}, raw(4)},
                                             {"猫.\"x\\\n", StoredType::boolean, Shape{1}, raw(1)},
                                             {"empty", StoredType::i64, Shape{0, 3}, raw(0)},
                                             {"c", StoredType::f64, Shape{1, 2}, raw(16)}};
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"prompt", "line\nline \x01"}};
  write_safetensors(scratch / "f", tensors, metadata);
  const Safetensors file(scratch / "f");
  EXPECT_EQ(file.metadata(), metadata);
  std::vector<std::string> order;
  for (const StoredTensor& tensor : file.tensors()) order.push_back(tensor.name);
  EXPECT_EQ(order, (std::vector<std::string>{"empty", "c", "a", "b", "猫.\"x\\\n"}));
  for (const StoredTensor& tensor : tensors) {
    const StoredTensor* read = file.find(tensor.name);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->type, tensor.type);
    EXPECT_EQ(read->shape, tensor.shape);
    EXPECT_EQ(std::memcmp(read->bytes.data(), tensor.bytes.data(), tensor.bytes.size()), 0);
  }
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensors()[1].bytes.data()) % 8, 0);
}

TEST(Safetensors, LeavesNoFileBehindWhenWritingFails) {
  const Scratch scratch;
  refusal(ErrorKind::internal, [&] {
    write_safetensors(scratch / "f", {{"a", StoredType::f32, Shape{2}}}, {},
                      [](const TensorPlan&, const ByteSink& write) { write(std::as_bytes(std::span("1234", 4))); });
  });
  refusal(ErrorKind::bad_input, [&] { write_safetensors(scratch / "f", {}, {{"a", "\xff"}}); });
  EXPECT_TRUE(std::filesystem::is_empty(scratch / ""));
}

}  // namespace
}  // namespace calotype
