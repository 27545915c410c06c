#include "nn/optimizer.h"

#include <cmath>

#include "tensor/memory_ledger.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/global_norm.h"

namespace chainline::nn {
namespace {

void check_count(const char* op, std::size_t parameters, std::size_t gradients) {
  check<ValueError>(parameters == gradients, op, ": expected ", parameters, " gradients, got ",
                    gradients);
}

std::vector<Tensor> zeros_like(const std::vector<NamedParameter>& parameters) {
  const MemoryScope held("optimizer state");
  std::vector<Tensor> zeros;
  for (const NamedParameter& p : parameters) {
    const Tensor& value = p.variable.value();
    zeros.push_back(Tensor::zeros(value.shape(), value.dtype(), value.device()));
  }
  return zeros;
}

void append(std::vector<NamedState>& list, const std::string& prefix,
            const std::vector<NamedParameter>& parameters, const std::vector<Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    list.push_back({prefix + parameters[i].name, tensors[i]});
  }
}

/// Brings the numbers of a step to where the parameters are, always into the same tensor.
void bring(const Tensor& numbers, const std::vector<NamedParameter>& parameters, Tensor& there) {
  if (parameters.empty()) return;
  const Device device = parameters[0].variable.value().device();
  if (!there.defined()) there = Tensor::empty(numbers.shape(), numbers.dtype(), device);
  there.upload_from(numbers);
}

/// Copies saved tensors over fresh ones; names and order must be those of state().
void overwrite(const char* op, std::vector<NamedState> target,
               const std::vector<NamedState>& saved) {
  check<ValueError>(target.size() == saved.size(), op, ": expected ", target.size(),
                    " tensors of state, got ", saved.size());
  for (std::size_t i = 0; i < target.size(); ++i) {
    check<ValueError>(target[i].name == saved[i].name, op, ": expected the state ", target[i].name,
                      ", got ", saved[i].name);
    target[i].tensor.copy_from(saved[i].tensor.to(target[i].tensor.device()));
  }
}

}  // namespace

double global_norm(const std::vector<Tensor>& gradients) {
  return ops::global_norm(gradients).norm.item<double>();
}

double clip_by_global_norm(std::vector<Tensor>& gradients, double max_norm) {
  check<ValueError>(max_norm > 0, "clip_by_global_norm: expected a positive max_norm, got ",
                    max_norm);
  const double norm = global_norm(gradients);
  check<ValueError>(std::isfinite(norm), "clip_by_global_norm: the gradients' norm is ", norm);
  if (norm <= max_norm) return norm;
  for (Tensor& g : gradients) {
    if (g.defined()) g = ops::mul_scalar(g, max_norm / norm);
  }
  return norm;
}

AdamW::AdamW(std::vector<NamedParameter> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)),
      options_(options),
      m_(zeros_like(parameters_)),
      v_(zeros_like(parameters_)) {}

void AdamW::step(const std::vector<Tensor>& gradients, double learning_rate) {
  prepare(learning_rate);
  apply(gradients, {});
}

void AdamW::prepare(double learning_rate) {
  ops::AdamWStep s;
  s.learning_rate = learning_rate;
  s.beta1 = options_.beta1;
  s.beta2 = options_.beta2;
  s.eps = options_.eps;
  s.weight_decay = options_.weight_decay;
  s.step = ++steps_;
  bring(ops::adamw_factors(s), parameters_, factors_);
}

void AdamW::apply(const std::vector<Tensor>& gradients, const Tensor& grad_factor) {
  check_count("adamw", parameters_.size(), gradients.size());
  std::vector<ops::AdamWParameter> moved;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Tensor& value = parameters_[i].variable.mutable_value();
    moved.push_back({value, gradients[i], m_[i], v_[i], value.rank() >= 2});
  }
  ops::adamw_step(moved, factors_, grad_factor);
}

std::vector<NamedState> AdamW::state() const {
  std::vector<NamedState> list;
  append(list, "m.", parameters_, m_);
  append(list, "v.", parameters_, v_);
  return list;
}

void AdamW::restore(std::int64_t steps, const std::vector<NamedState>& saved) {
  overwrite("adamw", state(), saved);
  steps_ = steps;
}

Sgd::Sgd(std::vector<NamedParameter> parameters, const SgdOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  if (options_.momentum != 0) velocity_ = zeros_like(parameters_);
}

ops::SgdStep Sgd::numbers(double learning_rate) const {
  ops::SgdStep s;
  s.learning_rate = learning_rate;
  s.momentum = options_.momentum;
  s.nesterov = options_.nesterov;
  s.weight_decay = options_.weight_decay;
  return s;
}

void Sgd::step(const std::vector<Tensor>& gradients, double learning_rate) {
  prepare(learning_rate);
  apply(gradients, {});
}

void Sgd::prepare(double learning_rate) {
  ++steps_;
  bring(ops::sgd_factors(numbers(learning_rate)), parameters_, factors_);
}

void Sgd::apply(const std::vector<Tensor>& gradients, const Tensor& grad_factor) {
  check_count("sgd", parameters_.size(), gradients.size());
  std::vector<ops::SgdParameter> moved;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Tensor& value = parameters_[i].variable.mutable_value();
    moved.push_back(
        {value, gradients[i], velocity_.empty() ? Tensor() : velocity_[i], value.rank() >= 2});
  }
  ops::sgd_step(moved, numbers(0), factors_, grad_factor);
}

std::vector<NamedState> Sgd::state() const {
  std::vector<NamedState> list;
  append(list, "velocity.", parameters_, velocity_);
  return list;
}

void Sgd::restore(std::int64_t steps, const std::vector<NamedState>& saved) {
  overwrite("sgd", state(), saved);
  steps_ = steps;
}

}  // namespace chainline::nn
