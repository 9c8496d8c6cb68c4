#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace calotype::testing {

/// How the program is started.
struct Start {
  std::vector<std::string> arguments;
  std::string input = {};        // of stdin
  std::string output_file = {};  // stdout goes there instead
  std::map<std::string, std::string> variables = {};
  bool closed_streams = false;  // stdin, stdout and stderr are closed, as a careless daemon leaves them
  long file_limit = -1;         // bytes a file may have; -1: any
};

struct Finished {
  int code = -1;  // exit status; 128 + n where signal n ended it
  std::string output, errors;
};

/// The program `calotype` running; waits for it at the latest in the destructor.
class Process {
 public:
  explicit Process(const Start& start);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  void send(int signal) const;
  /// Waits until stderr holds `text`; false where the program ended, or 20 s passed, without it.
  bool wait_for(const std::string& text);
  Finished finish();

 private:
  pid_t pid_;
  bool done_ = false;
  int errors_;
  std::string errors_so_far_, output_name_;
};

Finished run_program(const Start& start);

}  // namespace calotype::testing
