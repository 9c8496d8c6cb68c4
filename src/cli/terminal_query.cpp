// Which pictures the terminal can show.

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "cli/display.h"
#include "cli/terminal_picture.h"

namespace calotype::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The terminal without line editing and echo while it lives.
class RawTerminal {
 public:
  RawTerminal() : descriptor_(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (descriptor_ < 0 || tcgetattr(descriptor_, &before_) != 0) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw_ = tcsetattr(descriptor_, TCSANOW, &raw) == 0;
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (raw_) tcsetattr(descriptor_, TCSANOW, &before_);
    if (descriptor_ >= 0) close(descriptor_);
  }

  /// What comes back up to the end of an answer about the terminal's attributes, within 200 ms.
  std::string ask(std::string_view question) const {
    std::string answer;
    if (!raw_ || write(descriptor_, question.data(), question.size()) != static_cast<ssize_t>(question.size()))
      return answer;
    for (int waits = 0; waits < 4; ++waits) {
      pollfd ready{descriptor_, POLLIN, 0};
      if (poll(&ready, 1, 50) <= 0) continue;
      char bytes[256];
      const ssize_t count = read(descriptor_, bytes, sizeof bytes);
      if (count <= 0) break;
      answer.append(bytes, static_cast<size_t>(count));
      if (const size_t start = answer.find("\x1b[?");
          start != std::string::npos && answer.find('c', start) < answer.size())
        break;
    }
    return answer;
  }

 private:
  int descriptor_;
  bool raw_ = false;
  termios before_{};
};

}  // namespace

PictureProtocol terminal_pictures() {
  if (!stderr_is_terminal()) return PictureProtocol::none;
  const bool multiplexed = !environment("TMUX").empty() || environment("TERM").starts_with("screen");
  if (multiplexed) return PictureProtocol::half_blocks;  // passing pictures through is mostly turned off
  if (!environment("KITTY_WINDOW_ID").empty() || environment("TERM") == "xterm-kitty" ||
      environment("TERM") == "xterm-ghostty")
    return PictureProtocol::kitty;
  if (environment("TERM_PROGRAM") == "iTerm.app" || environment("LC_TERMINAL") == "iTerm2" ||
      environment("TERM_PROGRAM") == "WezTerm")
    return PictureProtocol::iterm;
  // A one-pixel picture that is only checked, then the attributes, which every terminal answers.
  const std::string answer = RawTerminal().ask("\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c");
  if (answer.find("_Gi=31;OK") != std::string::npos) return PictureProtocol::kitty;
  const size_t start = answer.find("\x1b[?");
  if (start != std::string::npos) {
    const std::string attributes = ";" + answer.substr(start + 3, answer.find('c', start) - start - 3) + ";";
    if (attributes.find(";4;", 1) != std::string::npos) return PictureProtocol::sixel;
  }
  return PictureProtocol::half_blocks;
}

}  // namespace calotype::cli
