#include "base/error.h"

namespace calotype {

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_input:
      return "bad_input";
    case ErrorKind::bad_file:
      return "bad_file";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::no_network:
      return "no_network";
    case ErrorKind::out_of_memory:
      return "out_of_memory";
    case ErrorKind::cannot_write:
      return "cannot_write";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace calotype
