#include "base/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"

namespace calotype {
namespace {

struct Unfinished {
  std::mutex mutex;
  std::set<std::string> names;
};

Unfinished& unfinished() {
  static Unfinished instance;
  return instance;
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  struct stat status{};
  if (stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_with_errno();
    return;
  }
  if (open_nameless()) return;
  std::string name = path_.string() + ".XXXXXX";
  descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail_with_errno();
  temporary_ = name;
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(descriptor_, 0666 & ~mask);
  const std::lock_guard lock(unfinished().mutex);
  unfinished().names.insert(name);
}

bool OutputFile::open_nameless() {
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  if (access("/proc/self/fd", X_OK) != 0) return false;
  descriptor_ = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  nameless_ = descriptor_ >= 0;
  return nameless_;
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (temporary_.empty()) return;
  unlink(temporary_.c_str());
  const std::lock_guard lock(unfinished().mutex);
  unfinished().names.erase(temporary_.string());
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with_errno();
    bytes = bytes.subspan(written);
  }
}

void OutputFile::commit() {
  if (nameless_) {
    flush();
    if (link_to(path_)) return;
    if (errno != EEXIST) fail_with_errno();
    // Only a name can replace a name. It stands for no longer than these two calls take.
    for (int tries = 0;; ++tries) {
      const std::string name = fmt::format("{}.{:08x}", path_.string(), std::random_device()());
      if (link_to(name)) {
        if (rename(name.c_str(), path_.c_str()) == 0) return;
        const int reason = errno;
        unlink(name.c_str());
        errno = reason;
        fail_with_errno();
      }
      if (errno != EEXIST || tries == 100) fail_with_errno();
    }
  }
  if (temporary_.empty()) {
    if (close(std::exchange(descriptor_, -1)) != 0) fail_with_errno();
    return;
  }
  flush();
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno();
  const std::lock_guard lock(unfinished().mutex);
  unfinished().names.erase(temporary_.string());
  temporary_.clear();
}

bool OutputFile::commit_new() {
  if (nameless_) {
    flush();
    if (link_to(path_)) return true;
    return errno == EEXIST ? false : (fail_with_errno(), false);
  }
  if (temporary_.empty()) return commit(), true;
  flush();
  if (link(temporary_.c_str(), path_.c_str()) == 0) return true;  // the destructor removes the other name
  if (errno == EEXIST) return false;
  // Not every file system has hard links. There, and only there, two runs can meet.
  if (access(path_.c_str(), F_OK) == 0) return false;
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno();
  return true;
}

bool OutputFile::link_to(const std::filesystem::path& name) const {
  return linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", descriptor_).c_str(), AT_FDCWD, name.c_str(),
                AT_SYMLINK_FOLLOW) == 0;
}

void OutputFile::flush() {
  if (fsync(descriptor_) != 0) fail_with_errno();
  if (!nameless_ && close(std::exchange(descriptor_, -1)) != 0) fail_with_errno();
}

void OutputFile::fail_with_errno() const {
  fail(ErrorKind::cannot_write, "{}: cannot be written: {}", path_.string(), std::strerror(errno));
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

void remove_unfinished_outputs() noexcept {
  const std::unique_lock lock(unfinished().mutex, std::try_to_lock);
  if (!lock) return;
  for (const std::string& name : unfinished().names) unlink(name.c_str());
}

}  // namespace calotype
