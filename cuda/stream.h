#pragma once

#include "cuda/runtime.h"

namespace chainline::cuda {

/// The stream that all work on tensors goes to: what is asked for later is done later, so blocks of
/// the cache pass from one kernel to the next without waiting.
Stream stream();

}  // namespace chainline::cuda
