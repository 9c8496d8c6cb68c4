#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/output_file.h"
#include "io/printable.h"
#include "io/safetensors.h"

namespace calotype {
namespace {

uint64_t bytes_of(const TensorPlan& plan) {
  const auto bytes = stored_bytes(plan.type, plan.shape.count());
  check(bytes && bits_of(plan.type) > 0, "{}: safetensors cannot hold {} of {}", plan.name, plan.shape.text(),
        name_of(plan.type));
  return static_cast<uint64_t>(*bytes);
}

std::string quoted(const std::string& text) {
  require(is_utf8(text), ErrorKind::bad_input, "{}: safetensors holds UTF-8 only", printable(text));
  return nlohmann::json(text).dump();
}

std::string header_of(const std::vector<TensorPlan>& plans, const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  const auto comma = [&] {
    if (header.size() > 1) header += ',';
  };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata)
      header += fmt::format("{}{}:{}", key == metadata.begin()->first ? "" : ",", quoted(key), quoted(value));
    header += '}';
  }
  uint64_t begin = 0;
  for (const TensorPlan& plan : plans) {
    comma();
    const uint64_t end = begin + bytes_of(plan);
    header += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(plan.name),
                          name_of(plan.type), fmt::join(plan.shape, ","), begin, end);
    begin = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::vector<TensorPlan> plans,
                       const std::map<std::string, std::string>& metadata,
                       const std::function<void(const TensorPlan&, const ByteSink&)>& fill) {
  std::sort(plans.begin(), plans.end(), [](const TensorPlan& a, const TensorPlan& b) {
    return a.type != b.type ? a.type > b.type : a.name < b.name;
  });
  std::set<std::string_view> names = {"__metadata__"};
  for (const TensorPlan& plan : plans)
    check(names.insert(plan.name).second, "{}: a tensor cannot be written under this name", plan.name);
  const std::string header = header_of(plans, metadata);
  OutputFile file(path);
  const uint64_t length = header.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const TensorPlan& plan : plans) {
    uint64_t left = bytes_of(plan);
    fill(plan, [&](std::span<const std::byte> bytes) {
      check(bytes.size() <= left, "{}: more bytes are written than {} of {} take", plan.name, plan.shape.text(),
            name_of(plan.type));
      left -= bytes.size();
      file.write(bytes);
    });
    check(left == 0, "{}: {} bytes were not written", plan.name, left);
  }
  file.commit();
}

void write_safetensors(const std::filesystem::path& path, std::span<const StoredTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorPlan> plans;
  std::unordered_map<std::string_view, std::span<const std::byte>> bytes;
  for (const StoredTensor& tensor : tensors) {
    plans.push_back({tensor.name, tensor.type, tensor.shape});
    bytes[tensor.name] = tensor.bytes;
  }
  write_safetensors(path, std::move(plans), metadata,
                    [&](const TensorPlan& plan, const ByteSink& write) { write(bytes.at(plan.name)); });
}

}  // namespace calotype
