#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "io/printable.h"
#include "pipeline/field.h"

namespace calotype {

/// "a, b, c", and the nearest one first where the word is nearly one of them.
inline std::string offered(const std::string& word, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  const std::vector<std::string> near = nearest(word, names, 1);
  return near.empty() ? "there are " + text : "did you mean " + near[0] + "? There are " + text;
}

/// The value of a name, by `from`; the name becomes ours.
template <class From>
auto named(const char* field, std::string& name, From from, const std::vector<std::string>& names) {
  const auto value = from(name);
  require(value.has_value(), ErrorKind::bad_input, "{}: there is none named '{}'; {}", field, printable(name, 40),
          offered(name, names));
  name = name_of(*value);
  return *value;
}

}  // namespace calotype
