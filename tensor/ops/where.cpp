#include "tensor/ops/where.h"

#include "tensor/iterate.h"
#include "tensor/ops/broadcast.h"

namespace chainline::ops {

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check<DTypeError>(condition.dtype() == DType::u8, "where: condition: expected dtype u8, got ",
                    condition.dtype());
  check<DeviceError>(condition.device() == a.device(), "where: condition: expected device ",
                     a.device(), ", got ", condition.device());
  check_alike(b, a, "where", "b");
  const Shape shape =
      broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape(), "where"), "where");
  Tensor y = Tensor::empty(shape, a.dtype(), a.device());
  kernel::where(a.device(), condition.broadcast_to(shape), a.broadcast_to(shape),
                b.broadcast_to(shape), y);
  return y;
}

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {

void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_any(y.dtype(), [&]<class T>(Type<T>) {
    map<T, std::uint8_t, T, T>(
        y, [](std::uint8_t c, T p, T q) { return c != 0 ? p : q; }, condition, a, b);
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
