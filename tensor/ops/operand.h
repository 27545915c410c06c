#pragma once

#include <string_view>

#include "tensor/tensor.h"

namespace chainline {

/// Checks an operand against what the op's first operand, `like`, asks of it.
///
/// Errors   ShapeError, DTypeError or DeviceError, in the words
///          `op: argument: expected shape (8), got (4)`
inline void check_operand(const Tensor& t, const Shape& shape, const Tensor& like,
                          std::string_view op, std::string_view argument) {
  check<ShapeError>(t.defined(), op, ": ", argument, ": expected a tensor, got none");
  check<ShapeError>(t.shape() == shape, op, ": ", argument, ": expected shape ", shape, ", got ",
                    t.shape());
  check<DTypeError>(t.dtype() == like.dtype(), op, ": ", argument, ": expected dtype ",
                    like.dtype(), ", got ", t.dtype());
  check<DeviceError>(t.device() == like.device(), op, ": ", argument, ": expected device ",
                     like.device(), ", got ", t.device());
}

}  // namespace chainline
