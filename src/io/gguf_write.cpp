#include <cstring>
#include <set>

#include "base/error.h"
#include "base/output_file.h"
#include "io/gguf.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr uint64_t kAlignment = 32;

uint64_t aligned(uint64_t position) {
  return (position + kAlignment - 1) / kAlignment * kAlignment;
}

/// Bytes in the order of the file.
class Bytes {
 public:
  template <class T>
  void number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    require(is_utf8(value), ErrorKind::bad_input, "{}: GGUF holds UTF-8 only", printable(value));
    number<uint64_t>(value.size());
    out_ += value;
  }
  const std::string& str() const { return out_; }

 private:
  std::string out_;
};

uint64_t bytes_of(const TensorPlan& plan) {
  const auto bytes = stored_bytes(plan.type, plan.shape.count());
  const int64_t row = plan.shape.rank() == 0 ? 1 : plan.shape.dim(-1);
  check(bytes && gguf_number(plan.type) && row % block_length(plan.type) == 0, "{}: GGUF cannot hold {} of {}",
        plan.name, plan.shape.text(), name_of(plan.type));
  return static_cast<uint64_t>(*bytes);
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const std::vector<TensorPlan>& plans,
                const std::map<std::string, std::string>& metadata,
                const std::function<void(const TensorPlan&, const ByteSink&)>& fill) {
  Bytes header;
  header.number<uint32_t>(0x46554747);
  header.number<uint32_t>(3);
  header.number<uint64_t>(plans.size());
  header.number<uint64_t>(metadata.size());
  for (const auto& [key, value] : metadata) {
    header.text(key);
    header.number(static_cast<uint32_t>(GgufType::string));
    header.text(value);
  }
  uint64_t offset = 0;
  std::set<std::string_view> names;
  for (const TensorPlan& plan : plans) {
    check(names.insert(plan.name).second, "{}: written twice", plan.name);
    header.text(plan.name);
    header.number(static_cast<uint32_t>(plan.shape.rank()));
    for (int axis = plan.shape.rank() - 1; axis >= 0; --axis) header.number(static_cast<uint64_t>(plan.shape[axis]));
    header.number(*gguf_number(plan.type));
    header.number(aligned(offset));
    offset = aligned(offset) + bytes_of(plan);
  }

  OutputFile file(path);
  file.write(header.str());
  uint64_t position = header.str().size();
  for (const TensorPlan& plan : plans) {
    file.write(std::string(aligned(position) - position, '\0'));
    uint64_t left = bytes_of(plan);
    position = aligned(position) + left;
    fill(plan, [&](std::span<const std::byte> bytes) {
      check(bytes.size() <= left, "{}: more bytes are written than {} of {} take", plan.name, plan.shape.text(),
            name_of(plan.type));
      left -= bytes.size();
      file.write(bytes);
    });
    check(left == 0, "{}: {} bytes were not written", plan.name, left);
  }
  file.commit();
}

}  // namespace calotype
