#include "io/torch_weights.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr size_t kMostTensors = 100'000, kMostVisits = 1'000'000;
constexpr int kMostWrappers = 8;  // dictionaries `state_dict`, each in the one before
constexpr int kMostLevels = 4;    // of dictionaries whose weights get compound names

struct StorageType {
  std::string_view name;
  StoredType type;
};
constexpr StorageType kStorages[] = {{"FloatStorage", StoredType::f32},     {"HalfStorage", StoredType::f16},
                                     {"BFloat16Storage", StoredType::bf16}, {"DoubleStorage", StoredType::f64},
                                     {"LongStorage", StoredType::i64},      {"IntStorage", StoredType::i32},
                                     {"ShortStorage", StoredType::i16},     {"CharStorage", StoredType::i8},
                                     {"ByteStorage", StoredType::u8},       {"BoolStorage", StoredType::boolean}};
constexpr StorageType kTypes[] = {{"float32", StoredType::f32},        {"float16", StoredType::f16},
                                  {"bfloat16", StoredType::bf16},      {"float64", StoredType::f64},
                                  {"int64", StoredType::i64},          {"int32", StoredType::i32},
                                  {"int16", StoredType::i16},          {"int8", StoredType::i8},
                                  {"uint8", StoredType::u8},           {"bool", StoredType::boolean},
                                  {"uint16", StoredType::u16},         {"uint32", StoredType::u32},
                                  {"uint64", StoredType::u64},         {"float8_e4m3fn", StoredType::f8_e4m3},
                                  {"float8_e5m2", StoredType::f8_e5m2}};

using Buffers = std::vector<std::vector<std::byte>>;

class Collector {
 public:
  Collector(const Pickle& pickle, const FindStorage& find, size_t most_copied, std::string_view where)
      : pickle_(pickle), find_(find), left_to_copy_(most_copied), where_(where) {}

  TensorFileContent collect() {
    const PickleValue top = unwrapped();
    collect_from(top, "", 0);
    require(!content_.tensors.empty(), ErrorKind::bad_file, "{}: its dictionary holds no weights", where_);
    if (!buffers_->empty()) content_.owner = buffers_;
    return std::move(content_);
  }

 private:
  /// The dictionary of weights: the object, or what lies under `state_dict` in it.
  PickleValue unwrapped() const {
    PickleValue at = pickle_.root();
    for (int i = 0; i <= kMostWrappers; ++i) {
      require(pickle_.kind(at) == PickleKind::dictionary, ErrorKind::bad_file,
              "{}: a dictionary of weights is expected, there is {}; nothing in the file was executed", where_,
              pickle_.describe(at));
      const auto inner = pickle_.find(at, "state_dict");
      if (!inner) return at;
      at = *inner;
    }
    fail(ErrorKind::bad_file, "{}: its dictionaries lie in each other without end", where_);
  }

  void collect_from(PickleValue dictionary, const std::string& prefix, int level) {
    const auto items = pickle_.parts(dictionary);
    const auto is = [&](PickleValue value, PickleKind kind) { return pickle_.kind(value) == kind; };
    bool weights = level == 0;
    for (size_t i = 1; i < items.size(); i += 2) weights = weights || is(items[i], PickleKind::tensor);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      require(++visits_ <= kMostVisits, ErrorKind::bad_file, "{}: its dictionaries lie in each other without end",
              where_);
      const PickleValue key = items[i], value = items[i + 1];
      const std::string name = prefix + std::string(pickle_.text(key));
      const PickleValue inner = parameters_of(value);
      if (is(inner, PickleKind::dictionary)) {
        if (level + 1 < kMostLevels && is(key, PickleKind::text)) collect_from(inner, name + ".", level + 1);
        continue;
      }
      const bool foreign = is(value, PickleKind::opaque) || is(value, PickleKind::name);
      if (weights && foreign) refuse(name, value);
      if (!is(value, PickleKind::tensor)) continue;
      require(is(key, PickleKind::text), ErrorKind::bad_file, "{}: a weight's name is {}, a text is expected", where_,
              pickle_.describe(key));
      require(is_utf8(name), ErrorKind::bad_file, "{}: the name {} is not UTF-8", where_, printable(name));
      add(name, value);
    }
  }

  [[noreturn]] void refuse(const std::string& name, PickleValue found) const {
    fail(ErrorKind::bad_file, "{}: {}: a weight is expected, there is {}; nothing in the file was executed", where_,
         printable(name), pickle_.describe(found));
  }

  /// The dictionary in an old ParameterDict, which is an object of its own; any other value stays what it is.
  PickleValue parameters_of(PickleValue value) const {
    if (pickle_.kind(value) != PickleKind::opaque) return value;
    const auto parts = pickle_.parts(value);
    if (parts.empty() || !pickle_.is_name(parts[0], "torch.nn.modules.container", "ParameterDict")) return value;
    for (const PickleValue state : parts)
      if (const auto found = pickle_.find(state, "_parameters"))
        if (pickle_.kind(*found) == PickleKind::dictionary) return *found;
    return value;
  }

  void add(const std::string& name, PickleValue value) {
    StoredTensor tensor = stored(name, value);
    const auto [at, is_new] = by_name_.emplace(name, content_.tensors.size());
    if (!is_new) {
      content_.tensors[at->second] = std::move(tensor);  // as in Python: the last of several
      return;
    }
    require(content_.tensors.size() < kMostTensors, ErrorKind::bad_file, "{}: it has more than {} tensors", where_,
            kMostTensors);
    content_.tensors.push_back(std::move(tensor));
  }

  std::vector<int64_t> numbers(PickleValue tuple) const {
    std::vector<int64_t> numbers;
    for (const PickleValue part : pickle_.parts(tuple)) numbers.push_back(pickle_.integer(part));
    return numbers;
  }

  StoredTensor stored(const std::string& name, PickleValue value) {
    const auto parts = pickle_.parts(value);
    const TorchStorage storage = torch_storage(pickle_, parts[0], where_);
    const std::vector<int64_t> sizes = numbers(parts[2]), strides = numbers(parts[3]);
    const int64_t offset = pickle_.integer(parts[1]);
    const StoredType type = type_of(name, storage, parts);
    const std::span<const std::byte> bytes = find_(storage);
    const int64_t width = bits_of(type) / 8, held = static_cast<int64_t>(bytes.size()) / width;

    const auto good = [&](bool condition, const char* what) {
      require(condition, ErrorKind::bad_file, "{}: {}: {}", where_, printable(name), what);
    };
    good(sizes.size() == strides.size(), "it has not as many strides as sizes");
    good(sizes.size() <= Shape::kMaxRank, "it has more than eight axes");
    good(offset >= 0, "its offset is negative");
    int64_t count = 1;
    __int128 last = offset;  // the place of the last element
    for (size_t i = 0; i < sizes.size(); ++i) {
      good(sizes[i] >= 0 && strides[i] >= 0, "a size or a stride is negative");
      good(sizes[i] == 0 || count <= (int64_t{1} << 62) / sizes[i],
           "its sizes multiply to more than any file can hold");
      count *= sizes[i];
      last += static_cast<__int128>(sizes[i] - 1) * strides[i];
      // Each term is below 2^126: eight of them could overflow, one that is beyond the storage decides at once.
      good(sizes[i] == 0 || last < (__int128{1} << 100), "its strides lead out of the file");
    }
    StoredTensor tensor{.name = name, .type = type, .shape = Shape(sizes), .bytes = {}};
    if (count == 0) return tensor;
    good(last < held, "its elements lie beyond its storage");
    if (in_order(sizes, strides))
      tensor.bytes = bytes.subspan(static_cast<size_t>(offset * width), static_cast<size_t>(count * width));
    else
      tensor.bytes = copied(name, bytes, offset, sizes, strides, count, width);
    return tensor;
  }

  StoredType type_of(const std::string& name, const TorchStorage& storage, std::span<const PickleValue> parts) const {
    const auto storage_type = storage.type;
    if (parts.size() < 5) {
      require(storage_type.has_value(), ErrorKind::bad_file, "{}: {}: nothing says of which type it is", where_,
              printable(name));
      return *storage_type;
    }
    for (const StorageType& known : kTypes)
      if (pickle_.is_name(parts[4], "torch", known.name)) return known.type;
    refuse(name, parts[4]);
  }

  static bool in_order(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
    int64_t expected = 1;
    for (size_t i = sizes.size(); i-- > 0;) {
      if (sizes[i] != 1 && strides[i] != expected) return false;
      expected *= sizes[i];
    }
    return true;
  }

  /// The elements of a view, in order. Every place has been checked to lie in the storage.
  std::span<const std::byte> copied(const std::string& name, std::span<const std::byte> bytes, int64_t offset,
                                    const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
                                    int64_t count, int64_t width) {
    require(static_cast<uint64_t>(count) <= left_to_copy_ / static_cast<uint64_t>(width), ErrorKind::bad_file,
            "{}: {}: its {} elements repeat those of a smaller storage", where_, printable(name), count);
    left_to_copy_ -= static_cast<size_t>(count * width);
    std::vector<std::byte> values(static_cast<size_t>(count * width));
    std::vector<int64_t> index(sizes.size(), 0);
    int64_t place = offset;
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(&values[static_cast<size_t>(i * width)], &bytes[static_cast<size_t>(place * width)],
                  static_cast<size_t>(width));
      for (size_t axis = sizes.size(); axis-- > 0;) {
        place += strides[axis];
        if (++index[axis] < sizes[axis]) break;
        place -= strides[axis] * sizes[axis];
        index[axis] = 0;
      }
    }
    buffers_->push_back(std::move(values));
    return buffers_->back();
  }

  const Pickle& pickle_;
  const FindStorage& find_;
  size_t left_to_copy_;
  std::string where_;
  TensorFileContent content_;
  std::shared_ptr<Buffers> buffers_ = std::make_shared<Buffers>();
  std::unordered_map<std::string, size_t> by_name_;
  size_t visits_ = 0;
};

}  // namespace

TorchStorage torch_storage(const Pickle& pickle, PickleValue value, std::string_view where) {
  const auto parts = pickle.parts(value);
  TorchStorage storage{.type = {}, .key = pickle.text(parts[1]), .count = pickle.integer(parts[3])};
  require(storage.count >= 0, ErrorKind::bad_file, "{}: storage {} would have {} elements", where,
          printable(storage.key), storage.count);
  if (pickle.is_name(parts[0], "torch.storage", "UntypedStorage") ||
      pickle.is_name(parts[0], "torch", "UntypedStorage"))
    return storage;
  for (const StorageType& known : kStorages)
    if (pickle.is_name(parts[0], "torch", known.name)) {
      storage.type = known.type;
      return storage;
    }
  fail(ErrorKind::bad_file, "{}: storage {} is of the type {}, which is none of PyTorch's that weights have", where,
       printable(storage.key), printable(pickle.full_name(parts[0])));
}

TensorFileContent torch_weights(const Pickle& pickle, const FindStorage& find, size_t most_copied,
                                std::string_view where) {
  return Collector(pickle, find, most_copied, where).collect();
}

}  // namespace calotype
