#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace calotype::cli {

/// Refuses a name that promises another kind of file than `ending` says: a slip would replace a model by a picture.
/// Throws `bad_input`; `option` stands in front.
void require_ending(const std::filesystem::path& name, const std::string& ending, const char* option);

/// Names of a run's outputs: a file; a pattern with %d or %03d for the number, from 0 on; a folder (one that exists, or
/// a name that ends in '/'), whose files are numbered on from those it has. Several outputs without a pattern get -0,
/// -1, .. before the ending. "-" is stdout.
class OutputNames {
 public:
  /// `option` stands in front of messages. Throws `bad_input` for a pattern with two numbers, or a name that ends in
  /// that of another kind of file; `cannot_write` for a folder that cannot be made.
  OutputNames(const std::string& asked, int64_t count, const std::string& ending, const char* option = "output");

  bool to_stdout() const { return asked_ == "-"; }
  std::filesystem::path operator[](int64_t index) const;
  /// Makes sure that the first one can be written, and leaves nothing. Throws `cannot_write`.
  void probe() const;
  /// Writes a whole file under the name of `index` and says which that was. In a folder nothing is overwritten: where
  /// another run took the number meanwhile, this one goes on behind it.
  /// There the name may come from `stem` instead of the index; -1, -2, .. follow where it is taken.
  std::filesystem::path write(int64_t index, std::span<const std::byte> bytes, const std::string& stem = "");
  /// For those who write themselves: in a folder, numbers on so that `index` has a free name.
  void skip_taken(int64_t index);

 private:
  std::string asked_, before_, after_;
  int64_t first_ = 0;
  int digits_ = 0;
  bool numbered_ = false, in_folder_ = false;
};

}  // namespace calotype::cli
