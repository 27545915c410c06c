#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace chainline {

/// How a gradient that sums over the samples of a batch leaves a kernel (docs/numerics.md, rules 4
/// and 6). The leading dimension is the sample axis; a parameter's gradient is
/// `((g_1 + g_2) + g_3) + ...` in sample order, where g_b is sample b's own gradient, its rows
/// taken in ascending order as one chain from +0.
///
/// By default the sum starts from +0. With `into` it continues, in place, where an earlier
/// micro-batch stopped, so that every split of a batch gives the same bits. With `per_sample` there
/// is no sum: the result has one gradient per sample, (B, ...).
struct SampleSum {
  Tensor into;
  bool per_sample = false;

  /// What a kernel adds to: `into`, or zeros of the parameter's shape, or of (samples, shape...).
  Tensor start(const Shape& parameter, std::int64_t samples, DType dtype, Device device) const {
    if (per_sample) return Tensor::zeros(parameter.inserted(0, samples), dtype, device);
    if (!into.defined()) return Tensor::zeros(parameter, dtype, device);
    check<ShapeError>(into.shape() == parameter && into.dtype() == dtype && into.is_contiguous(),
                      "sample_sum: into: expected a dense ", dtype, " tensor of shape ", parameter,
                      ", got ", into.dtype(), " ", into.shape());
    check<DeviceError>(into.device() == device, "sample_sum: into: expected device ", device,
                       ", got ", into.device());
    return into;
  }
};

/// The number of samples that a tensor holds: its leading dimension, or 1 for a lone row.
inline std::int64_t sample_count(const Shape& shape) { return shape.rank() >= 2 ? shape[0] : 1; }

}  // namespace chainline
