#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace calotype::cli {

/// Gives the program its three streams where whoever started it closed some: else the next file opened would be one of
/// them, and notes would be written into a picture. What has nowhere to go still fails.
void open_standard_streams();

/// Results go to stdout, whole and at once. Throws `cannot_write`.
void print_result(std::string_view text);
void print_result(std::span<const std::byte> bytes);

/// One line to stderr, control characters apart.
void print_note(std::string_view line);

}  // namespace calotype::cli
