#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "io/printable.h"

namespace calotype::cli {

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)  // it is now the lowest free number, which open takes
      open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void print_result(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    require(written >= 0, ErrorKind::cannot_write, "standard output: cannot be written: {}", std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void print_result(std::string_view text) {
  print_result(std::as_bytes(std::span(text.data(), text.size())));
}

void print_note(std::string_view line) {
  const std::string safe = printable(line, 4000) + '\n';
  std::fwrite(safe.data(), 1, safe.size(), stderr);
}

}  // namespace calotype::cli
