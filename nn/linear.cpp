#include "nn/linear.h"

#include "autograd/ops.h"

namespace chainline::nn {

Linear::Linear(std::int64_t inputs, std::int64_t outputs, bool bias, DType dtype)
    : weight_(Tensor::zeros({outputs, inputs}, dtype), true) {
  if (bias) bias_ = Variable(Tensor::zeros({outputs}, dtype), true);
}

Variable Linear::operator()(const Variable& x, const Variable& residual) const {
  if (!low_rank_) return linear(x, weight_, bias_, residual);
  const Variable addition = linear(linear(x, low_rank_->a), low_rank_->b);
  const Variable y = linear(x, weight_, bias_) + mul_scalar(addition, low_rank_->scale);
  return residual.defined() ? y + residual : y;
}

Variable Linear::then_gelu(const Variable& x, GeluForm form) const {
  if (low_rank_) return gelu((*this)(x), form);
  return linear_gelu(x, weight_, bias_, form);
}

void Linear::add_low_rank(std::int64_t rank, double alpha) {
  check<ValueError>(rank >= 1 && rank <= std::min(inputs(), outputs()),
                    "linear: expected a rank in [1, ", std::min(inputs(), outputs()), "], got ",
                    rank);
  check<ValueError>(!low_rank_, "linear: it has a low-rank addition already; merge it first");
  weight_.set_requires_grad(false);
  if (bias_.defined()) bias_.set_requires_grad(false);
  const auto zeros = [&](const Shape& shape) {
    return Variable(Tensor::zeros(shape, weight_.dtype(), weight_.value().device()), true);
  };
  low_rank_ =
      LowRank{zeros({rank, inputs()}), zeros({outputs(), rank}), alpha / static_cast<double>(rank)};
}

void Linear::merge_low_rank() {
  if (!low_rank_) return;
  const NoGradGuard off;
  const Variable sum = weight_ + mul_scalar(matmul(low_rank_->b, low_rank_->a), low_rank_->scale);
  weight_.mutable_value().copy_from(sum.value());
  low_rank_.reset();
}

void Linear::visit(ParameterVisitor& v) {
  v.parameter("weight", weight_);
  if (bias_.defined()) v.parameter("bias", bias_);
  if (low_rank_) {
    v.parameter("lora_A", low_rank_->a);
    v.parameter("lora_B", low_rank_->b);
  }
}

}  // namespace chainline::nn
