#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "base/shape.h"

namespace calotype {

class Node;
struct Storage;

/// A dense row-major array. Copying copies the handle; the bytes are shared, and settled once an op returns them. A
/// default tensor is "none": it has no bytes and converts to false.
class Tensor {
 public:
  Tensor() = default;
  /// Bytes of whatever was there before.
  static Tensor empty(Shape shape, DType dtype = DType::f32);
  static Tensor zeros(Shape shape, DType dtype = DType::f32);
  static Tensor full(Shape shape, double value, DType dtype = DType::f32);
  static Tensor scalar(double value, DType dtype = DType::f32) { return full({}, value, dtype); }
  template <class T>
  static Tensor from(std::span<const T> values, Shape shape);
  /// Bytes that belong to somebody else, a mapped file mostly; `owner` keeps them alive. Cannot be edited.
  static Tensor borrowed(const void* data, Shape shape, DType dtype, std::shared_ptr<const void> owner);

  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int64_t dim(int axis) const { return shape_.dim(axis); }
  int64_t count() const { return shape_.count(); }
  DType dtype() const { return dtype_; }

  /// The same bytes in another shape; one extent may be -1 and is inferred. Differentiable.
  Tensor reshape(std::span<const int64_t> extents) const;
  Tensor reshape(std::initializer_list<int64_t> extents) const {
    return reshape(std::span(extents.begin(), extents.size()));
  }
  Tensor reshape(const Shape& shape) const { return reshape(shape.extents()); }
  /// The same bytes; `count` entries of the first axis. Differentiable.
  Tensor rows(int64_t first, int64_t count) const;
  /// The same bytes without history: a constant to whoever uses it.
  Tensor detach() const;
  /// A copy with bytes of its own, no history.
  Tensor clone() const;

  /// Elements as T; throws unless T is the dtype.
  template <class T>
  std::span<const T> view() const;
  /// For an op filling its result, and for optimizers: raises the version, drops derived data. Throws on borrowed
  /// bytes.
  template <class T>
  std::span<T> edit();
  /// The bytes as they are stored, whatever the dtype.
  const void* data() const;
  /// The single value of a tensor of one element, f32 or f64.
  double item() const;

  /// Is something upstream being trained?
  bool tracked() const { return history_ != nullptr; }
  /// A leaf of the history: the same bytes, and `backward` reports their gradient.
  Tensor trainable() const;
  const std::shared_ptr<Node>& history() const { return history_; }
  /// The same bytes with this history: for `recorded` only.
  Tensor with_history(std::shared_ptr<Node> history) const;
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  /// No other handle shares the bytes and no history needs them: an op may write its result over them.
  bool reusable() const;

 private:
  void check_type(DType wanted) const;
  std::byte* editable() const;

  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0;  // bytes into the storage
  Shape shape_;
  DType dtype_ = DType::f32;
  std::shared_ptr<Node> history_;
};

/// The bytes of tensors, and what was derived from them.
struct Storage {
  std::byte* data = nullptr;  // null while measuring
  int64_t bytes = 0;
  uint64_t version = 0;
  std::shared_ptr<const void> owner;  // of borrowed bytes
  /// Made on first use and dropped by `edit`. Keys are addresses of whatever made them.
  std::vector<std::pair<const void*, Tensor>> derived;

  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();
};

template <class T>
Tensor Tensor::from(std::span<const T> values, Shape shape) {
  Tensor result = empty(shape, kDTypeOf<T>);
  check(result.count() == static_cast<int64_t>(values.size()), "Tensor::from: {} takes {} values, not {}", shape.text(),
        result.count(), values.size());
  std::copy(values.begin(), values.end(), result.edit<T>().begin());
  return result;
}

template <class T>
std::span<const T> Tensor::view() const {
  check_type(kDTypeOf<T>);
  return {static_cast<const T*>(data()), static_cast<size_t>(count())};
}

template <class T>
std::span<T> Tensor::edit() {
  check_type(kDTypeOf<T>);
  return {reinterpret_cast<T*>(editable()), static_cast<size_t>(count())};
}

}  // namespace calotype
