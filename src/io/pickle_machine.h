#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/byte_reader.h"
#include "io/pickle.h"

namespace calotype {

/// Goes through the opcodes of a pickle and fills the graph: a stack, marks on it, and a memo. It knows no recursion,
/// so depth costs nothing, and every length is checked against the bytes that are there.
class PickleMachine {
 public:
  PickleMachine(Pickle& pickle, std::span<const std::byte> bytes, std::string_view where);

  /// Up to STOP. How many bytes were read.
  size_t run();

 private:
  using Kind = PickleKind;
  using Value = PickleValue;
  using Node = Pickle::Node;

  void step(uint8_t opcode);
  bool step_text(uint8_t opcode);
  bool step_number(uint8_t opcode);
  bool step_container(uint8_t opcode);
  bool step_memo(uint8_t opcode);
  bool step_call(uint8_t opcode);

  Value add(Node node);
  Value add_parts(Kind kind, std::vector<Value> parts);
  Value add_text(Kind kind, std::string_view text);
  Value add_name(Value module, Value name);
  /// What comes of calling something with a tuple.
  Value called(Value callee, Value arguments);
  Value opaque(Value callee, std::vector<Value> parts);
  /// The name to blame for a value: its own, or that of the call it came from, one behind its number; 0: none.
  uint32_t culprit(Value value) const;
  uint32_t culprit_among(std::span<const Value> values) const;
  bool builds_tensor(std::span<const Value> arguments, bool newest) const;
  Value persistent(Value id);

  void push(Value value);
  void push_number(int64_t number);
  void push_truth(bool truth);
  void push_long(std::span<const std::byte> bytes);
  Value pop();
  Value top() const;
  std::vector<Value> pop_to_mark();
  void put(uint64_t slot, Value value);
  void get(uint64_t slot);
  std::vector<Value>& parts_of(Value value) { return pickle_.lists_[pickle_.nodes_[value].list]; }
  void append(Value list, std::span<const Value> items);
  void set_items(Value dictionary, std::span<const Value> items);
  void build(Value object, Value state);
  bool is(Value value, Kind kind) const { return pickle_.kind(value) == kind; }
  template <class... Args>
  [[noreturn]] void damaged(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::bad_file, "{}: the pickle is damaged at its byte {}: {}", where_, at_,
         fmt::format(format, std::forward<Args>(args)...));
  }

  Pickle& pickle_;
  std::string where_;
  ByteReader reader_;
  size_t at_ = 0;  // of the opcode
  bool stopped_ = false;
  std::vector<Value> stack_, memo_;
  std::vector<size_t> marks_;  // heights of the stack
};

}  // namespace calotype
