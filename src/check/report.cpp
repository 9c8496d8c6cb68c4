#include "check/report.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"

namespace calotype::checker {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::string seconds_since(std::chrono::steady_clock::time_point start) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return seconds < 1 ? "" : fmt::format("  {:.1f} s", seconds);
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return text;
}

}  // namespace

double Findings::Measure::share() const {
  if (distance <= 0) return 0;
  if (std::isnan(distance) || tolerance <= 0) return std::numeric_limits<double>::infinity();
  return distance / tolerance;
}

void Findings::measure(std::string what, double distance, double tolerance) {
  const Measure measure{std::move(what), distance, tolerance};
  ++count_;
  if (!measure.holds()) ++failures_;
  if (count_ == 1 || measure.share() > worst_.share()) worst_ = measure;
}

bool Report::wanted(const std::string& name, const std::string& group) const {
  return pattern_.empty() || matches(pattern_, name) || (!group.empty() && matches(pattern_, group));
}

void Report::line(const char* outcome, const std::string& name, const std::string& rest) {
  out_ << fmt::format("{:<4}  {}  {}\n", outcome, one_line(name), one_line(rest)) << std::flush;
}

void Report::run(const std::string& name, const std::function<void(Findings&)>& body, const std::string& group) {
  if (!wanted(name, group)) return;
  const auto start = std::chrono::steady_clock::now();
  Findings findings;
  std::string problem;
  try {
    body(findings);
    if (findings.count() == 0) problem = "nothing was compared";
  } catch (const Skipped& skipped) {
    if (findings.failures() == 0) {
      ++skipped_;
      return line("skip", name, skipped.reason);
    }
  } catch (const std::exception& error) {
    problem = error.what();
  }
  const Findings::Measure& worst = findings.worst();
  std::string rest = problem.empty() ? fmt::format("{:.3g}  {:.3g}  {}", worst.distance, worst.tolerance, worst.what)
                                     : fmt::format("-  -  {}", problem);
  if (problem.empty() && findings.failures() > 1) rest += fmt::format(" and {} more", findings.failures() - 1);
  const bool passed = problem.empty() && findings.failures() == 0;
  ++(passed ? passed_ : failed_);
  line(passed ? "ok" : "FAIL", name, rest + seconds_since(start));
}

void Report::skip(const std::string& name, const std::string& reason, const std::string& group) {
  if (!wanted(name, group)) return;
  ++skipped_;
  line("skip", name, reason);
}

int Report::finish() {
  out_ << fmt::format("{} passed, {} failed, {} skipped\n", passed_, failed_, skipped_) << std::flush;
  if (passed_ + failed_ + skipped_ == 0 && !pattern_.empty()) return 2;
  return failed_ == 0 && passed_ > 0 ? 0 : 1;
}

}  // namespace calotype::checker
