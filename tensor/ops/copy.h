#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

// What stands behind Tensor's own copies: copy_from, clone and contiguous, to(DType), fill and
// arange. Their contracts are in tensor/tensor.h.

/// Both of one dtype, each with any strides; source may have strides of 0.
///
/// Shapes   target as source, here and below
/// Errors   none: Tensor checks
/// Bits     exact: values are copied, or converted by tensor/convert.h
CHAINLINE_KERNEL(copy, void(const Tensor& source, Tensor& target));
/// target is dense; source has any strides.
CHAINLINE_KERNEL(convert, void(const Tensor& source, Tensor& target));
/// target has any strides.
CHAINLINE_KERNEL(fill, void(double value, Tensor& target));
/// target is dense, of one dimension.
CHAINLINE_KERNEL(arange, void(Tensor& target));
