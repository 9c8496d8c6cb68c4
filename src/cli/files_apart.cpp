#include "cli/files_apart.h"

#include <filesystem>

#include "base/error.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

bool one_file(const NamedFile& a, const NamedFile& b) {
  if (a.path.empty() || b.path.empty()) return false;
  std::error_code error;
  if (fs::exists(a.path, error) && fs::exists(b.path, error))
    return fs::is_regular_file(a.path, error) && fs::equivalent(a.path, b.path, error);
  return fs::absolute(a.path, error).lexically_normal() == fs::absolute(b.path, error).lexically_normal();
}

}  // namespace

void require_apart(std::span<const NamedFile> outputs, std::span<const NamedFile> inputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j)
      require(!one_file(outputs[i], outputs[j]), ErrorKind::bad_input, "{}: {} is the {} too; name another",
              outputs[i].option, printable(outputs[i].path), outputs[j].option);
    for (const NamedFile& input : inputs)
      require(!one_file(outputs[i], input), ErrorKind::bad_input, "{}: {} is read as the {}; name another",
              outputs[i].option, printable(outputs[i].path), input.option);
  }
}

}  // namespace calotype::cli
