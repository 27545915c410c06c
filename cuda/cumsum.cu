// A thread for each column, since a chain is no work for two.

#include "tensor/ops/cumsum.h"

#include "cuda/grid.cuh"
#include "tensor/ops/along.h"

namespace chainline::cuda {
namespace {

/// T is the type to add in; integers are added as unsigned ones, whose overflow is defined.
template <class T>
__global__ void running_sums(Along along, const T* x, T* y) {
  for (std::int64_t i = first_element(); i < along.outer * along.inner; i += elements_at_once()) {
    std::int64_t at = i / along.inner * along.length * along.inner + i % along.inner;
    T sum = 0;
    for (std::int64_t k = 0; k < along.length; ++k, at += along.inner) {
      sum += x[at];
      y[at] = sum;
    }
  }
}

}  // namespace

void cumsum(const Tensor& x, std::int64_t d, Tensor& y) {
  const Along along(x.shape(), d);
  const std::int64_t columns = along.outer * along.inner;
  if (x.dtype() == DType::i64) {
    launch_elements(columns, &running_sums<std::uint64_t>, along,
                    reinterpret_cast<const std::uint64_t*>(x.device_data<std::int64_t>()),
                    reinterpret_cast<std::uint64_t*>(y.mutable_device_data<std::int64_t>()));
    return;
  }
  visit_floating(x.dtype(), "cumsum", [&]<class T>(Type<T>) {
    launch_elements(columns, &running_sums<T>, along, x.device_data<T>(),
                    y.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
