#pragma once

#include "base/error.h"

namespace calotype::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailed = 1;         // an unexpected error
inline constexpr int kUsage = 2;          // unknown command, option or name; a value out of range
inline constexpr int kBadSource = 3;      // an input is missing, unreadable, damaged or of the wrong kind
inline constexpr int kNetwork = 4;        // a download failed
inline constexpr int kNoMemory = 5;       // not enough memory, or a limit was exceeded
inline constexpr int kNotWritten = 7;     // an output could not be written
inline constexpr int kInterrupted = 130;  // by SIGINT; by SIGTERM 143

inline int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_input:
      return kUsage;
    case ErrorKind::bad_file:
    case ErrorKind::unsupported:
      return kBadSource;
    case ErrorKind::no_network:
      return kNetwork;
    case ErrorKind::out_of_memory:
      return kNoMemory;
    case ErrorKind::cannot_write:
      return kNotWritten;
    case ErrorKind::cancelled:
      return kInterrupted;
    case ErrorKind::internal:
      return kFailed;
  }
  return kFailed;
}

}  // namespace calotype::cli
