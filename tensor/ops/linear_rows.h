#pragma once

#include "tensor/gemm.h"
#include "tensor/tensor.h"

// The product of linear and of the ops that are a linear map and something more.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// y = x weight^T, where x's rows and y's are dense.
template <class T>
void linear_rows(const Tensor& x, const Tensor& weight, T* y, const Finish& finish) {
  const std::int64_t N = weight.shape()[0], K = weight.shape()[1];
  const Matrix<T> w{weight.data<T>(), weight.strides()[0], weight.strides()[1]};
  gemm<T>(x.shape().without(-1).numel(), N, K, {x.data<T>(), K, 1}, w.transposed(), y, N,
          GemmMode::store, finish);
}

}  // namespace
}  // namespace chainline::cpu::CHAINLINE_ISA
