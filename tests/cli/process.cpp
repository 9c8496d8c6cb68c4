#include "cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace calotype::testing {
namespace {

/// A file with this content, removed once it is open.
int file_with(const std::string& text) {
  char name[] = "/tmp/calotype-input-XXXXXX";
  const int descriptor = mkstemp(name);
  unlink(name);
  [[maybe_unused]] const ssize_t written = write(descriptor, text.data(), text.size());
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

[[noreturn]] void become(const Start& start, int input, int output, int errors) {
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  if (start.closed_streams)
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(stream);
  // Neither read nor fill what the user has.
  const auto folder = std::filesystem::temp_directory_path() / ("calotype-tests-" + std::to_string(getuid()));
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
  for (const auto& [name, value] : start.variables) setenv(name.c_str(), value.c_str(), 1);
  if (start.file_limit >= 0) {
    const rlimit limit{static_cast<rlim_t>(start.file_limit), static_cast<rlim_t>(start.file_limit)};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  std::vector<char*> arguments{const_cast<char*>(CALOTYPE_PROGRAM)};
  for (const std::string& argument : start.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execv(CALOTYPE_PROGRAM, arguments.data());
  _exit(127);
}

}  // namespace

Process::Process(const Start& start) {
  int pipe_ends[2];
  [[maybe_unused]] const int failed = pipe2(pipe_ends, O_CLOEXEC);
  errors_ = pipe_ends[0];
  const int input = file_with(start.input);
  int output = -1;
  if (start.output_file.empty()) {
    char name[] = "/tmp/calotype-output-XXXXXX";
    output = mkstemp(name);
    output_name_ = name;
  } else {
    output = open(start.output_file.c_str(), O_WRONLY | O_CREAT, 0666);
  }
  pid_ = fork();
  if (pid_ == 0) become(start, input, output, pipe_ends[1]);
  close(pipe_ends[1]);
  close(input);
  close(output);
}

Process::~Process() {
  if (!done_) {
    kill(pid_, SIGKILL);
    finish();
  }
  close(errors_);
}

void Process::send(int signal) const {
  kill(pid_, signal);
}

bool Process::wait_for(const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (errors_so_far_.find(text) == std::string::npos) {
    pollfd ready{errors_, POLLIN, 0};
    if (std::chrono::steady_clock::now() > end) return false;
    if (poll(&ready, 1, 100) <= 0) continue;
    char bytes[4096];
    const ssize_t count = read(errors_, bytes, sizeof bytes);
    if (count <= 0) return false;
    errors_so_far_.append(bytes, static_cast<size_t>(count));
  }
  return true;
}

Finished Process::finish() {
  char bytes[4096];
  for (ssize_t count; (count = read(errors_, bytes, sizeof bytes)) > 0;)
    errors_so_far_.append(bytes, static_cast<size_t>(count));
  int status = 0;
  waitpid(pid_, &status, 0);
  done_ = true;
  Finished finished;
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  finished.errors = errors_so_far_;
  if (!output_name_.empty()) {
    std::ifstream file(output_name_, std::ios::binary);
    finished.output.assign(std::istreambuf_iterator<char>(file), {});
    std::filesystem::remove(output_name_);
  }
  return finished;
}

Finished run_program(const Start& start) {
  return Process(start).finish();
}

}  // namespace calotype::testing
