#include "io/pickle_machine.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "io/printable.h"

namespace calotype {
namespace {

constexpr size_t kMostBytes = 64 << 20;
constexpr size_t kMostSteps = 8'000'000, kMostValues = 4'000'000, kMostLists = 1'000'000;
constexpr uint64_t kMostSlots = 4'000'000;
constexpr PickleValue kNothing = std::numeric_limits<PickleValue>::max();

struct Constructor {
  std::string_view module, name;
};
constexpr Constructor kConstructors[] = {
    {"collections", "OrderedDict"},         {"torch", "Size"},
    {"torch._utils", "_rebuild_tensor"},    {"torch._utils", "_rebuild_tensor_v2"},
    {"torch._utils", "_rebuild_tensor_v3"}, {"torch._utils", "_rebuild_parameter"}};

double big_endian_real(std::span<const std::byte> bytes) {
  uint64_t bits = 0;
  for (const std::byte byte : bytes) bits = bits << 8 | static_cast<uint8_t>(byte);
  return std::bit_cast<double>(bits);
}

}  // namespace

PickleMachine::PickleMachine(Pickle& pickle, std::span<const std::byte> bytes, std::string_view where)
    : pickle_(pickle), where_(where), reader_(bytes.first(std::min(bytes.size(), kMostBytes)), where, "the pickle") {}

size_t PickleMachine::run() {
  for (size_t steps = 0; !stopped_; ++steps) {
    require(steps < kMostSteps, ErrorKind::bad_file, "{}: the pickle has more than {} steps", where_, kMostSteps);
    at_ = reader_.position();
    step(reader_.number<uint8_t>());
  }
  return reader_.position();
}

void PickleMachine::step(uint8_t opcode) {
  if (step_number(opcode) || step_text(opcode) || step_container(opcode) || step_memo(opcode) || step_call(opcode))
    return;
  switch (opcode) {
    case 0x80: {  // PROTO
      const auto protocol = reader_.number<uint8_t>();
      require(protocol <= 5, ErrorKind::unsupported, "{}: a pickle of protocol {}; 0 to 5 are read", where_, protocol);
      return;
    }
    case 0x95:  // FRAME: lengths are checked as they come
      reader_.number<uint64_t>();
      return;
    case '(':
      marks_.push_back(stack_.size());
      return;
    case '0':
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return;
    case '1':
      pop_to_mark();
      return;
    case '2':
      return push(top());
    case '.':
      pickle_.root_ = pop();
      stopped_ = true;
      return;
    default:
      damaged("0x{:02x} is no opcode that weights need", opcode);
  }
}

bool PickleMachine::step_number(uint8_t opcode) {
  const auto decimal = [&](std::string_view line) {
    if (line.ends_with('L')) line.remove_suffix(1);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size()) damaged("a whole number is expected");
    push_number(value);
  };
  switch (opcode) {
    case 'N':
      return push(add(Node{})), true;
    case 0x88:
    case 0x89:
      return push_truth(opcode == 0x88), true;
    case 'J':
      return push_number(reader_.number<int32_t>()), true;
    case 'K':
      return push_number(reader_.number<uint8_t>()), true;
    case 'M':
      return push_number(reader_.number<uint16_t>()), true;
    case 'G': {
      Node node;
      node.kind = Kind::real;
      node.real = big_endian_real(reader_.take(8));
      return push(add(node)), true;
    }
    case 0x8a:  // LONG1
      return push_long(reader_.take(reader_.number<uint8_t>())), true;
    case 0x8b: {  // LONG4
      const auto length = reader_.number<int32_t>();
      if (length < 0) damaged("a length of {}", length);
      return push_long(reader_.take(static_cast<uint64_t>(length))), true;
    }
    case 'I': {
      const std::string_view line = reader_.line();
      if (line == "00" || line == "01") return push_truth(line == "01"), true;
      return decimal(line), true;
    }
    case 'L':
      return decimal(reader_.line()), true;
    case 'F': {
      const std::string_view line = reader_.line();
      Node node;
      node.kind = Kind::real;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), node.real);
      if (error == std::errc::invalid_argument) damaged("a number is expected");
      return push(add(node)), true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_text(uint8_t opcode) {
  const auto signed_length = [&] {
    const auto length = reader_.number<int32_t>();
    if (length < 0) damaged("a text of {} bytes", length);
    return static_cast<uint64_t>(length);
  };
  switch (opcode) {
    case 'X':
      return push(add_text(Kind::text, reader_.text(reader_.number<uint32_t>()))), true;
    case 0x8c:
      return push(add_text(Kind::text, reader_.text(reader_.number<uint8_t>()))), true;
    case 0x8d:
      return push(add_text(Kind::text, reader_.text(reader_.number<uint64_t>()))), true;
    case 'U':  // texts of Python 2
      return push(add_text(Kind::text, reader_.text(reader_.number<uint8_t>()))), true;
    case 'T':
      return push(add_text(Kind::text, reader_.text(signed_length()))), true;
    case 'C':
      return push(add_text(Kind::bytes, reader_.text(reader_.number<uint8_t>()))), true;
    case 'B':
      return push(add_text(Kind::bytes, reader_.text(reader_.number<uint32_t>()))), true;
    case 0x8e:
    case 0x96:  // BINBYTES8, BYTEARRAY8
      return push(add_text(Kind::bytes, reader_.text(reader_.number<uint64_t>()))), true;
    case 'V':
      return push(add_text(Kind::text, reader_.line())), true;
    case 'S': {
      std::string_view line = reader_.line();
      const bool quoted = line.size() >= 2 && line.front() == line.back() && (line[0] == '\'' || line[0] == '"');
      if (!quoted) damaged("a quoted text is expected");
      return push(add_text(Kind::text, line.substr(1, line.size() - 2))), true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_container(uint8_t opcode) {
  switch (opcode) {
    case ')':
      return push(add_parts(Kind::tuple, {})), true;
    case ']':
      return push(add_parts(Kind::list, {})), true;
    case '}':
      return push(add_parts(Kind::dictionary, {})), true;
    case 0x8f:
      return push(add_parts(Kind::set, {})), true;
    case 't':
      return push(add_parts(Kind::tuple, pop_to_mark())), true;
    case 'l':
      return push(add_parts(Kind::list, pop_to_mark())), true;
    case 0x91:  // FROZENSET
      return push(add_parts(Kind::set, pop_to_mark())), true;
    case 'd': {
      const std::vector<Value> items = pop_to_mark();
      const Value dictionary = add_parts(Kind::dictionary, {});
      set_items(dictionary, items);
      return push(dictionary), true;
    }
    case 0x85:
    case 0x86:
    case 0x87: {
      std::vector<Value> parts(opcode - 0x84);
      for (size_t i = parts.size(); i-- > 0;) parts[i] = pop();
      return push(add_parts(Kind::tuple, std::move(parts))), true;
    }
    case 'a': {
      const Value item = pop();
      return append(top(), {&item, 1}), true;
    }
    case 'e':
    case 0x90: {  // APPENDS, ADDITEMS
      const std::vector<Value> items = pop_to_mark();
      return append(top(), items), true;
    }
    case 's': {
      const Value value = pop(), key = pop();
      const Value item[] = {key, value};
      return set_items(top(), item), true;
    }
    case 'u': {
      const std::vector<Value> items = pop_to_mark();
      return set_items(top(), items), true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_memo(uint8_t opcode) {
  const auto slot = [&] {
    const std::string_view line = reader_.line();
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size()) damaged("a slot of the memo is expected");
    return value;
  };
  switch (opcode) {
    case 'q':
      return put(reader_.number<uint8_t>(), top()), true;
    case 'r':
      return put(reader_.number<uint32_t>(), top()), true;
    case 'p':
      return put(slot(), top()), true;
    case 0x94:  // MEMOIZE
      return put(memo_.size(), top()), true;
    case 'h':
      return get(reader_.number<uint8_t>()), true;
    case 'j':
      return get(reader_.number<uint32_t>()), true;
    case 'g':
      return get(slot()), true;
    default:
      return false;
  }
}

bool PickleMachine::step_call(uint8_t opcode) {
  switch (opcode) {
    case 'c': {
      const std::string_view module = reader_.line(), name = reader_.line();
      const Value first = add_text(Kind::text, module);
      return push(add_name(first, add_text(Kind::text, name))), true;
    }
    case 0x93: {  // STACK_GLOBAL
      const Value name = pop(), module = pop();
      if (!is(name, Kind::text) || !is(module, Kind::text)) damaged("a name that is no text");
      return push(add_name(module, name)), true;
    }
    case 'R':
    case 0x81: {  // REDUCE, NEWOBJ
      const Value arguments = pop(), callee = pop();
      return push(called(callee, arguments)), true;
    }
    case 0x92: {  // NEWOBJ_EX
      const Value named = pop(), arguments = pop(), callee = pop();
      if (is(named, Kind::dictionary) && pickle_.parts(named).empty()) return push(called(callee, arguments)), true;
      return push(opaque(callee, {callee, arguments, named})), true;
    }
    case 'i': {  // INST
      const std::string_view module = reader_.line(), name = reader_.line();
      const Value first = add_text(Kind::text, module);
      const Value callee = add_name(first, add_text(Kind::text, name));
      return push(called(callee, add_parts(Kind::tuple, pop_to_mark()))), true;
    }
    case 'o': {  // OBJ
      std::vector<Value> parts = pop_to_mark();
      if (parts.empty()) damaged("a call of nothing");
      const Value callee = parts.front();
      parts.erase(parts.begin());
      return push(called(callee, add_parts(Kind::tuple, std::move(parts)))), true;
    }
    case 'b': {
      const Value state = pop();
      return build(top(), state), true;
    }
    case 'Q':
      return push(persistent(pop())), true;
    default:
      return false;
  }
}

PickleValue PickleMachine::add(Node node) {
  require(pickle_.nodes_.size() < kMostValues, ErrorKind::bad_file, "{}: the pickle has more than {} values", where_,
          kMostValues);
  const auto value = static_cast<Value>(pickle_.nodes_.size());
  pickle_.nodes_.push_back(node);
  if ((node.kind == Kind::name || node.kind == Kind::opaque) && !pickle_.first_foreign_) pickle_.first_foreign_ = value;
  return value;
}

PickleValue PickleMachine::add_parts(Kind kind, std::vector<Value> parts) {
  require(pickle_.lists_.size() < kMostLists, ErrorKind::bad_file, "{}: the pickle has more than {} lists", where_,
          kMostLists);
  Node node;
  node.kind = kind;
  node.list = static_cast<uint32_t>(pickle_.lists_.size());
  pickle_.lists_.push_back(std::move(parts));
  return add(node);
}

PickleValue PickleMachine::add_text(Kind kind, std::string_view text) {
  Node node;
  node.kind = kind;
  node.length = static_cast<uint32_t>(text.size());
  node.text = text.data();
  return add(node);
}

PickleValue PickleMachine::add_name(Value module, Value name) {
  return add_parts(Kind::name, {module, name});
}

uint32_t PickleMachine::culprit(Value value) const {
  if (is(value, Kind::name)) return value + 1;
  return is(value, Kind::opaque) ? pickle_.nodes_[value].length : 0;
}

uint32_t PickleMachine::culprit_among(std::span<const Value> values) const {
  for (const Value value : values)
    if (is(value, Kind::opaque) && culprit(value)) return culprit(value);
  for (const Value value : values)
    if (is(value, Kind::name)) return culprit(value);
  return 0;
}

PickleValue PickleMachine::opaque(Value callee, std::vector<Value> parts) {
  // A known constructor is not to blame for what it was given.
  uint32_t blamed = culprit_among(parts);
  if (is(callee, Kind::opaque)) blamed = culprit(callee);
  if (is(callee, Kind::name)) {
    const bool known = std::ranges::any_of(
        kConstructors, [&](const Constructor& one) { return pickle_.is_name(callee, one.module, one.name); });
    if (!known)
      blamed = culprit(callee);
    else if (blamed == culprit(callee))
      blamed = culprit_among(std::span(parts).subspan(1));
  }
  const Value value = add_parts(Kind::opaque, std::move(parts));
  pickle_.nodes_[value].length = blamed;
  return value;
}

bool PickleMachine::builds_tensor(std::span<const Value> arguments, bool newest) const {
  const auto whole_numbers = [&](Value value) {
    return is(value, Kind::tuple) &&
           std::ranges::all_of(pickle_.parts(value), [&](Value part) { return is(part, Kind::integer); });
  };
  const auto no_hooks = [&](Value value) {
    return is(value, Kind::none) || (is(value, Kind::dictionary) && pickle_.parts(value).empty());
  };
  const bool begins = arguments.size() >= 4 && is(arguments[0], Kind::storage) && is(arguments[1], Kind::integer) &&
                      whole_numbers(arguments[2]) && whole_numbers(arguments[3]);
  if (!begins || arguments.size() == 4) return begins && !newest;
  if (arguments.size() < 6 || !is(arguments[4], Kind::boolean) || !no_hooks(arguments[5])) return false;
  const auto rest = arguments.subspan(6);
  const auto plain = [&](Value value) { return is(value, Kind::none) || is(value, Kind::dictionary); };
  if (!newest) return rest.empty() || (rest.size() == 1 && plain(rest[0]));
  return !rest.empty() && is(rest[0], Kind::name) && (rest.size() == 1 || (rest.size() == 2 && plain(rest[1])));
}

PickleValue PickleMachine::called(Value callee, Value arguments) {
  if (!is(arguments, Kind::tuple)) return opaque(callee, {callee, arguments});
  const std::span<const Value> given = pickle_.parts(arguments);
  const auto is_named = [&](std::string_view module, std::string_view name) {
    return pickle_.is_name(callee, module, name);
  };
  if (is_named("torch._utils", "_rebuild_tensor_v2") || is_named("torch._utils", "_rebuild_tensor") ||
      is_named("torch._utils", "_rebuild_tensor_v3")) {
    const bool newest = is_named("torch._utils", "_rebuild_tensor_v3");
    if (builds_tensor(given, newest)) {
      std::vector<Value> parts(given.begin(), given.begin() + 4);
      if (newest) parts.push_back(given[6]);
      return add_parts(Kind::tensor, std::move(parts));
    }
  } else if (is_named("torch._utils", "_rebuild_parameter")) {
    const bool good = given.size() == 3 && is(given[0], Kind::tensor) && is(given[1], Kind::boolean) &&
                      (is(given[2], Kind::none) || is(given[2], Kind::dictionary));
    if (good) return given[0];
  } else if (is_named("collections", "OrderedDict")) {
    if (given.empty()) return add_parts(Kind::dictionary, {});
    const bool pairs = given.size() == 1 && (is(given[0], Kind::list) || is(given[0], Kind::tuple)) &&
                       std::ranges::all_of(pickle_.parts(given[0]), [&](Value pair) {
                         return (is(pair, Kind::list) || is(pair, Kind::tuple)) && pickle_.parts(pair).size() == 2;
                       });
    if (pairs) {
      std::vector<Value> items;
      for (const Value pair : pickle_.parts(given[0]))
        items.insert(items.end(), pickle_.parts(pair).begin(), pickle_.parts(pair).end());
      return add_parts(Kind::dictionary, std::move(items));
    }
  } else if (is_named("torch", "Size")) {
    if (given.size() == 1 && (is(given[0], Kind::tuple) || is(given[0], Kind::list))) {
      const auto sizes = pickle_.parts(given[0]);
      return add_parts(Kind::tuple, std::vector<Value>(sizes.begin(), sizes.end()));
    }
  }
  std::vector<Value> parts = {callee};
  parts.insert(parts.end(), given.begin(), given.end());
  return opaque(callee, std::move(parts));
}

// ("storage", its type, its key, where it was, how many elements[, of a view: nothing])
PickleValue PickleMachine::persistent(Value id) {
  const std::span<const Value> parts = pickle_.parts(id);
  const bool good = is(id, Kind::tuple) && (parts.size() == 5 || (parts.size() == 6 && is(parts[5], Kind::none))) &&
                    is(parts[0], Kind::text) && pickle_.text(parts[0]) == "storage" && is(parts[1], Kind::name) &&
                    is(parts[2], Kind::text) && is(parts[3], Kind::text) && is(parts[4], Kind::integer);
  if (!good) {
    std::vector<Value> kept(parts.begin(), parts.end());
    const uint32_t blamed = culprit_among(kept);
    const Value value = add_parts(Kind::opaque, std::move(kept));
    pickle_.nodes_[value].length = blamed;
    return value;
  }
  const Value storage = add_parts(Kind::storage, std::vector<Value>(parts.begin() + 1, parts.begin() + 5));
  pickle_.storages_.push_back(storage);
  return storage;
}

void PickleMachine::push(Value value) {
  stack_.push_back(value);
}

void PickleMachine::push_number(int64_t number) {
  Node node;
  node.kind = Kind::integer;
  node.integer = number;
  push(add(node));
}

void PickleMachine::push_truth(bool truth) {
  Node node;
  node.kind = Kind::boolean;
  node.integer = truth;
  push(add(node));
}

void PickleMachine::push_long(std::span<const std::byte> bytes) {
  if (bytes.size() > 8)
    return push(add_text(Kind::long_integer, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  uint64_t value = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80) ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  push_number(static_cast<int64_t>(value));
}

PickleValue PickleMachine::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("nothing is left on the stack");
  const Value value = stack_.back();
  stack_.pop_back();
  return value;
}

PickleValue PickleMachine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("nothing is left on the stack");
  return stack_.back();
}

std::vector<PickleValue> PickleMachine::pop_to_mark() {
  if (marks_.empty()) damaged("a mark is missing");
  const size_t height = marks_.back();
  marks_.pop_back();
  std::vector<Value> values(stack_.begin() + static_cast<std::ptrdiff_t>(height), stack_.end());
  stack_.resize(height);
  return values;
}

void PickleMachine::put(uint64_t slot, Value value) {
  if (slot >= kMostSlots) damaged("slot {} of the memo", slot);
  if (slot >= memo_.size()) memo_.resize(slot + 1, kNothing);
  memo_[slot] = value;
}

void PickleMachine::get(uint64_t slot) {
  if (slot >= memo_.size() || memo_[slot] == kNothing) damaged("slot {} of the memo is empty", slot);
  push(memo_[slot]);
}

void PickleMachine::append(Value list, std::span<const Value> items) {
  if (!is(list, Kind::list) && !is(list, Kind::set) && !is(list, Kind::opaque))
    damaged("{} cannot be appended to", pickle_.describe(list));
  std::vector<Value>& parts = parts_of(list);
  parts.insert(parts.end(), items.begin(), items.end());
}

void PickleMachine::set_items(Value dictionary, std::span<const Value> items) {
  if (items.size() % 2 != 0) damaged("a key without a value");
  if (!is(dictionary, Kind::dictionary) && !is(dictionary, Kind::opaque))
    damaged("{} has no keys", pickle_.describe(dictionary));
  std::vector<Value>& parts = parts_of(dictionary);
  parts.insert(parts.end(), items.begin(), items.end());
}

void PickleMachine::build(Value object, Value state) {
  if (is(object, Kind::opaque)) return parts_of(object).push_back(state);
  if (is(object, Kind::dictionary)) return;  // what torch attaches to a dictionary of weights
  if (!is(object, Kind::tensor)) damaged("{} takes no state", pickle_.describe(object));
  // Nothing that PyTorch writes; what would become of the tensor is not known.
  pickle_.nodes_[object].kind = Kind::opaque;
  pickle_.nodes_[object].length = culprit(state);
  parts_of(object).push_back(state);
}

}  // namespace calotype
