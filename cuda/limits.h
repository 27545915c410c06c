#pragma once

#include "cuda/runtime.h"
#include "tensor/backend.h"

namespace chainline::cuda {

/// What device 0 reaches now, the best of some trials. On the emulator everything is done once, on
/// little.
DeviceLimits measured_limits(int multiprocessors, bool emulated);

/// Starts rounds of Hopper's products, on a GPU of that kind; the operations that they are. `pair` are
/// two numbers of bf16 of which all operands consist, `never` room for 256 numbers.
double run_hopper_product_chains(int multiprocessors, int rounds, unsigned pair, float* never,
                                 Stream stream);

}  // namespace chainline::cuda
