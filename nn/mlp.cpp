#include "nn/mlp.h"

#include "autograd/ops.h"

namespace chainline::nn {

Mlp::Mlp(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs, GeluForm form, DType dtype)
    : fc1_(inputs, hidden, true, dtype), fc2_(hidden, outputs, true, dtype), form_(form) {}

Variable Mlp::operator()(const Variable& x, const Variable& residual) const {
  return fc2_(fc1_.then_gelu(x, form_), residual);
}

void Mlp::visit(ParameterVisitor& v) {
  v.child("fc1", fc1_);
  v.child("fc2", fc2_);
}

SwiGlu::SwiGlu(std::int64_t channels, std::int64_t hidden, DType dtype)
    : gate_(channels, hidden, false, dtype),
      up_(channels, hidden, false, dtype),
      down_(hidden, channels, false, dtype) {}

Variable SwiGlu::operator()(const Variable& x, const Variable& residual) const {
  return down_(silu_gate(gate_(x), up_(x)), residual);
}

void SwiGlu::visit(ParameterVisitor& v) {
  v.child("gate_proj", gate_);
  v.child("up_proj", up_);
  v.child("down_proj", down_);
}

}  // namespace chainline::nn
