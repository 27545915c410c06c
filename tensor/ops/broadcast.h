#pragma once

#include <string_view>

#include "tensor/tensor.h"

namespace chainline {

/// An operand of an elementwise op has the dtype and the device of the first one.
inline void check_alike(const Tensor& t, const Tensor& first, std::string_view op,
                        std::string_view argument) {
  check<DTypeError>(t.dtype() == first.dtype(), op, ": ", argument, ": expected dtype ",
                    first.dtype(), ", got ", t.dtype());
  check<DeviceError>(t.device() == first.device(), op, ": ", argument, ": expected device ",
                     first.device(), ", got ", t.device());
}

/// Two operands as views of their common shape.
struct Broadcast {
  Tensor a, b;
};
inline Broadcast broadcast(const Tensor& a, const Tensor& b, std::string_view op) {
  check_alike(b, a, op, "b");
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), op);
  return {a.broadcast_to(shape), b.broadcast_to(shape)};
}

}  // namespace chainline
