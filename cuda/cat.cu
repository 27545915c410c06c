// A thread for each element that is written. Seen from dimension dim, a dense tensor is `outer`
// blocks: everything from dim on is one block (tensor/ops/cat.cpp).

#include "tensor/ops/cat.h"

#include "cuda/grid.cuh"

namespace chainline::cuda {
namespace {

/// Elements in a block.
std::int64_t block_of(const Tensor& x, std::int64_t dim) {
  return x.shape().slice(dim, x.rank()).numel();
}

/// Copies blocks of `part` elements to the place `before` in blocks of `whole`.
template <class T>
__global__ void place_kernel(std::int64_t n, std::int64_t part, std::int64_t whole,
                             std::int64_t before, const T* x, T* y) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    y[i / part * whole + before + i % part] = x[i];
  }
}

}  // namespace

void cat(std::span<const Tensor> tensors, std::int64_t dim, Tensor& y) {
  visit_any(y.dtype(), [&]<class T>(Type<T>) {
    T* const to = y.mutable_device_data<T>();
    std::int64_t before = 0;
    for (const Tensor& x : tensors) {
      const std::int64_t part = block_of(x, dim);
      launch_elements(x.numel(), &place_kernel<T>, x.numel(), part, block_of(y, dim), before,
                      x.device_data<T>(), to);
      before += part;
    }
  });
}

void narrow_backward(const Tensor& grad, std::int64_t dim, std::int64_t start, Tensor& dx) {
  dx.fill(0);
  if (grad.numel() == 0) return;
  const std::int64_t part = block_of(grad, dim);
  visit_any(grad.dtype(), [&]<class T>(Type<T>) {
    launch_elements(grad.numel(), &place_kernel<T>, grad.numel(), part, block_of(dx, dim),
                    part / grad.shape()[dim] * start, grad.device_data<T>(),
                    dx.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
