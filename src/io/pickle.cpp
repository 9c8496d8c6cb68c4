#include "io/pickle.h"

#include <fmt/format.h>

#include "io/pickle_machine.h"
#include "io/printable.h"

namespace calotype {

Pickle::Pickle(std::span<const std::byte> bytes, std::string_view where, size_t* read_bytes) {
  PickleMachine machine(*this, bytes, where);
  const size_t read = machine.run();
  if (read_bytes) *read_bytes = read;
}

std::string_view Pickle::text(PickleValue value) const {
  const Node& node = nodes_[value];
  const bool has_text =
      node.kind == PickleKind::text || node.kind == PickleKind::bytes || node.kind == PickleKind::long_integer;
  return has_text ? std::string_view(node.text, node.length) : std::string_view();
}

std::span<const PickleValue> Pickle::parts(PickleValue value) const {
  switch (kind(value)) {
    case PickleKind::tuple:
    case PickleKind::list:
    case PickleKind::dictionary:
    case PickleKind::set:
    case PickleKind::name:
    case PickleKind::opaque:
    case PickleKind::storage:
    case PickleKind::tensor:
      return lists_[nodes_[value].list];
    default:
      return {};
  }
}

std::string Pickle::full_name(PickleValue value) const {
  if (kind(value) != PickleKind::name) return {};
  return fmt::format("{}.{}", text(parts(value)[0]), text(parts(value)[1]));
}

bool Pickle::is_name(PickleValue value, std::string_view module, std::string_view name) const {
  return kind(value) == PickleKind::name && text(parts(value)[0]) == module && text(parts(value)[1]) == name;
}

std::optional<PickleValue> Pickle::find(PickleValue dictionary, std::string_view key) const {
  const auto items = parts(dictionary);
  if (kind(dictionary) != PickleKind::dictionary) return std::nullopt;
  for (size_t i = items.size(); i >= 2; i -= 2)
    if (kind(items[i - 2]) == PickleKind::text && text(items[i - 2]) == key) return items[i - 1];
  return std::nullopt;
}

std::string Pickle::describe(PickleValue value) const {
  switch (kind(value)) {
    case PickleKind::name:
      return fmt::format("the name {}", printable(full_name(value)));
    case PickleKind::opaque:
      if (const uint32_t called = nodes_[value].length)
        return fmt::format("a call of {}", printable(full_name(called - 1)));
      return "something that is not put together as it must be";
    case PickleKind::none:
      return "None";
    case PickleKind::boolean:
      return "a truth value";
    case PickleKind::integer:
    case PickleKind::long_integer:
    case PickleKind::real:
      return "a number";
    case PickleKind::text:
    case PickleKind::bytes:
      return "a text";
    case PickleKind::tuple:
    case PickleKind::list:
    case PickleKind::set:
      return "a list";
    case PickleKind::dictionary:
      return "a dictionary";
    case PickleKind::storage:
      return "a tensor's storage";
    case PickleKind::tensor:
      return "a tensor";
  }
  return "?";
}

}  // namespace calotype
