#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

#include "base/error.h"

namespace calotype {
namespace {

/// All mappings, by where they begin: pages of other memory would lose what they hold.
struct Registry {
  std::mutex mutex;
  std::map<uintptr_t, size_t> sizes;
};

Registry& registry() {
  static Registry* instance = new Registry;  // tensors may outlive static destructors
  return *instance;
}

}  // namespace

struct MappedFile::Mapping {
  std::filesystem::path path;
  void* data = nullptr;
  size_t size = 0;
  ~Mapping() {
    if (!data) return;
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    all.sizes.erase(reinterpret_cast<uintptr_t>(data));
    munmap(data, size);
  }
};

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  require(descriptor >= 0, ErrorKind::bad_file, "{}: cannot be opened: {}", path.string(), std::strerror(errno));
  struct stat status{};
  const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  auto mapping = std::make_shared<Mapping>();
  mapping->path = path;
  mapping->size = regular ? static_cast<size_t>(status.st_size) : 0;
  void* data = mapping->size ? mmap(nullptr, mapping->size, PROT_READ, MAP_PRIVATE, descriptor, 0) : nullptr;
  const int error = errno;
  close(descriptor);
  require(regular, ErrorKind::bad_file, "{}: a file was expected, this is none", path.string());
  require(data != MAP_FAILED, ErrorKind::bad_file, "{}: cannot be mapped: {}", path.string(), std::strerror(error));
  mapping->data = data;
  if (data) {
    const std::lock_guard lock(registry().mutex);
    registry().sizes[reinterpret_cast<uintptr_t>(data)] = mapping->size;
  }
  mapping_ = std::move(mapping);
}

void MappedFile::let_go(std::span<const std::byte> bytes) {
  const uintptr_t page = sysconf(_SC_PAGESIZE), from = reinterpret_cast<uintptr_t>(bytes.data());
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto next = all.sizes.upper_bound(from);
  if (next == all.sizes.begin()) return;
  const auto [start, size] = *std::prev(next);
  if (from + bytes.size() > start + size) return;
  const uintptr_t first = (from + page - 1) / page * page, last = (from + bytes.size()) / page * page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

std::span<const std::byte> MappedFile::bytes() const {
  return {static_cast<const std::byte*>(mapping_->data), mapping_->size};
}

const std::filesystem::path& MappedFile::path() const {
  return mapping_->path;
}

}  // namespace calotype
