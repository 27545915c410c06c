#pragma once

#include "autograd/variable.h"
#include "tensor/ops/gelu.h"
#include "tensor/sample_sum.h"

// Gradients that the rules of more than one op are made of; for their files only.

namespace chainline {

/// Of linear (autograd/ops/linear.cpp), for an x of that shape: dx = g W, dW = g^T x, db = sum of g.
Variable input_gradient(const Variable& g, const Variable& weight, const Shape& x);
Variable weight_gradient(const Variable& g, const Variable& x, const SampleSum& sum);
Variable bias_gradient(const Variable& g, const SampleSum& sum);

/// Of gelu (autograd/ops/gelu.cpp): dx = g gelu'(x).
Variable gelu_gradient(const Variable& g, const Variable& x, GeluForm form);

}  // namespace chainline
