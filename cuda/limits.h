#pragma once

#include "tensor/backend.h"

namespace chainline::cuda {

/// What device 0 reaches now, the best of some trials. On the emulator everything is done once, on
/// little.
DeviceLimits measured_limits(int multiprocessors, bool emulated);

}  // namespace chainline::cuda
