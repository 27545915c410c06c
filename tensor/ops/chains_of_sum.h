#pragma once

#include "tensor/tensor.h"

namespace chainline {

/// What a sum of x (B, ...) into `total`, whose sizes are x's or 1, is made of: an element of total
/// for each index of the kept dimensions, and for each sample a chain over those in the middle. The
/// first dimension counts the samples if it is summed over (docs/numerics.md, rule 4).
struct ChainsOfSum {
  /// Some dimensions of a tensor as a shape with strides.
  struct Part {
    Shape shape;
    Strides strides;

    void append(std::int64_t size, std::int64_t stride) {
      strides[shape.rank()] = stride;
      shape = shape.inserted(shape.rank(), size);
    }
  };

  ChainsOfSum(const Tensor& x, const Tensor& total) {
    for (std::int64_t d = 0; d < x.rank(); ++d) {
      const bool keeps = total.shape()[d] == x.shape()[d];
      if (keeps || d > 0) (keeps ? kept : middle).append(x.shape()[d], x.strides()[d]);
    }
    if (total.shape()[0] != x.shape()[0]) {
      samples = x.shape()[0];
      sample_stride = x.strides()[0];
    }
  }

  Part kept, middle;
  std::int64_t samples = 1, sample_stride = 0;
};

}  // namespace chainline
