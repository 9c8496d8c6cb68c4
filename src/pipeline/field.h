#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace calotype {

/// A number that may be left open.
template <class T>
inline constexpr bool kIsOpenNumber =
    std::is_same_v<T, std::optional<int64_t>> || std::is_same_v<T, std::optional<double>>;

/// One thing a request may say. Help, documentation and the reading of text and JSON come from tables of these; the
/// value is the request's own member, which holds the default until it is set.
struct Field {
  using Value = std::variant<std::string*, bool*, int64_t*, double*, std::optional<int64_t>*, std::optional<double>*,
                             std::vector<double>*, std::vector<std::string>*>;

  std::string name;     ///< as messages and JSON have it: "cfg_scale"
  std::string options;  ///< as the command line has it, ours first: "--cfg-scale,--scale"
  std::string help;
  Value value;
  double low = 0, high = 0;               ///< of numbers: both allowed
  std::string unset = {};                 ///< what help says of a default that depends on the model
  std::vector<std::string> choices = {};  ///< ours, for help; other spellings may be understood too
};

/// Reads `text` into the field's member; to a list of texts it is added. Throws `bad_input`, naming the field, the text
/// and what is allowed.
void set(const Field& field, std::string_view text);

/// Throws `bad_input` unless the member is a number within the field's range; other kinds always pass.
void check_range(const Field& field);

/// The default as help shows it; empty where there is nothing to show.
std::string default_text(const Field& field);

/// By name or option, dashes and underscores alike, leading dashes apart; null where there is none.
const Field* find(const std::vector<Field>& fields, std::string_view name);

/// Of `words` the ones most like `word`, best first, at most `most`: for "did you mean".
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& words, size_t most = 3);

}  // namespace calotype
