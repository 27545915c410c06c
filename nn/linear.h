#pragma once

#include <cstdint>
#include <optional>

#include "autograd/variable.h"
#include "nn/parameter.h"
#include "tensor/ops/gelu.h"

namespace chainline::nn {

/// A low-rank addition to a frozen weight: W + scale B A.
///
/// Shapes   a (R, K); b (N, R)
/// Source   Hu et al.: LoRA (2021)
struct LowRank {
  Variable a, b;
  double scale = 1;
};

/// y = x W^T + bias, and with a low-rank addition + scale (x A^T) B^T; then + residual, where one is
/// given.
///
/// Shapes   x (..., K); weight (N, K); bias (N); residual (..., N)  ->  y (..., N)
class Linear {
 public:
  Linear(std::int64_t inputs, std::int64_t outputs, bool bias, DType dtype = DType::f32);

  Variable operator()(const Variable& x, const Variable& residual = {}) const;
  /// gelu(y)
  Variable then_gelu(const Variable& x, GeluForm form) const;

  /// Freezes the weight and bias and adds a trainable product of rank `rank`; B starts at zero, so
  /// the function is unchanged until the first step. A is drawn by init_weights.
  void add_low_rank(std::int64_t rank, double alpha);
  /// Adds the product into the weight and drops it.
  void merge_low_rank();
  bool has_low_rank() const { return low_rank_.has_value(); }

  std::int64_t inputs() const { return weight_.shape()[1]; }
  std::int64_t outputs() const { return weight_.shape()[0]; }

  void visit(ParameterVisitor& v);

 private:
  Variable weight_, bias_;  // bias_ undefined without one
  std::optional<LowRank> low_rank_;
};

}  // namespace chainline::nn
