#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace calotype::cli {

/// Results go to stdout, whole and at once. Throws `cannot_write`.
void print_result(std::string_view text);
void print_result(std::span<const std::byte> bytes);

/// One line to stderr, control characters apart.
void print_note(std::string_view line);

}  // namespace calotype::cli
