// A thread for each element, which draws its own word.

#include "tensor/ops/dropout.h"

#include <vector>

#include "cuda/arithmetic.cuh"
#include "cuda/grid.cuh"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void dropout_kernel(std::int64_t n, std::int64_t per_sample, DropoutMask mask,
                               Arithmetic<T> scale, const std::int64_t* samples, const T* x, T* y) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    const auto sample = static_cast<std::uint32_t>(samples[i / per_sample]);
    const std::uint64_t q = mask.position + static_cast<std::uint64_t>(i % per_sample);
    const PhiloxCounter words = mask.words(sample, q / 4);
    const Arithmetic<T> factor = words[q % 4] < mask.threshold ? 0 : scale;
    y[i] = static_cast<T>(widen(x[i]) * factor);
  }
}

}  // namespace

void dropout(const Tensor& x, const DropoutMask& mask, std::span<const std::int64_t> samples,
             Tensor& y) {
  if (x.numel() == 0) return;
  const Tensor numbers = Tensor::from(std::vector<std::int64_t>(samples.begin(), samples.end()),
                                      {x.shape()[0]}, x.device());
  visit_activation(x.dtype(), "dropout", [&]<class T>(Type<T>) {
    launch_elements(x.numel(), &dropout_kernel<T>, x.numel(), x.numel() / x.shape()[0], mask,
                    static_cast<Arithmetic<T>>(mask.scale), numbers.device_data<std::int64_t>(),
                    x.device_data<T>(), y.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
