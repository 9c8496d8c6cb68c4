#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace calotype::cli {

/// Names of a run's outputs: a file; a pattern with %d or %03d for the number, from 0 on; a folder (one that exists, or
/// a name that ends in '/'), whose files are numbered on from those it has. Several outputs without a pattern get -0,
/// -1, .. before the ending. "-" is stdout.
class OutputNames {
 public:
  /// Throws `bad_input` for a pattern with two numbers, or a name that ends in that of another kind of picture;
  /// `cannot_write` for a folder that cannot be made.
  OutputNames(const std::string& asked, int64_t count, const std::string& ending);

  bool to_stdout() const { return asked_ == "-"; }
  std::filesystem::path operator[](int64_t index) const;
  /// Makes sure that the first one can be written, and leaves nothing. Throws `cannot_write`.
  void probe() const;

 private:
  std::string asked_, before_, after_;
  int64_t first_ = 0;
  int digits_ = 0;
  bool numbered_ = false;
};

}  // namespace calotype::cli
