#include "nn/norm.h"

#include "autograd/ops.h"

namespace chainline::nn {

LayerNorm::LayerNorm(std::int64_t channels, double eps, DType dtype)
    : weight_(Tensor::full({channels}, 1, dtype), true),
      bias_(Tensor::zeros({channels}, dtype), true),
      eps_(eps) {}

Variable LayerNorm::operator()(const Variable& x) const {
  return layer_norm(x, weight_, bias_, eps_);
}

void LayerNorm::visit(ParameterVisitor& v) {
  v.parameter("weight", weight_);
  v.parameter("bias", bias_);
}

RmsNorm::RmsNorm(std::int64_t channels, double eps, DType dtype)
    : weight_(Tensor::full({channels}, 1, dtype), true), eps_(eps) {}

Variable RmsNorm::operator()(const Variable& x) const { return rms_norm(x, weight_, eps_); }

void RmsNorm::visit(ParameterVisitor& v) { v.parameter("weight", weight_); }

}  // namespace chainline::nn
