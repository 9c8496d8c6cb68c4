#include "support/torch_writer.h"

#include <zlib.h>

namespace calotype::testing {
namespace {

template <class T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view storage_name(StoredType type) {
  switch (type) {
    case StoredType::f16:
      return "HalfStorage";
    case StoredType::bf16:
      return "BFloat16Storage";
    case StoredType::f64:
      return "DoubleStorage";
    case StoredType::i64:
      return "LongStorage";
    default:
      return "FloatStorage";
  }
}

std::string bytes_of(const StoredTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

}  // namespace

PickleWriter& PickleWriter::text(std::string_view value) {
  bytes_ += 'X' + little(static_cast<uint32_t>(value.size()));
  return raw(value);
}

PickleWriter& PickleWriter::number(int64_t value) {
  bytes_ += std::string("\x8a\x08") + little(value);
  return *this;
}

PickleWriter& PickleWriter::numbers(std::span<const int64_t> values) {
  raw("(");
  for (const int64_t value : values) number(value);
  return raw("t");
}

PickleWriter& PickleWriter::name(std::string_view module, std::string_view name) {
  return raw("c").raw(module).raw("\n").raw(name).raw("\n");
}

PickleWriter& PickleWriter::tensor(const StoredTensor& tensor, std::string_view key, bool legacy) {
  std::vector<int64_t> strides(tensor.shape.rank(), 1);
  for (int i = tensor.shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * tensor.shape[i + 1];
  name("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage").name("torch", storage_name(tensor.type));
  text(key).text("cpu").number(tensor.shape.count()).raw(legacy ? "Nt" : "t").raw("Q").number(0);
  numbers(tensor.shape.extents()).numbers(strides).raw("\x89").name("collections", "OrderedDict");
  return raw(")RtR");
}

std::string pickled_state(std::span<const StoredTensor> tensors, bool legacy) {
  PickleWriter pickle;
  pickle.raw("\x80\x02}").text("state_dict").raw("}(");
  for (size_t i = 0; i < tensors.size(); ++i)
    pickle.text(tensors[i].name).tensor(tensors[i], std::to_string(i), legacy);
  return pickle.raw("us.").bytes();
}

std::string zipped(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive, directory;
  for (const auto& [name, content] : files) {
    const auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
    const auto size = static_cast<uint32_t>(content.size());
    const auto begin = static_cast<uint32_t>(archive.size());
    // As PyTorch does: the content begins at a multiple of 64.
    const auto padding = static_cast<uint16_t>((64 - (archive.size() + 30 + name.size() + 4) % 64) % 64);
    const std::string numbers = little(uint32_t{0}) + little(crc) + little(size) + little(size) +
                                little(static_cast<uint16_t>(name.size()));  // time, checksum, lengths
    archive += std::string("PK\x03\x04") + little(uint16_t{10}) + little(uint32_t{0}) + numbers +
               little(static_cast<uint16_t>(padding + 4)) + name + "FB" + little(padding) + std::string(padding, 'Z') +
               content;
    directory += std::string("PK\x01\x02") + little(uint16_t{0}) + little(uint16_t{10}) + little(uint32_t{0}) +
                 numbers + std::string(12, '\0') + little(begin) + name;
  }
  const auto count = static_cast<uint16_t>(files.size());
  const auto begin = static_cast<uint32_t>(archive.size());
  return archive + directory + "PK\x05\x06" + little(uint32_t{0}) + little(count) + little(count) +
         little(static_cast<uint32_t>(directory.size())) + little(begin) + little(uint16_t{0});
}

std::string torch_archive(const std::string& pickle, const std::vector<std::string>& storages) {
  std::vector<std::pair<std::string, std::string>> files = {{"archive/data.pkl", pickle},
                                                            {"archive/byteorder", "little"}};
  for (size_t i = 0; i < storages.size(); ++i) files.emplace_back("archive/data/" + std::to_string(i), storages[i]);
  files.emplace_back("archive/version", "3\n");
  return zipped(files);
}

std::string torch_archive(std::span<const StoredTensor> tensors) {
  std::vector<std::string> storages;
  for (const StoredTensor& tensor : tensors) storages.push_back(bytes_of(tensor));
  return torch_archive(pickled_state(tensors), storages);
}

std::string torch_stream(std::span<const StoredTensor> tensors) {
  std::string file("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  file += PickleWriter().raw("\x80\x02").number(1001).raw(".").bytes();
  file += PickleWriter().raw("\x80\x02}").text("little_endian").raw("\x88s.").bytes();
  file += pickled_state(tensors, true);
  PickleWriter keys;
  keys.raw("\x80\x02](");
  for (size_t i = 0; i < tensors.size(); ++i) keys.text(std::to_string(i));
  file += keys.raw("e.").bytes();
  for (const StoredTensor& tensor : tensors) file += little(tensor.shape.count()) + bytes_of(tensor);
  return file;
}

}  // namespace calotype::testing
