// Products of cuda/gemm.cuh, one for each index into the leading dimensions.

#include "tensor/ops/matmul.h"

#include "cuda/gemm.cuh"

namespace chainline::cuda {
namespace {

template <class T>
Matrix<T> matrix_of(const Tensor& t) {
  return {t.device_data<T>(), t.strides()[t.rank() - 2], t.strides()[t.rank() - 1]};
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  const Shape& shape = y.shape();
  const std::int64_t M = shape[-2], N = shape[-1];
  if (y.numel() == 0) return;
  const Walk<2> starts(shape.slice(0, shape.rank() - 2), {leading_strides(a), leading_strides(b)});
  visit_floating(y.dtype(), "matmul", [&]<class T>(Type<T>) {
    gemm<T>(y.numel() / (M * N),
            {.M = M,
             .N = N,
             .length = a.shape()[-1],
             .a = matrix_of<T>(a),
             .b = matrix_of<T>(b),
             .c = y.mutable_device_data<T>()},
            starts);
  });
}

}  // namespace chainline::cuda
