#pragma once

#include <cstdint>

#include "nn/parameter.h"

namespace chainline::nn {

/// A table of vectors, one per id.
///
/// Shapes   ids i64 (...)  ->  (..., C)
class Embedding {
 public:
  Embedding(std::int64_t entries, std::int64_t channels, DType dtype = DType::f32);
  Variable operator()(const Tensor& ids) const;
  /// The table (V, C), for an output layer that shares it.
  const Variable& weight() const { return weight_; }
  void visit(ParameterVisitor& v) { v.parameter("weight", weight_); }

 private:
  Variable weight_;
};

}  // namespace chainline::nn
