#pragma once

#include "cuda/grid.cuh"
#include "tensor/tensor.h"

// Searches that the host needs the answer of: it waits for them.

namespace chainline::cuda {

template <class F>
__global__ void first_kernel(std::int64_t n, F holds, long long* first) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    if (holds(i)) atomicMin(first, static_cast<long long>(i));
  }
}

/// The smallest i < n for which holds(i), or n: whole numbers, so the order of arrival does not
/// show. F is a struct whose operator() runs on the device.
template <class F>
std::int64_t first_where(std::int64_t n, const F& holds, Device device) {
  if (n == 0) return 0;
  Tensor first = Tensor::full({}, static_cast<double>(n), DType::i64, device);
  launch_elements(n, &first_kernel<F>, n, holds,
                  reinterpret_cast<long long*>(first.mutable_device_data<std::int64_t>()));
  return first.item<std::int64_t>();
}

/// Element number i of a dense tensor.
inline std::int64_t element(const Tensor& t, std::int64_t i) {
  return t.reshape({-1}).narrow(0, i, 1).item<std::int64_t>();
}

}  // namespace chainline::cuda
