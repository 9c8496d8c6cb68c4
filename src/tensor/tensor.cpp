#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>

#include "base/blocks.h"
#include "tensor/allocator.h"
#include "tensor/history.h"

namespace calotype {

Storage::~Storage() {
  if (!owner) release(data, bytes);
}

Tensor Tensor::empty(Shape shape, DType dtype) {
  Tensor result;
  result.storage_ = std::make_shared<Storage>();
  const int64_t bytes = bytes_of(dtype, shape.count());
  result.storage_->data = allocate(bytes);
  result.storage_->bytes = bytes;
  result.shape_ = shape;
  result.dtype_ = dtype;
  return result;
}

Tensor Tensor::zeros(Shape shape, DType dtype) {
  Tensor result = empty(shape, dtype);
  if (result.storage_->data) std::memset(result.storage_->data, 0, result.storage_->bytes);
  return result;
}

Tensor Tensor::full(Shape shape, double value, DType dtype) {
  Tensor result = empty(shape, dtype);
  for_float(dtype, [&]<class T>() { std::ranges::fill(result.edit<T>(), static_cast<T>(value)); });
  return result;
}

Tensor Tensor::borrowed(const void* data, Shape shape, DType dtype, std::shared_ptr<const void> owner) {
  check(owner != nullptr, "Tensor::borrowed: bytes need an owner");
  Tensor result;
  result.storage_ = std::make_shared<Storage>();
  result.storage_->data = static_cast<std::byte*>(const_cast<void*>(data));
  result.storage_->bytes = bytes_of(dtype, shape.count());
  result.storage_->owner = std::move(owner);
  result.shape_ = shape;
  result.dtype_ = dtype;
  return result;
}

Tensor Tensor::reshape(std::span<const int64_t> extents) const {
  std::vector<int64_t> wanted(extents.begin(), extents.end());
  const auto open = std::ranges::find(wanted, -1);
  if (open != wanted.end()) {
    *open = 1;
    const int64_t rest = Shape(wanted).count();
    check(rest > 0 && count() % rest == 0, "reshape: {} does not divide into {}", shape_.text(), Shape(wanted).text());
    *open = count() / rest;
  }
  Tensor result = *this;
  result.shape_ = Shape(wanted);
  check(result.count() == count(), "reshape: {} is not {}", shape_.text(), result.shape_.text());
  result.history_ = nullptr;
  return recorded("reshape", std::move(result), {*this},
                  [before = shape_](const Tensor& dy, Wanted) { return Grads{dy.reshape(before)}; });
}

Tensor Tensor::rows(int64_t first, int64_t count) const {
  check(shape_.rank() > 0 && first >= 0 && count >= 0 && first + count <= shape_[0], "rows: {} has no rows {} to {}",
        shape_.text(), first, first + count);
  std::vector<int64_t> extents(shape_.begin(), shape_.end());
  extents[0] = count;
  Tensor result = *this;
  const int64_t row = shape_[0] ? this->count() / shape_[0] : 0;
  check(row % block_size(dtype_).elements == 0, "rows: a {} row of {} values has no start of its own", name_of(dtype_),
        row);
  result.offset_ += bytes_of(dtype_, row * first);
  result.shape_ = Shape(extents);
  result.history_ = nullptr;
  return recorded("rows", std::move(result), {*this}, [before = shape_, first, row](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::zeros(before, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() { std::ranges::copy(dy.view<T>(), dx.edit<T>().begin() + first * row); });
    return Grads{dx};
  });
}

Tensor Tensor::detach() const {
  return with_history(nullptr);
}

Tensor Tensor::clone() const {
  Tensor result = empty(shape_, dtype_);
  if (result.storage_->data) std::memcpy(result.storage_->data, data(), bytes_of(dtype_, count()));
  return result;
}

const void* Tensor::data() const {
  check(storage_ != nullptr, "a tensor that is none was read");
  return storage_->data + offset_;
}

std::byte* Tensor::editable() const {
  check(storage_ != nullptr, "a tensor that is none was written");
  check(!storage_->owner, "borrowed bytes were to be written");
  ++storage_->version;
  storage_->derived.clear();
  return storage_->data + offset_;
}

double Tensor::item() const {
  check(count() == 1, "item: {} is not one value", shape_.text());
  return dtype_ == DType::f64 ? view<double>()[0] : view<float>()[0];
}

Tensor Tensor::trainable() const {
  return with_history(leaf_node());
}

Tensor Tensor::with_history(std::shared_ptr<Node> history) const {
  Tensor result = *this;
  result.history_ = std::move(history);
  return result;
}

bool Tensor::reusable() const {
  return storage_ && storage_.use_count() == 1 && !storage_->owner && !history_;
}

void Tensor::check_type(DType wanted) const {
  check(dtype_ == wanted, "a tensor of {} was read as {}", name_of(dtype_), name_of(wanted));
}

}  // namespace calotype
