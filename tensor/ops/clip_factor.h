#pragma once

#include "tensor/host_device.h"

namespace chainline {

/// What a gradient of this norm is multiplied by: 1 up to max_norm, above it max_norm / norm. NaN
/// for a norm that is not finite.
CHAINLINE_HOST_DEVICE inline double clip_factor(double norm, double max_norm) {
  if (!(norm - norm == 0)) return norm - norm;  // NaN for an infinity too
  return norm <= max_norm ? 1 : max_norm / norm;
}

}  // namespace chainline
