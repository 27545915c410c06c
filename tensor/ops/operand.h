#pragma once

#include <string_view>

#include "tensor/tensor.h"

namespace chainline {

/// The dtype of the parameters, statistics and losses that belong to activations of a dtype: those of
/// bf16 are f32 (docs/numerics.md, Classes).
constexpr DType parameter_dtype(DType activations) {
  return activations == DType::bf16 ? DType::f32 : activations;
}

/// Whether x is of the fast class, which only the second device has.
inline bool is_fast(const Tensor& x) {
  return x.dtype() == DType::bf16 && x.device().type == DeviceType::cuda;
}

/// Checks an operand against what the op's first operand, `like`, asks of it, or against another
/// dtype.
///
/// Errors   ShapeError, DTypeError or DeviceError, in the words
///          `op: argument: expected shape (8), got (4)`
inline void check_operand(const Tensor& t, const Shape& shape, const Tensor& like, DType dtype,
                          std::string_view op, std::string_view argument) {
  check<ShapeError>(t.defined(), op, ": ", argument, ": expected a tensor, got none");
  check<ShapeError>(t.shape() == shape, op, ": ", argument, ": expected shape ", shape, ", got ",
                    t.shape());
  check<DTypeError>(t.dtype() == dtype, op, ": ", argument, ": expected dtype ", dtype, ", got ",
                    t.dtype());
  check<DeviceError>(t.device() == like.device(), op, ": ", argument, ": expected device ",
                     like.device(), ", got ", t.device());
}
inline void check_operand(const Tensor& t, const Shape& shape, const Tensor& like,
                          std::string_view op, std::string_view argument) {
  check_operand(t, shape, like, like.dtype(), op, argument);
}

/// Checks a parameter, or a statistic or loss in its dtype, against the activations `like`.
inline void check_parameter(const Tensor& t, const Shape& shape, const Tensor& like,
                            std::string_view op, std::string_view argument) {
  check_operand(t, shape, like, parameter_dtype(like.dtype()), op, argument);
}

}  // namespace chainline
