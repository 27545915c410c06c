#include "tensor/ops/linear_gelu.h"

#include "tensor/ops/linear.h"
#include "tensor/ops/linear_operands.h"

namespace chainline::cpu::CHAINLINE_ISA {

void linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias, GeluForm form,
                 Tensor& before, Tensor& y) {
  linear(x, weight, bias, Tensor(), before);
  gelu(before, form, y);
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

LinearGeluResult linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias,
                             GeluForm form) {
  const Shape shape = check_linear(x, weight, bias, "linear_gelu");
  LinearGeluResult out{Tensor::empty(shape, x.dtype(), x.device()),
                       Tensor::empty(shape, x.dtype(), x.device())};
  kernel::linear_gelu(x.device(), x.contiguous(), weight, bias.defined() ? bias.contiguous() : bias,
                      form, out.before, out.y);
  return out;
}

}  // namespace chainline::ops
