#include "load/relaid_values.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/blocks.h"
#include "base/error.h"
#include "base/parallel.h"
#include "load/rounded.h"

namespace calotype {
namespace {

constexpr int64_t kPiece = int64_t{1} << 20;  // values in hand at a time; whole blocks
constexpr int64_t kTask = int64_t{1} << 14;

bool is_plain_float(StoredType type) {
  return type == StoredType::f32 || type == StoredType::f16 || type == StoredType::bf16;
}

bool is_written_in_blocks(StoredType type) {
  return type == StoredType::q8_0 || type == StoredType::q4_0;
}

void narrow(StoredType type, std::span<const float> values, std::byte* out) {
  const DType dtype = *dtype_of(type);
  const auto count = static_cast<int64_t>(values.size());
  parallel_for((count + kTask - 1) / kTask, [&](int64_t task) {
    const int64_t first = task * kTask, length = std::min(kTask, count - first);
    std::byte* to = out + bytes_of(dtype, first);
    if (!is_in_blocks(dtype)) return round_to(dtype, values.data() + first, length, to);
    const BlockSize size = block_size(dtype);
    for (int64_t i = 0; i < length; i += size.elements, to += size.bytes) narrow_block(dtype, &values[first + i], to);
  });
}

/// Elements of a type of whole bytes, turned over.
std::vector<std::byte> turned(const RelaidTensor& tensor) {
  const StoredTensor& stored = *tensor.stretches.front().stored;
  const auto width = static_cast<size_t>(bits_of(stored.type) / 8);
  const auto rows = static_cast<size_t>(tensor.shape[0]), columns = static_cast<size_t>(tensor.shape[1]);
  std::vector<std::byte> bytes(stored.bytes.size());
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c)
      std::copy_n(&stored.bytes[(c * rows + r) * width], width, &bytes[(r * columns + c) * width]);
  return bytes;
}

}  // namespace

void widen(const RelaidTensor& tensor, int64_t first, std::span<float> out) {
  if (tensor.transposed) {
    check(first == 0 && static_cast<int64_t>(out.size()) == tensor.shape.count(), "{}: read in part", tensor.name);
    std::vector<float> lying(out.size());
    widen(*tensor.stretches.front().stored, 0, lying);
    const int64_t rows = tensor.shape[0], columns = tensor.shape[1];
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) out[r * columns + c] = lying[c * rows + r];
    return;
  }
  for (const Stretch& one : tensor.stretches) {
    if (first < one.count && !out.empty()) {
      const auto length = std::min<size_t>(out.size(), static_cast<size_t>(one.count - first));
      parallel_for((static_cast<int64_t>(length) + kTask - 1) / kTask, [&](int64_t task) {
        const int64_t begin = task * kTask, count = std::min(kTask, static_cast<int64_t>(length) - begin);
        widen(*one.stored, one.first + first + begin, out.subspan(begin, count));
      });
      out = out.subspan(length);
      first = one.count;
    }
    first -= one.count;
  }
  check(out.empty(), "{}: read beyond its end", tensor.name);
}

bool can_round_to(StoredType type) {
  return is_plain_float(type) || is_written_in_blocks(type);
}

bool can_be_written(const RelaidTensor& tensor, StoredType type) {
  if (type == tensor.type()) return !tensor.transposed || block_length(type) == 1;
  if (is_plain_float(type)) return true;
  return is_written_in_blocks(type) && tensor.shape.rank() > 0 && tensor.shape.dim(-1) % block_length(type) == 0;
}

void write_values(const RelaidTensor& tensor, StoredType type, const ByteSink& sink) {
  check(can_be_written(tensor, type), "{}: it cannot be written as {}", tensor.name, name_of(type));
  if (type != tensor.type()) {
    if (!tensor.transposed)
      return write_values(
          tensor.shape, type, [&](int64_t first, std::span<float> out) { widen(tensor, first, out); }, sink);
    std::vector<float> values(static_cast<size_t>(tensor.shape.count()));
    widen(tensor, 0, values);
    return write_values(
        tensor.shape, type,
        [&](int64_t first, std::span<float> out) { std::copy_n(values.begin() + first, out.size(), out.begin()); },
        sink);
  }
  if (tensor.transposed) return sink(turned(tensor));
  for (const Stretch& one : tensor.stretches) {
    const auto begin = static_cast<size_t>(*stored_bytes(type, one.first));
    sink(one.stored->bytes.subspan(begin, static_cast<size_t>(*stored_bytes(type, one.count))));
  }
}

void write_values(const Shape& shape, StoredType type, const std::function<void(int64_t, std::span<float>)>& values,
                  const ByteSink& sink) {
  const int64_t count = shape.count();
  std::vector<float> wide(static_cast<size_t>(std::min(count, kPiece)));
  std::vector<std::byte> bytes;
  for (int64_t first = 0; first < count; first += kPiece) {
    const std::span piece = std::span(wide).first(static_cast<size_t>(std::min(kPiece, count - first)));
    values(first, piece);
    bytes.resize(static_cast<size_t>(*stored_bytes(type, static_cast<int64_t>(piece.size()))));
    narrow(type, piece, bytes.data());
    sink(bytes);
  }
}

}  // namespace calotype
