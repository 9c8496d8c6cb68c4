#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>

#include "base/error.h"
#include "base/output_file.h"

namespace calotype::cli {
namespace {

volatile std::sig_atomic_t caught = 0;

extern "C" void on_signal(int signal) {
  if (caught != 0) {
    remove_unfinished_outputs();
    _exit(128 + signal);
  }
  caught = signal;
  constexpr char kNote[] = "\nstopping after this step; once more to stop at once\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kNote, sizeof kNote - 1);
}

}  // namespace

void catch_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before{};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup's wish
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
  sigaction(SIGXFSZ, &action, nullptr);
}

bool interrupted() {
  return caught != 0;
}

int interrupted_exit_code() {
  return 128 + static_cast<int>(caught);
}

void stop_if_interrupted() {
  require(!interrupted(), ErrorKind::cancelled, "interrupted");
}

}  // namespace calotype::cli
