#include "tensor/ops/rope.h"

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/math.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/unary.h"

namespace chainline {
namespace {

Variable rotate(const Variable& x, const Tensor& positions, double theta, bool back);

/// A rotation is linear and orthogonal: its gradient is the rotation back, which is again one.
struct RopeRule final : Node {
  double theta = 0;
  bool back = false;
  std::string_view name() const override { return back ? "rope_backward" : "rope"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const Variable positions = saved<1>()[0];
    return {rotate(g[0], positions.value(), theta, !back)};
  }
};

Variable rotate(const Variable& x, const Tensor& positions, double theta, bool back) {
  const Tensor y = back ? ops::rope_backward(x.value(), positions, theta)
                        : ops::rope(x.value(), positions, theta);
  const auto fill = [&](RopeRule& rule) {
    rule.theta = theta;
    rule.back = back;
    rule.save("positions", positions);
  };
  return record<RopeRule>({x}, {y}, fill)[0];
}

}  // namespace

Variable rope(const Variable& x, const Tensor& positions, double theta) {
  return rotate(x, positions, theta, false);
}

// The two halves of a head are the components of D/2 planes, plane i turned by
// position * theta^(-2i/D):
//   y1 = x1 cos - x2 sin,  y2 = x2 cos + x1 sin
Variable rope_composed(const Variable& x, const Tensor& positions, double theta) {
  const std::int64_t half = x.shape()[-1] / 2;
  const Tensor exponents = ops::mul_scalar(Tensor::arange(half, DType::f64, positions.device()),
                                           -math::log(theta) / static_cast<double>(half));
  const Tensor p = positions.to(DType::f64).unsqueeze(-1);  // (T, 1) or (B, T, 1)
  Tensor angles = ops::mul(p, ops::exp(exponents));
  if (angles.rank() == 3) angles = angles.unsqueeze(1);  // the same for every head
  const Variable c(ops::cos(angles).to(x.dtype())), s(ops::sin(angles).to(x.dtype()));
  const Variable x1 = narrow(x, -1, 0, half), x2 = narrow(x, -1, half, half);
  return cat({x1 * c - x2 * s, x2 * c + x1 * s}, -1);
}

}  // namespace chainline
