#pragma once

#include <cstdint>

#include "nn/parameter.h"

namespace chainline::nn {

/// Rows to mean 0 and variance 1, then scaled and shifted: see layer_norm in tensor/ops.
///
/// Shapes   x (..., C)  ->  (..., C)
class LayerNorm {
 public:
  LayerNorm(std::int64_t channels, double eps, DType dtype = DType::f32);
  Variable operator()(const Variable& x) const;
  void visit(ParameterVisitor& v);

 private:
  Variable weight_, bias_;
  double eps_;
};

/// Rows to root-mean-square 1, then scaled: see rms_norm in tensor/ops.
///
/// Shapes   x (..., C)  ->  (..., C)
class RmsNorm {
 public:
  RmsNorm(std::int64_t channels, double eps, DType dtype = DType::f32);
  Variable operator()(const Variable& x) const;
  void visit(ParameterVisitor& v);

 private:
  Variable weight_;
  double eps_;
};

}  // namespace chainline::nn
