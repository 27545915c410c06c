#pragma once

#include <cstdint>

#include "cuda/runtime.h"
#include "tensor/dtype.h"

namespace chainline::cuda {

/// y[i] = x[i] rounded to bf16, for i < n, for libraries that want parameters in the type of the
/// activations.
void round_to_bf16(const float* x, bf16* y, std::int64_t n, Stream stream);

}  // namespace chainline::cuda
