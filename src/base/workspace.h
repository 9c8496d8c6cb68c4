#pragma once

#include <cstdint>

namespace calotype {

/// Memory that the tasks of one call share, 2 MB aligned; its content is whatever was left there. The block goes back
/// to a list when the call ends and serves the next one, so a kernel that runs again and again allocates once. As many
/// blocks live as calls ran at the same time. Throws std::bad_alloc.
class Workspace {
 public:
  explicit Workspace(int64_t bytes);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// The next `count` floats, 64-byte aligned. The calls of one workspace may not exceed its bytes.
  float* floats(int64_t count);

  /// What `count` floats take of a workspace.
  static int64_t bytes_of_floats(int64_t count) { return (count * int64_t{sizeof(float)} + 63) / 64 * 64; }

 private:
  void* data_;
  int64_t size_;
  int64_t used_ = 0;
};

}  // namespace calotype
