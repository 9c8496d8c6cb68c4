#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace calotype {

/// What kind of thing went wrong. The command line turns it into an exit code, a server into a status.
enum class ErrorKind { bad_input, bad_file, unsupported, no_network, out_of_memory, cannot_write, cancelled, internal };

/// The one exception type. The message says where, what was expected, what was found and what to do, in one line.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

const char* name_of(ErrorKind kind);

template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws `kind` unless the condition holds: for what comes from a user or a file.
template <class... Args>
void require(bool condition, ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(kind, format, std::forward<Args>(args)...);
}

/// Throws `internal` unless the condition holds: for what one part of the program owes another.
template <class... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(ErrorKind::internal, format, std::forward<Args>(args)...);
}

}  // namespace calotype
