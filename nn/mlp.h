#pragma once

#include <cstdint>

#include "nn/linear.h"
#include "tensor/ops/gelu.h"

namespace chainline::nn {

/// Two layers with a GELU between: y = gelu(x W1^T + b1) W2^T + b2, + residual where one is given.
///
/// Shapes   x (..., C); residual (..., O)  ->  (..., O) by way of (..., hidden)
class Mlp {
 public:
  Mlp(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs, GeluForm form,
      DType dtype = DType::f32);
  Variable operator()(const Variable& x, const Variable& residual = {}) const;
  void visit(ParameterVisitor& v);

 private:
  Linear fc1_, fc2_;
  GeluForm form_;
};

/// LLaMA's gated form: y = (silu(x Wg^T) * (x Wu^T)) Wd^T, + residual where one is given.
///
/// Shapes   x, residual (..., C)  ->  (..., C) by way of (..., hidden)
/// Source   Shazeer: GLU Variants Improve Transformer (2020)
class SwiGlu {
 public:
  SwiGlu(std::int64_t channels, std::int64_t hidden, DType dtype = DType::f32);
  Variable operator()(const Variable& x, const Variable& residual = {}) const;
  void visit(ParameterVisitor& v);

 private:
  Linear gate_, up_, down_;
};

}  // namespace chainline::nn
