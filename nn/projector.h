#pragma once

#include "nn/linear.h"

namespace chainline::nn {

/// The bridge from image features to the decoder's embeddings: two layers with an exact GELU.
///
///   y = gelu(x W1^T + b1) W2^T + b2
///
/// Shapes   x (B, N, C)  ->  (B, N, D)
/// Source   Liu et al.: Improved Baselines with Visual Instruction Tuning (2023)
class Projector {
 public:
  Projector(std::int64_t image_channels, std::int64_t text_channels, DType dtype = DType::f32);
  Variable operator()(const Variable& x) const;
  void visit(ParameterVisitor& v);

 private:
  Linear linear1_, linear2_;
};

}  // namespace chainline::nn
