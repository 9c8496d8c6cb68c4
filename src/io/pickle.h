#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// What a value of a pickle is. `name` is a class or function that the pickle names; `opaque` is whatever came of
/// calling one that is not known here, or of calling a known one with what it does not take.
enum class PickleKind : uint8_t {
  none,
  boolean,
  integer,
  long_integer,  // of more than 64 bits
  real,
  text,
  bytes,
  tuple,
  list,
  dictionary,
  set,
  name,
  opaque,
  storage,  // of PyTorch: parts are its type (a name), key, place and count
  tensor,   // parts are the storage, offset, sizes, strides and, from a newer constructor, the type (a name)
};

/// A value by its number. Values may be parts of several others, and of themselves.
using PickleValue = uint32_t;

/// The object that a pickle describes, as data: a graph of values. Nothing is ever called or looked up. The
/// constructors of OrderedDict, torch.Size, tensors, parameters and storages are understood, all other names stay what
/// they are. Texts point into the pickle.
class Pickle {
 public:
  /// Reads the opcodes of protocols 0 to 5 up to STOP; `read_bytes`, where given, is how many that took. At most 64
  /// MiB, 8 million steps and values. Throws `bad_file` for what Python would not read either, `unsupported` for what
  /// lies outside the pickle.
  Pickle(std::span<const std::byte> bytes, std::string_view where, size_t* read_bytes = nullptr);

  PickleValue root() const { return root_; }
  PickleKind kind(PickleValue value) const { return nodes_[value].kind; }
  /// Of a text or bytes, and of a long integer.
  std::string_view text(PickleValue value) const;
  /// Of an integer or a boolean.
  int64_t integer(PickleValue value) const { return nodes_[value].integer; }
  double real(PickleValue value) const { return nodes_[value].real; }
  /// "module.name".
  std::string full_name(PickleValue value) const;
  bool is_name(PickleValue value, std::string_view module, std::string_view name) const;
  /// Of a container; a dictionary's are keys and values in turn. Of an opaque value: what was called, with what, and
  /// what was put into it.
  std::span<const PickleValue> parts(PickleValue value) const;
  /// A dictionary's value under a text; the last of several.
  std::optional<PickleValue> find(PickleValue dictionary, std::string_view key) const;
  /// What is wrong with a value that is opaque, or a name: "a call of os.system".
  std::string describe(PickleValue value) const;
  /// All storages that were named, in order.
  const std::vector<PickleValue>& storages() const { return storages_; }
  /// Whether anything opaque, or a name, was met at all; and the first.
  std::optional<PickleValue> first_foreign() const { return first_foreign_; }

 private:
  friend class PickleMachine;
  struct Node {
    PickleKind kind = PickleKind::none;
    uint32_t length = 0;  // of a text; of an opaque value: the name that was called, one behind its number
    union {
      int64_t integer = 0;
      double real;
      const char* text;
      uint32_t list;  // which of the lists of parts
    };
  };

  std::vector<Node> nodes_;
  std::vector<std::vector<PickleValue>> lists_;
  std::vector<PickleValue> storages_;
  std::optional<PickleValue> first_foreign_;
  PickleValue root_ = 0;
};

}  // namespace calotype
