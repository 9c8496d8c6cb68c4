#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace calotype::checker {

/// Thrown by the body of a case that cannot be checked yet, or is not judged: its line says why.
struct Skipped {
  std::string reason;
};

/// What one case measured: any number of distances, each beside its tolerance.
class Findings {
 public:
  struct Measure {
    std::string what;
    double distance = 0, tolerance = 0;

    bool holds() const { return distance <= tolerance; }
    /// How far beyond its tolerance, 1 being just there; infinite where an exact one fails or the distance is no
    /// number.
    double share() const;
  };

  void measure(std::string what, double distance, double tolerance);
  /// For what must be equal: how many entries differ.
  void exact(std::string what, int64_t differences) { measure(std::move(what), static_cast<double>(differences), 0); }
  template <class T>
  void equal(std::string what, const std::vector<T>& got, const std::vector<T>& want);

  int64_t count() const { return count_; }
  int64_t failures() const { return failures_; }
  /// The one that is farthest beyond, or nearest to, its tolerance.
  const Measure& worst() const { return worst_; }

 private:
  Measure worst_;
  int64_t count_ = 0, failures_ = 0;
};

/// Runs cases and prints a line for each: "ok", "FAIL" or "skip", the name, the worst distance and its tolerance, what
/// it was measured on, and the seconds of those that take long.
class Report {
 public:
  /// Only cases that `pattern`, a glob, matches by their name, or by the group that they are part of.
  Report(std::ostream& out, std::string pattern) : out_(out), pattern_(std::move(pattern)) {}

  bool wanted(const std::string& name, const std::string& group = "") const;
  /// An exception from the body is a failure of this case alone.
  void run(const std::string& name, const std::function<void(Findings&)>& body, const std::string& group = "");
  void skip(const std::string& name, const std::string& reason, const std::string& group = "");

  /// Prints the last line. 0: nothing failed and something passed; 1: not so; 2: the pattern matches no case.
  int finish();

 private:
  void line(const char* outcome, const std::string& name, const std::string& rest);

  std::ostream& out_;
  std::string pattern_;
  int64_t passed_ = 0, failed_ = 0, skipped_ = 0;
};

template <class T>
void Findings::equal(std::string what, const std::vector<T>& got, const std::vector<T>& want) {
  int64_t differences =
      static_cast<int64_t>(got.size() > want.size() ? got.size() - want.size() : want.size() - got.size());
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) differences += got[i] == want[i] ? 0 : 1;
  exact(std::move(what), differences);
}

}  // namespace calotype::checker
