#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/mapped_file.h"
#include "check/files_case.h"
#include "io/gguf.h"

namespace calotype::checker {
namespace {

constexpr int kMostNested = 64;

/// Reads values out of an entry's bytes, which are known to be whole.
class EntryReader {
 public:
  explicit EntryReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  json value(GgufType type, int depth = 0) {
    switch (type) {
      case GgufType::u8:
        return number<uint8_t>();
      case GgufType::i8:
        return number<int8_t>();
      case GgufType::u16:
        return number<uint16_t>();
      case GgufType::i16:
        return number<int16_t>();
      case GgufType::u32:
        return number<uint32_t>();
      case GgufType::i32:
        return number<int32_t>();
      case GgufType::f32:
        return number<float>();
      case GgufType::boolean:
        return number<uint8_t>() != 0;
      case GgufType::string: {
        const uint64_t length = count();
        const auto text = take(length);
        return std::string(reinterpret_cast<const char*>(text.data()), text.size());
      }
      case GgufType::array:
        return array(depth);
      case GgufType::u64:
        return number<uint64_t>();
      case GgufType::i64:
        return number<int64_t>();
      case GgufType::f64:
        return number<double>();
    }
    return nullptr;
  }
  /// Of the array that was read last, in words.
  const std::string& elements() const { return elements_; }

 private:
  json array(int depth) {
    require(depth < kMostNested, ErrorKind::unsupported, "arrays nested more than {} deep are not shown", kMostNested);
    const auto type = static_cast<GgufType>(number<uint32_t>());
    const uint64_t length = count();
    json values = json::array();
    std::string inner;
    for (uint64_t i = 0; i < length; ++i) {
      values.push_back(value(type, depth + 1));
      if (type == GgufType::array && (inner.empty() || !values.back().empty())) inner = elements_;
    }
    elements_ = std::string(name_of(type)) + (type == GgufType::array ? " of " + inner : "");
    return values;
  }
  std::span<const std::byte> take(uint64_t count) {
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  uint64_t count() { return number<uint64_t>(); }

  std::span<const std::byte> bytes_;
  std::string elements_;
};

void compare_metadata(const GgufContent& content, const json& wanted, Findings& findings) {
  findings.exact("number of metadata", content.entries.size() == wanted.size() ? 0 : 1);
  for (const GgufEntry& entry : content.entries) {
    const auto at = wanted.find(entry.key);
    findings.exact("metadata " + entry.key + " in the file alone", at == wanted.end() ? 1 : 0);
    if (at == wanted.end()) continue;
    EntryReader reader(entry.bytes);
    const json value = reader.value(entry.type);
    findings.exact(entry.key + ": value", value == (*at)["value"] ? 0 : 1);
    findings.exact(entry.key + ": type", word(*at, "type") == name_of(entry.type) ? 0 : 1);
    if (at->contains("of") && !value.empty())
      findings.exact(entry.key + ": type of elements", word(*at, "of") == reader.elements() ? 0 : 1);
  }
}

void compare_inspection(const GgufContent& content, const std::filesystem::path& path, const json& wanted,
                        Findings& findings) {
  const auto number = [&](const char* key, int64_t got) {
    if (wanted.contains(key)) findings.exact(key, wanted[key].get<int64_t>() == got ? 0 : 1);
  };
  number("version", content.version);
  number("alignment", content.alignment);
  number("tensors", static_cast<int64_t>(content.tensors.size()));
  if (wanted.contains("metadata")) compare_metadata(content, wanted["metadata"], findings);
  json types = json::object();
  int64_t values = 0;
  for (const StoredTensor& tensor : content.tensors) {
    json& row = types[std::string(name_of(tensor.type))];
    if (row.is_null()) row = {{"tensors", 0}, {"values", 0}, {"bytes", 0}};
    row["tensors"] = row["tensors"].get<int64_t>() + 1;
    row["values"] = row["values"].get<int64_t>() + tensor.shape.count();
    row["bytes"] = row["bytes"].get<int64_t>() + static_cast<int64_t>(tensor.bytes.size());
    values += tensor.shape.count();
  }
  number("values", values);
  if (wanted.contains("types")) findings.exact("types", types == wanted["types"] ? 0 : 1);
  if (!wanted.contains("components")) return;
  const Recognised found = recognise(content.tensors, path.string());
  for (const auto& [name, there] : {std::pair("unet", found.unet.has_value()), std::pair("vae", found.vae.has_value()),
                                    std::pair("text", found.text.has_value())}) {
    const auto& list = wanted["components"];
    findings.exact(std::string("component ") + name,
                   (std::find(list.begin(), list.end(), name) != list.end()) == there ? 0 : 1);
  }
}

/// Tensors `FILE:NAME` of the reference: what ggml reads in each type of blocks.
void compare_blocks(const GgufContent& content, const std::string& stem, const ReferenceTensors& reference,
                    Findings& findings) {
  for (const StoredTensor& tensor : content.tensors) {
    const std::string name = stem + ":" + tensor.name;
    if (!reference.has(name)) continue;
    std::vector<double> got = values_of(tensor);
    for (double& value : got) value += 0.0;
    findings.equal(tensor.name, got, reference.values(name));
  }
}

void open(FilesCase& one) {
  const json& row = one.row();
  Findings& findings = one.findings();
  const MappedFile file(one.path());
  const GgufContent content = parse_gguf(file.bytes(), one.path().string());
  int64_t not_finite = 0;
  for (const StoredTensor& tensor : content.tensors) not_finite += count_not_a_number(tensor);
  if (word(row, "expect") == "open-with-warning")
    findings.exact("no value was found that is not a number", not_finite > 0 ? 0 : 1);
  if (row.contains("inspect")) compare_inspection(content, one.path(), row["inspect"], findings);
  if (row.contains("tensors")) {
    std::vector<StoredTensor> listed;
    for (const StoredTensor& tensor : content.tensors)
      if (row["tensors"].contains(tensor.name) || !row.contains("inspect")) listed.push_back(tensor);
    compare_tensors(listed, row["tensors"], findings);
  }
  if (row.contains("components"))
    compare_components(ModelFiles(one.path()), row["components"], Averages::yes, true, findings);
}

}  // namespace

void check_gguf(const FilesContext& context, Report& report) {
  const std::filesystem::path beside = context.folder / "gguf.safetensors";
  for (const char* topic : {"gguf", "gguf_legal", "gguf_broken"})
    run_topic(context, topic, report, [&](const json& row, FilesCase& one, Findings& findings) {
      one.judge([&] { open(one); });
      if (!std::filesystem::exists(beside) || std::string_view(topic) != "gguf") return;
      const ReferenceTensors reference(beside);
      std::string stem = one.path().stem().string();
      const MappedFile file(one.path());
      compare_blocks(parse_gguf(file.bytes(), one.path().string()), stem, reference, findings);
      if (stem.starts_with("tiny-")) stem.erase(0, 5);
      if (row.contains("components")) compare_effects(one.path(), stem, context.gguf_sizes, reference, findings);
    });
}

}  // namespace calotype::checker
