#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// The lines that a wildcard stands for; `name` is what stands between the underscores, `*` in it for any part of a
/// name. At least one. Throws `bad_input` where there is none.
using WildcardLines = std::function<const std::vector<std::string>&(const std::string& name)>;

/// Writes a template out: __name__ becomes one of the lines of a wildcard, {a|b} one of the choices, {3::a|b} the first
/// of them three times as often, {2$$a|b|c} two of them with ", " between, {1-3$$ and $$a|b|c} one to three with " and
/// " between; {2$$__name__} takes two lines. Choices may hold templates again. A backslash makes the next brace, bar or
/// underscore a character. What is chosen depends on the seed and the place in the text alone. Throws `bad_input` for
/// more than 16 levels, more than 64 KiB, or what `lines` throws.
std::string write_out(std::string_view prompt, uint64_t seed, const WildcardLines& lines);

/// Whether `write_out` would change anything.
bool is_template(std::string_view prompt);

}  // namespace calotype
