#pragma once

#include <string_view>

#include "tensor/ops/operand.h"

namespace chainline {

/// Checks the operands of a layer in the words of its op, and returns the shape of its result.
inline Shape check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                          std::string_view op) {
  check<ShapeError>(x.rank() >= 1, op, ": x: expected at least 1 dimension, got shape ", x.shape());
  const std::int64_t K = x.shape()[-1];
  check<ShapeError>(weight.rank() == 2 && weight.shape()[1] == K, op, ": weight: expected (N, ", K,
                    "), got ", weight.shape());
  const std::int64_t N = weight.shape()[0];
  check_parameter(weight, {N, K}, x, op, "weight");
  if (bias.defined()) check_parameter(bias, {N}, x, op, "bias");
  return x.shape().with(-1, N);
}

}  // namespace chainline
