#include "cli/display.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "cli/output.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

constexpr double kRedraw = 0.1, kPlainPause = 10, kPlainLeast = 1;  // seconds

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string speed_text(double seconds_a_step) {
  if (seconds_a_step <= 0) return "";
  return seconds_a_step >= 1 ? fmt::format("{:.2f} s/it", seconds_a_step)
                             : fmt::format("{:.2f} it/s", 1 / seconds_a_step);
}

std::string bar_text(int64_t done, int64_t total) {
  constexpr int64_t kWidth = 20;
  const int64_t full = total > 0 ? std::clamp(kWidth * done / total, int64_t{0}, kWidth) : 0;
  std::string bar(full, '=');
  if (full < kWidth) bar += '>';
  bar.resize(kWidth, ' ');
  return '[' + bar + ']';
}

}  // namespace

DisplayStyle display_style(const std::string& name) {
  if (name == "auto") return stderr_is_terminal() ? DisplayStyle::bar : DisplayStyle::plain;
  if (name == "bar") return DisplayStyle::bar;
  if (name == "plain") return DisplayStyle::plain;
  if (name == "json") return DisplayStyle::json;
  if (name == "none") return DisplayStyle::none;
  fail(ErrorKind::bad_input, "progress: there is none named '{}'; there are auto, bar, plain, json, none",
       printable(name, 40));
}

bool stderr_is_terminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && !(kind && std::string_view(kind) == "dumb");
}

void Display::end_phase() {
  if (phase_.empty()) return;
  if (!seconds_.contains(phase_)) order_.push_back(phase_);
  seconds_[phase_] += seconds_between(phase_start_, Clock::now());
}

void Display::phase(const std::string& name) {
  end_phase();
  phase_ = name;
  phase_start_ = first_step_ = shown_ = Clock::now();
  first_done_ = -1;
  shown_tenth_ = 0;
  const std::string line = prefix_.empty() ? name : prefix_ + " " + name;
  if (style_ == DisplayStyle::bar) draw(line);
  if (style_ == DisplayStyle::plain &&
      (!seconds_.contains(name) || seconds_between(spoke_, Clock::now()) > kPlainLeast))
    say(line);
  if (style_ == DisplayStyle::json) print_note(fmt::format(R"({{"event":"phase","phase":"{}"}})", name));
}

void Display::step(int64_t done, int64_t total, double seconds_a_step, const std::string& detail) {
  const auto now = Clock::now();
  if (first_done_ < 0) {
    first_done_ = done;
    first_step_ = now;
  }
  if (seconds_a_step == 0)
    seconds_a_step = done > first_done_ ? seconds_between(first_step_, now) / static_cast<double>(done - first_done_)
                                        : seconds_between(phase_start_, now);
  const double left = seconds_a_step * static_cast<double>(total - done), silent = seconds_between(shown_, now);
  if (style_ == DisplayStyle::json)
    return print_note(
        fmt::format(R"({{"event":"step","phase":"{}","step":{},"steps":{},"sec_per_step":{:.4g},"eta":{:.3g}}})",
                    phase_, done, total, seconds_a_step, left));
  const int64_t tenth = total > 0 ? 10 * done / total : 0;
  const bool progressed = tenth > shown_tenth_ && seconds_between(spoke_, now) > kPlainLeast;
  const bool due =
      style_ == DisplayStyle::bar ? silent >= kRedraw || done == total : progressed || silent >= kPlainPause;
  if (style_ == DisplayStyle::none || !due) return;
  shown_ = now;
  shown_tenth_ = tenth;
  std::string line = prefix_.empty() ? phase_ : prefix_ + " " + phase_;
  line += fmt::format(" {}/{}", done, total);
  if (style_ == DisplayStyle::bar) line += " " + bar_text(done, total);
  line += fmt::format(" {}, {} left, {}", speed_text(seconds_a_step), time_text(left), memory_text(peak_memory()));
  if (!detail.empty()) line += ", " + detail;
  style_ == DisplayStyle::bar ? draw(line) : say(line);
}

void Display::say(const std::string& line) {
  print_note(line);
  spoke_ = Clock::now();
}

void Display::draw(const std::string& line) {
  const std::string text = "\r" + printable(line, terminal_width() - 1) + "\x1b[K";
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

void Display::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

void Display::note(const std::string& line) {
  clear();
  print_note(line);
}

std::string Display::summary() const {
  std::string text = fmt::format("{:.1f} s", seconds_between(start_, Clock::now()));
  std::map<std::string, double> seconds = seconds_;
  std::vector<std::string> order = order_;
  if (!phase_.empty()) {
    if (!seconds.contains(phase_)) order.push_back(phase_);
    seconds[phase_] += seconds_between(phase_start_, Clock::now());
  }
  for (size_t i = 0; i < order.size(); ++i)
    text += fmt::format("{}{} {:.2f}", i == 0 ? " (" : ", ", order[i], seconds[order[i]]);
  return text + fmt::format("{}, peak memory {}", order.empty() ? "" : ")", memory_text(peak_memory()));
}

int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{1024} * usage.ru_maxrss;
}

std::string memory_text(int64_t bytes) {
  const double mebibytes = static_cast<double>(bytes) / (1 << 20);
  return mebibytes < 1000 ? fmt::format("{:.0f} MiB", mebibytes) : fmt::format("{:.1f} GiB", mebibytes / 1024);
}

std::string time_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::clamp(std::round(seconds), 0.0, 1e9));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace calotype::cli
