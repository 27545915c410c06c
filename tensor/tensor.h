#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "tensor/storage.h"

namespace chainline {

/// Numbers with a view: a shared storage, a shape, strides and an offset. It has no history; see
/// Variable (autograd/variable.h) for that.
///
/// Copying a Tensor copies the view, not the numbers. `Tensor()` is undefined and stands for
/// "nothing here". Views (reshape, transpose, narrow, broadcast_to, patches) share the storage.
class Tensor {
 public:
  Tensor() = default;

  // --- making ---
  /// Dense and uninitialized.
  static Tensor empty(const Shape& shape, DType dtype, Device device = {});
  static Tensor zeros(const Shape& shape, DType dtype, Device device = {});
  static Tensor full(const Shape& shape, double value, DType dtype, Device device = {});
  /// 0, 1, ..., n-1.
  static Tensor arange(std::int64_t n, DType dtype, Device device = {});
  /// Row-major values; ShapeError when their number is not the shape's.
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device = {});

  // --- asking ---
  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }
  std::int64_t offset() const { return offset_; }
  std::int64_t rank() const { return shape_.rank(); }
  std::int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const { return storage_->device(); }
  bool is_contiguous() const;
  /// The storage's count of writes: what saved values are checked against.
  std::uint64_t version() const { return storage_->version(); }
  /// The bytes behind the view, for those who watch over memory; undefined tensors have none.
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  bool shares_storage_with(const Tensor& other) const { return storage_ == other.storage_; }

  // --- numbers ---
  /// The first element of the view; the others follow the strides. DTypeError when T is not
  /// dtype(); DeviceError when the numbers are not in the host's memory.
  template <class T>
  const T* data() const;
  /// The same for writing: counts as a write of the whole storage.
  template <class T>
  T* mutable_data();
  /// The same for a device's kernels: addresses that the host can't follow. DeviceError on the CPU.
  template <class T>
  const T* device_data() const;
  template <class T>
  T* mutable_device_data();
  /// The only element, as T, from wherever it is. ShapeError when there are more or none.
  template <class T>
  T item() const;
  /// All elements in row-major order, from wherever they are.
  template <class T>
  std::vector<T> to_vector() const;
  /// The same view of numbers that the host knows: this tensor if it is on the CPU, a copy of
  /// integers that came from there and were not written to since; undefined for others.
  Tensor on_host() const;

  // --- views ---
  /// The same elements in row-major order under another shape; one size may be -1. It is a view
  /// where the strides allow one and a copy elsewhere.
  Tensor reshape(const Shape& shape) const;
  Tensor reshape(std::initializer_list<std::int64_t> sizes) const;
  Tensor transpose(std::int64_t a, std::int64_t b) const;
  Tensor permute(std::span<const std::int64_t> order) const;
  /// `length` entries of dimension d from `start`.
  Tensor narrow(std::int64_t d, std::int64_t start, std::int64_t length) const;
  /// Entry i of dimension d, which disappears.
  Tensor select(std::int64_t d, std::int64_t i) const;
  Tensor unsqueeze(std::int64_t d) const;
  Tensor squeeze(std::int64_t d) const;
  /// Stretches dimensions of size 1 and adds leading ones, with stride 0. For reading only.
  Tensor broadcast_to(const Shape& shape) const;
  /// Images as rows of patches: (B, C, H, W) -> the view (B, H/P, W/P, C, P, P).
  Tensor patches(std::int64_t patch) const;

  // --- copies ---
  /// Dense: this tensor if it is, else a copy.
  Tensor contiguous() const;
  /// A dense copy with its own storage.
  Tensor clone() const;
  /// Converted; floats to integers truncate, and integers round to nearest even. This tensor if
  /// the dtype is the same.
  Tensor to(DType dtype) const;
  /// On another device, dense; this tensor if it is there already.
  Tensor to(Device device) const;
  /// Overwrites the elements with those of `source`, which has the same shape, dtype and device.
  void copy_from(const Tensor& source);
  /// The same for a source in the host's memory, wherever this tensor is; it must be dense.
  void upload_from(const Tensor& source);
  void fill(double value);

 private:
  void check_access(DType dtype, bool by_host) const;
  void check_source(const Tensor& source, std::string_view op) const;
  Tensor view(const Shape& shape, const Strides& strides, std::int64_t offset) const;

  std::shared_ptr<Storage> storage_;
  Shape shape_;
  Strides strides_;
  std::int64_t offset_ = 0;
  DType dtype_ = DType::f32;
};

/// Two tensors hold the same bits: shape, dtype and every element (NaNs by their bits), wherever
/// they are.
bool same_bits(const Tensor& a, const Tensor& b);

inline void Tensor::check_access(DType dtype, bool by_host) const {
  check<DTypeError>(dtype == dtype_, "tensor: expected elements of dtype ", dtype, ", got ",
                    dtype_);
  check<DeviceError>((device().type == DeviceType::cpu) == by_host, "tensor: expected one on ",
                     by_host ? "the CPU" : "a device for its kernels", ", got one on ", device(),
                     "; copy it with to()");
}

template <class T>
const T* Tensor::data() const {
  check_access(dtype_of<T>, true);
  return reinterpret_cast<const T*>(storage_->data()) + offset_;
}

template <class T>
T* Tensor::mutable_data() {
  check_access(dtype_of<T>, true);
  return reinterpret_cast<T*>(storage_->mutable_data()) + offset_;
}

template <class T>
const T* Tensor::device_data() const {
  check_access(dtype_of<T>, false);
  return reinterpret_cast<const T*>(storage_->data()) + offset_;
}

template <class T>
T* Tensor::mutable_device_data() {
  check_access(dtype_of<T>, false);
  return reinterpret_cast<T*>(storage_->mutable_data()) + offset_;
}

template <class T>
T Tensor::item() const {
  check<ShapeError>(numel() == 1, "item: expected one element, got shape ", shape_);
  return *to(kCpu).data<T>();
}

template <class T>
Tensor Tensor::from(const std::vector<T>& values, const Shape& shape, Device device) {
  check<ShapeError>(static_cast<std::int64_t>(values.size()) == shape.numel(), "from: shape ",
                    shape, " expects ", shape.numel(), " values, got ", values.size());
  Tensor t = empty(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), t.mutable_data<T>());
  return t.to(device);
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const Tensor dense = contiguous().to(kCpu);
  const T* p = dense.data<T>();
  return std::vector<T>(p, p + numel());
}

}  // namespace chainline
