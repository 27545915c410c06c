#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/parameter.h"
#include "tensor/ops/optimizer_step.h"

namespace chainline::nn {

/// The length of all gradients taken as one vector (tensor/ops/global_norm.h), waited for.
double global_norm(const std::vector<Tensor>& gradients);

/// Scales all gradients by max_norm / norm where their global norm exceeds max_norm. Returns the
/// norm before. A norm that is not finite is a ValueError: nothing sensible can be stepped with it.
double clip_by_global_norm(std::vector<Tensor>& gradients, double max_norm);

/// A tensor of an optimizer's state and the name it has in checkpoints.
struct NamedState {
  std::string name;
  Tensor tensor;
};

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
};

/// AdamW over a list of parameters: see adamw_step (tensor/ops/optimizer_step.h) for the formula.
/// Weight decay applies to parameters with two or more dimensions.
class AdamW {
 public:
  AdamW(std::vector<NamedParameter> parameters, const AdamWOptions& options);

  /// Moves every parameter that has a gradient; one gradient per parameter, undefined for none.
  void step(const std::vector<Tensor>& gradients, double learning_rate);

  /// The two halves of a step. The first counts it and brings its numbers to the parameters' device;
  /// the second is work of the device alone, the same for every step, so it can be recorded
  /// (tensor/device_graph.h). grad_factor is that of global_norm, or undefined for 1.
  void prepare(double learning_rate);
  void apply(const std::vector<Tensor>& gradients, const Tensor& grad_factor);

  std::int64_t steps() const { return steps_; }
  /// The state to save: first and second moments by parameter name ("m.NAME", "v.NAME").
  std::vector<NamedState> state() const;
  void restore(std::int64_t steps, const std::vector<NamedState>& state);

 private:
  std::vector<NamedParameter> parameters_;
  AdamWOptions options_;
  std::vector<Tensor> m_, v_;
  Tensor factors_;  // of the step that was prepared
  std::int64_t steps_ = 0;
};

struct SgdOptions {
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
};

/// Gradient descent with momentum over a list of parameters: see sgd_step.
class Sgd {
 public:
  Sgd(std::vector<NamedParameter> parameters, const SgdOptions& options);
  void step(const std::vector<Tensor>& gradients, double learning_rate);
  /// As AdamW's.
  void prepare(double learning_rate);
  void apply(const std::vector<Tensor>& gradients, const Tensor& grad_factor);

  std::int64_t steps() const { return steps_; }
  std::vector<NamedState> state() const;
  void restore(std::int64_t steps, const std::vector<NamedState>& state);

 private:
  ops::SgdStep numbers(double learning_rate) const;

  std::vector<NamedParameter> parameters_;
  SgdOptions options_;
  std::vector<Tensor> velocity_;
  Tensor factors_;  // of the step that was prepared
  std::int64_t steps_ = 0;
};

}  // namespace chainline::nn
