#pragma once

#include "tensor/tensor.h"

// Parameters are f32, the operands of the fast class's products bf16. Here is the one place where a
// weight becomes an operand.

namespace chainline::cuda {

/// A weight (N, K) as the operand B, (K, N), of x W^T.
struct FastWeight {
  Tensor numbers;   // bf16, dense
  bool transposed;  // whether they lie as N x K
};

/// Converts a weight of any strides at each call. A transposed view, as the gradient of x has it,
/// keeps the order in memory.
inline FastWeight fast_weight(const Tensor& weight) {
  const Tensor turned = weight.transpose(0, 1);
  if (turned.is_contiguous()) return {turned.to(DType::bf16), false};
  return {weight.to(DType::bf16), true};
}

}  // namespace chainline::cuda
