// A thread for each result, which walks down the dimension.

#include "tensor/ops/extremum.h"

#include "cuda/constants.cuh"
#include "cuda/grid.cuh"
#include "tensor/ops/along.h"

namespace chainline::cuda {
namespace {

/// A NaN lies beyond everything and stays, because nothing compares true with it.
template <class T, bool kMax>
__global__ void extremum_kernel(Along along, const T* x, T* y) {
  for (std::int64_t i = first_element(); i < along.outer * along.inner; i += elements_at_once()) {
    const T* p = x + i / along.inner * along.length * along.inner + i % along.inner;
    T best = kMax ? -kInfinity<T> : kInfinity<T>;
    for (std::int64_t k = 0; k < along.length; ++k, p += along.inner) {
      const T next = *p;
      best = (kMax ? next > best : next < best) || next != next ? next : best;
    }
    y[i] = best != best ? kNan<T> : best + T(0);
  }
}

template <class T>
__global__ void argmax_kernel(Along along, const T* x, std::int64_t* y) {
  for (std::int64_t i = first_element(); i < along.outer * along.inner; i += elements_at_once()) {
    const T* p = x + i / along.inner * along.length * along.inner + i % along.inner;
    std::int64_t at = 0;
    T best = *p;
    for (std::int64_t k = 1; k < along.length; ++k) {
      const T next = p[k * along.inner];
      if (next > best || (next != next && best == best)) {
        best = next;
        at = k;
      }
    }
    y[i] = at;
  }
}

}  // namespace

void extremum(Extremum which, const Tensor& x, std::int64_t d, Tensor& y) {
  const Along along(x.shape(), d);
  visit_floating(x.dtype(), "extremum", [&]<class T>(Type<T>) {
    launch_elements(
        y.numel(),
        which == Extremum::largest ? &extremum_kernel<T, true> : &extremum_kernel<T, false>, along,
        x.device_data<T>(), y.mutable_device_data<T>());
  });
}

void argmax(const Tensor& x, std::int64_t d, Tensor& y) {
  const Along along(x.shape(), d);
  visit_floating(x.dtype(), "argmax", [&]<class T>(Type<T>) {
    launch_elements(y.numel(), &argmax_kernel<T>, along, x.device_data<T>(),
                    y.mutable_device_data<std::int64_t>());
  });
}

}  // namespace chainline::cuda
