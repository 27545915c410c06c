#include "tensor/ops/cat.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tensor/parallel.h"

// Seen from dimension dim, a dense tensor is `outer` blocks of bytes: everything from dim on is one
// block. Side by side, the blocks of y hold those of each tensor in turn, whatever they mean.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

constexpr std::int64_t kBytesPerChunk = std::int64_t{1} << 16;

struct Blocks {
  std::int64_t outer, bytes;
};

Blocks blocks(const Tensor& x, std::int64_t dim) {
  const std::int64_t outer = x.shape().slice(0, dim).numel();
  const std::int64_t inner = x.shape().slice(dim, x.rank()).numel();
  return {outer, inner * static_cast<std::int64_t>(size_of(x.dtype()))};
}

std::byte* bytes(Tensor& x) {
  return visit_any(x.dtype(), [&]<class T>(Type<T>) {
    return reinterpret_cast<std::byte*>(x.mutable_data<T>());
  });
}

const std::byte* bytes(const Tensor& x) {
  return visit_any(
      x.dtype(), [&]<class T>(Type<T>) { return reinterpret_cast<const std::byte*>(x.data<T>()); });
}

std::int64_t grain(const Blocks& whole) {
  return kBytesPerChunk / std::max<std::int64_t>(whole.bytes, 1) + 1;
}

}  // namespace

void cat(std::span<const Tensor> tensors, std::int64_t dim, Tensor& y) {
  struct Part {
    const std::byte* from;
    std::int64_t bytes;
  };
  std::vector<Part> parts;
  for (const Tensor& x : tensors) parts.push_back({bytes(x), blocks(x, dim).bytes});
  const Blocks whole = blocks(y, dim);
  std::byte* const start = bytes(y);
  parallel_for(whole.outer, grain(whole), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::byte* to = start + i * whole.bytes;
      for (const Part& part : parts) {
        to = std::copy_n(part.from + i * part.bytes, part.bytes, to);
      }
    }
  });
}

void narrow_backward(const Tensor& grad, std::int64_t dim, std::int64_t start, Tensor& dx) {
  const Blocks whole = blocks(dx, dim), part = blocks(grad, dim);
  if (part.bytes == 0) {
    std::fill_n(bytes(dx), whole.outer * whole.bytes, std::byte{0});
    return;
  }
  const std::int64_t before = part.bytes / grad.shape()[dim] * start;
  const std::byte* const from = bytes(grad);
  std::byte* const to = bytes(dx);
  parallel_for(whole.outer, grain(whole), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::byte* at = std::fill_n(to + i * whole.bytes, before, std::byte{0});
      at = std::copy_n(from + i * part.bytes, part.bytes, at);
      std::fill_n(at, whole.bytes - before - part.bytes, std::byte{0});
    }
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

void check_alike(std::span<const Tensor> tensors, std::string_view op) {
  check<ShapeError>(!tensors.empty(), op, ": expected at least one tensor, got none");
  const Tensor& first = tensors[0];
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    check<DTypeError>(tensors[i].dtype() == first.dtype(), op, ": tensor ", i, ": expected dtype ",
                      first.dtype(), ", got ", tensors[i].dtype());
    check<DeviceError>(tensors[i].device() == first.device(), op, ": tensor ", i,
                       ": expected device ", first.device(), ", got ", tensors[i].device());
  }
}

}  // namespace

Tensor cat(std::span<const Tensor> tensors, std::int64_t dim) {
  check_alike(tensors, "cat");
  const Tensor& first = tensors[0];
  const std::int64_t d = first.shape().dim(dim, "cat");
  std::int64_t size = 0;
  std::vector<Tensor> dense;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& x = tensors[i];
    check<ShapeError>(x.rank() == first.rank() && x.shape().with(d, 0) == first.shape().with(d, 0),
                      "cat: tensor ", i, ": expected shape ", first.shape(),
                      " except in dimension ", d, ", got ", x.shape());
    check<ShapeError>(!__builtin_add_overflow(size, x.shape()[d], &size), "cat: dimension ", d,
                      " has more entries than 63 bits can count");
    dense.push_back(x.contiguous());
  }
  Tensor y = Tensor::empty(first.shape().with(d, size), first.dtype(), first.device());
  kernel::cat(first.device(), dense, d, y);
  return y;
}

Tensor stack(std::span<const Tensor> tensors, std::int64_t dim) {
  check_alike(tensors, "stack");
  std::vector<Tensor> slices;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    check<ShapeError>(tensors[i].shape() == tensors[0].shape(), "stack: tensor ", i,
                      ": expected shape ", tensors[0].shape(), ", got ", tensors[i].shape());
    slices.push_back(tensors[i].unsqueeze(dim));
  }
  return cat(slices, dim);
}

Tensor narrow_backward(const Tensor& grad, std::int64_t dim, std::int64_t start,
                       std::int64_t full_size) {
  const std::int64_t d = grad.shape().dim(dim, "narrow_backward");
  const std::int64_t length = grad.shape()[d];
  check<ShapeError>(start >= 0 && full_size >= length && start <= full_size - length,
                    "narrow_backward: grad: expected entries within [0, ", full_size,
                    ") of dimension ", d, ", got ", length, " from ", start);
  Tensor dx = Tensor::empty(grad.shape().with(d, full_size), grad.dtype(), grad.device());
  kernel::narrow_backward(grad.device(), grad.contiguous(), d, start, dx);
  return dx;
}

}  // namespace chainline::ops
