// A thread for each element.

#include "tensor/ops/where.h"

#include "cuda/elementwise.cuh"

namespace chainline::cuda {
namespace {

template <class T>
struct Choose {
  __device__ T operator()(std::uint8_t condition, T a, T b) const { return condition != 0 ? a : b; }
};

}  // namespace

void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_any(y.dtype(), [&]<class T>(Type<T>) {
    elementwise<T, std::uint8_t, T, T>(y, Choose<T>(), condition, a, b);
  });
}

}  // namespace chainline::cuda
