#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace calotype::cli {

enum class DisplayStyle { bar, plain, json, none };

/// By name; `auto` is a bar where stderr is a terminal, plain lines elsewhere. Throws `bad_input`.
DisplayStyle display_style(const std::string& name);

/// Whether stderr can be drawn on: a terminal that is not dumb.
bool stderr_is_terminal();

/// Progress on stderr: one line that is redrawn, or a line now and then for pipes and logs. Removes its line when it
/// goes.
class Display {
 public:
  explicit Display(DisplayStyle style) : style_(style) {}
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;
  ~Display() { clear(); }

  /// A part of the work begins; what came before ends. Their times are added up by name. Plain lines tell of it once,
  /// and later only where a second passed without any.
  void phase(const std::string& name);
  /// What stands before the phase, such as "picture 2/4".
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  /// Of `total` steps of this phase `done` are done, at `seconds_a_step` (0: from the times of the calls, the first
  /// step apart, for it warms up).
  void step(int64_t done, int64_t total, double seconds_a_step = 0, const std::string& detail = "");
  /// A line that stays, above the bar.
  void note(const std::string& line);
  /// Takes the bar away until the next step.
  void clear();

  /// Total, seconds of each phase, peak memory: one line.
  std::string summary() const;

 private:
  using Clock = std::chrono::steady_clock;
  void end_phase();
  void draw(const std::string& line);
  void say(const std::string& line);

  DisplayStyle style_;
  std::string prefix_, phase_;
  Clock::time_point start_ = Clock::now(), phase_start_ = start_, first_step_ = start_, shown_ = start_,
                    spoke_ = start_;
  int64_t first_done_ = 0, shown_tenth_ = 0;
  bool drawn_ = false;
  std::vector<std::string> order_;
  std::map<std::string, double> seconds_;
};

/// The most memory this process has held, in bytes.
int64_t peak_memory();
/// "2.1 GiB", "310 MiB"
std::string memory_text(int64_t bytes);
/// "0:11", "1:02:03"
std::string time_text(double seconds);

}  // namespace calotype::cli
