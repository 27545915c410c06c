#include "tensor/tensor.h"

#include <cstring>

#include "tensor/backend.h"
#include "tensor/ops/copy.h"

namespace chainline {

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  std::int64_t bytes = 0;
  check<ShapeError>(
      !__builtin_mul_overflow(shape.numel(), static_cast<std::int64_t>(size_of(dtype)), &bytes),
      "empty: shape ", shape, " of ", dtype, " has more bytes than 63 bits can count");
  Tensor t;
  t.storage_ = std::make_shared<Storage>(static_cast<std::size_t>(bytes), device);
  t.shape_ = shape;
  t.strides_ = Strides(shape);
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  std::byte* const bytes = t.storage_->mutable_data();
  if (device.type == DeviceType::cpu) {
    std::memset(bytes, 0, t.storage_->bytes());
  } else {
    cuda::backend(device.index).fill_with_zeros(bytes, t.storage_->bytes());
  }
  return t;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  t.fill(value);
  return t;
}

Tensor Tensor::arange(std::int64_t n, DType dtype, Device device) {
  Tensor t = empty({n}, dtype, device);
  kernel::arange(device, t);
  return t;
}

bool Tensor::is_contiguous() const {
  if (numel() <= 1) return true;
  std::int64_t expected = 1;
  for (std::int64_t d = rank() - 1; d >= 0; --d) {
    if (shape_[d] == 1) continue;
    if (strides_[d] != expected) return false;
    expected *= shape_[d];
  }
  return true;
}

Tensor Tensor::view(const Shape& shape, const Strides& strides, std::int64_t offset) const {
  Tensor t = *this;
  t.shape_ = shape;
  t.strides_ = strides;
  t.offset_ = offset;
  return t;
}

Tensor Tensor::reshape(std::initializer_list<std::int64_t> sizes) const {
  std::int64_t known = 1, unknown = 0;
  for (const std::int64_t size : sizes) {
    if (size == -1) {
      ++unknown;
    } else {
      known *= size;
    }
  }
  if (unknown == 0) return reshape(Shape(sizes));
  check<ShapeError>(unknown == 1, "reshape: expected at most one size of -1, got ", unknown);
  check<ShapeError>(known != 0 && numel() % known == 0, "reshape: ", numel(), " elements of shape ",
                    shape_, " do not divide by ", known);
  std::vector<std::int64_t> full(sizes);
  for (std::int64_t& size : full) {
    if (size == -1) size = numel() / known;
  }
  return reshape(Shape(full));
}

Tensor Tensor::reshape(const Shape& to) const {
  check<ShapeError>(to.numel() == numel(), "reshape: shape ", shape_, " has ", numel(),
                    " elements, ", to, " has ", to.numel());
  if (is_contiguous()) return view(to, Strides(to), offset_);
  // A view exists when every run of old dimensions that a run of new ones replaces is itself
  // dense. Walk both from the back, matching runs of equal product.
  Strides strides;
  std::int64_t old_d = rank() - 1, new_d = to.rank() - 1;
  while (old_d >= 0) {
    std::int64_t old_size = shape_[old_d], stride = strides_[old_d];
    const std::int64_t base = stride;
    while (old_d > 0 && (shape_[old_d - 1] == 1 || strides_[old_d - 1] == old_size * base)) {
      old_size *= shape_[--old_d];
    }
    std::int64_t new_size = 1;
    while (new_d >= 0 && new_size * to[new_d] <= old_size) {
      strides[new_d] = stride;
      stride *= to[new_d];
      new_size *= to[new_d--];
    }
    if (new_size != old_size) return contiguous().reshape(to);
    --old_d;
  }
  while (new_d >= 0) strides[new_d--] = 0;  // sizes of 1
  return view(to, strides, offset_);
}

Tensor Tensor::transpose(std::int64_t a, std::int64_t b) const {
  a = shape_.dim(a, "transpose");
  b = shape_.dim(b, "transpose");
  Strides strides = strides_;
  std::swap(strides[a], strides[b]);
  return view(shape_.with(a, shape_[b]).with(b, shape_[a]), strides, offset_);
}

Tensor Tensor::permute(std::span<const std::int64_t> order) const {
  check<ShapeError>(static_cast<std::int64_t>(order.size()) == rank(), "permute: expected ", rank(),
                    " dimensions for shape ", shape_, ", got ", order.size());
  Shape shape = shape_;
  Strides strides;
  std::uint32_t seen = 0;
  for (std::int64_t to = 0; to < rank(); ++to) {
    const std::int64_t from = shape_.dim(order[static_cast<std::size_t>(to)], "permute");
    check<ShapeError>((seen >> from & 1u) == 0, "permute: dimension ", from, " appears twice");
    seen |= 1u << from;
    shape = shape.with(to, shape_[from]);
    strides[to] = strides_[from];
  }
  return view(shape, strides, offset_);
}

Tensor Tensor::narrow(std::int64_t d, std::int64_t start, std::int64_t length) const {
  d = shape_.dim(d, "narrow");
  check<ShapeError>(start >= 0 && length >= 0 && start <= shape_[d] - length, "narrow: entries [",
                    start, ", ", start + length, ") are not in dimension ", d, " of ", shape_);
  return view(shape_.with(d, length), strides_, offset_ + start * strides_[d]);
}

Tensor Tensor::select(std::int64_t d, std::int64_t i) const {
  d = shape_.dim(d, "select");
  return narrow(d, i < 0 ? i + shape_[d] : i, 1).squeeze(d);
}

Tensor Tensor::unsqueeze(std::int64_t d) const {
  const Shape shape = shape_.inserted(d, 1);
  if (d < 0) d += shape.rank();
  Strides strides;
  for (std::int64_t i = 0; i < shape.rank(); ++i) strides[i] = i == d ? 0 : strides_[i - (i > d)];
  return view(shape, strides, offset_);
}

Tensor Tensor::squeeze(std::int64_t d) const {
  d = shape_.dim(d, "squeeze");
  check<ShapeError>(shape_[d] == 1, "squeeze: expected size 1 in dimension ", d, " of ", shape_);
  Strides strides;
  for (std::int64_t i = 0; i + 1 < rank(); ++i) strides[i] = strides_[i + (i >= d)];
  return view(shape_.without(d), strides, offset_);
}

Tensor Tensor::broadcast_to(const Shape& to) const {
  const std::int64_t extra = to.rank() - rank();
  check<ShapeError>(extra >= 0, "broadcast_to: shape ", shape_, " has more dimensions than ", to);
  Strides strides;
  for (std::int64_t d = 0; d < rank(); ++d) {
    check<ShapeError>(shape_[d] == to[d + extra] || shape_[d] == 1, "broadcast_to: shape ", shape_,
                      " does not stretch to ", to);
    strides[d + extra] = shape_[d] == to[d + extra] ? strides_[d] : 0;
  }
  return view(to, strides, offset_);
}

Tensor Tensor::patches(std::int64_t patch) const {
  check<ShapeError>(rank() == 4, "patches: expected images of shape (B, C, H, W), got ", shape_);
  check<ShapeError>(patch >= 1 && shape_[2] % patch == 0 && shape_[3] % patch == 0,
                    "patches: ", "height and width of ", shape_, " are not multiples of the patch ",
                    patch);
  Strides s;
  s[0] = strides_[0];
  s[1] = strides_[2] * patch;
  s[2] = strides_[3] * patch;
  s[3] = strides_[1];
  s[4] = strides_[2];
  s[5] = strides_[3];
  return view({shape_[0], shape_[2] / patch, shape_[3] / patch, shape_[1], patch, patch}, s,
              offset_);
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor t = empty(shape_, dtype_, device());
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor t = empty(shape_, dtype, device());
  kernel::convert(device(), *this, t);
  return t;
}

namespace {

/// Bytes of the host's memory, in a storage.
std::shared_ptr<Storage> copy_of(const std::byte* bytes, std::size_t size) {
  auto copy = std::make_shared<Storage>(size, kCpu);
  std::memcpy(copy->mutable_data(), bytes, size);
  return copy;
}

}  // namespace

Tensor Tensor::on_host() const {
  if (device() == kCpu) return *this;
  Tensor known = *this;
  known.storage_ = storage_->on_host();
  return known.storage_ == nullptr ? Tensor() : known;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  const Tensor dense = contiguous();
  Tensor t = empty(shape_, dtype_, device);
  const std::size_t element = size_of(dtype_);
  const std::byte* const from =
      dense.storage_->data() + static_cast<std::size_t>(dense.offset_) * element;
  std::byte* const to = t.storage_->mutable_data();
  const std::size_t bytes = static_cast<std::size_t>(numel()) * element;
  if (device.type == DeviceType::cpu) {
    if (const Tensor known = dense.on_host(); known.defined()) {
      std::memcpy(to, known.storage_->data() + static_cast<std::size_t>(dense.offset_) * element,
                  bytes);
    } else {
      cuda::backend(dense.device().index).copy_to_host(to, from, bytes);
    }
  } else if (dense.device().type == DeviceType::cpu) {
    cuda::backend(device.index).copy_from_host(to, from, bytes);
    if (dtype_ == DType::i64) t.storage_->set_on_host(copy_of(from, bytes));
  } else {
    cuda::backend(device.index).copy(to, from, bytes);
  }
  return t;
}

void Tensor::check_source(const Tensor& source, std::string_view op) const {
  check<ShapeError>(source.shape_ == shape_, op, ": expected shape ", shape_, ", got ",
                    source.shape_);
  check<DTypeError>(source.dtype_ == dtype_, op, ": expected dtype ", dtype_, ", got ",
                    source.dtype_);
}

void Tensor::copy_from(const Tensor& source) {
  check_source(source, "copy_from");
  check<DeviceError>(source.device() == device(), "copy_from: expected device ", device(), ", got ",
                     source.device(), "; copy it with to()");
  kernel::copy(device(), source, *this);
}

void Tensor::upload_from(const Tensor& source) {
  check_source(source, "upload_from");
  check<DeviceError>(source.device() == kCpu,
                     "upload_from: expected a source on the CPU, got one on ", source.device());
  check<ShapeError>(is_contiguous(),
                    "upload_from: expected a dense tensor, got a view with strides");
  if (device() == kCpu) return copy_from(source);
  const Tensor dense = source.contiguous();
  const std::size_t element = size_of(dtype_), bytes = static_cast<std::size_t>(numel()) * element;
  const std::byte* const from =
      dense.storage_->data() + static_cast<std::size_t>(dense.offset_) * element;
  cuda::backend(device().index)
      .copy_from_host(storage_->mutable_data() + static_cast<std::size_t>(offset_) * element, from,
                      bytes);
  // A part of a storage is not known, for the rest may be the device's.
  if (dtype_ == DType::i64 && storage_->bytes() == bytes) {
    storage_->set_on_host(copy_of(from, bytes));
  }
}

void Tensor::fill(double value) { kernel::fill(device(), value, *this); }

namespace {

bool same_strides(const Tensor& a, const Tensor& b) {
  for (std::int64_t d = 0; d < a.rank(); ++d) {
    if (a.strides()[d] != b.strides()[d]) return false;
  }
  return true;
}

}  // namespace

bool same_bits(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  if (a.shares_storage_with(b) && a.offset() == b.offset() && same_strides(a, b)) return true;
  const Tensor x = a.contiguous().to(kCpu), y = b.contiguous().to(kCpu);
  return visit_any(a.dtype(), [&]<class T>(Type<T>) {
    return std::memcmp(x.data<T>(), y.data<T>(), static_cast<std::size_t>(x.numel()) * sizeof(T)) ==
           0;
  });
}

}  // namespace chainline
