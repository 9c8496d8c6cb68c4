#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace calotype {

struct MappedFile::Mapping {
  std::filesystem::path path;
  void* data = nullptr;
  size_t size = 0;
  ~Mapping() {
    if (data) munmap(data, size);
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
  mapping_ = std::move(mapping);
}

std::span<const std::byte> MappedFile::bytes() const {
  return {static_cast<const std::byte*>(mapping_->data), mapping_->size};
}

const std::filesystem::path& MappedFile::path() const {
  return mapping_->path;
}

}  // namespace calotype
