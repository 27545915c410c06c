#pragma once

#include <string>
#include <vector>

#include "cuda/fast/attention.h"
#include "cuda/fast/product.h"

/// What NVIDIA's libraries add to the contenders of the fast class, in a build that was configured
/// with them (cmake/vendor.cmake), on a machine that has them.
namespace chainline::cuda::vendor {

/// Their names and releases, "cuBLASLt 13.1.0"; for one that this build expects and this machine
/// lacks, why: "cuBLASLt: libcublasLt.so.13: cannot open shared object file: ...".
std::vector<std::string> libraries();

std::vector<const ProductContender*> products();
std::vector<const AttentionContender*> attentions();

/// Whether cuBLASLt can compute before = A B + bias and C = gelu(before), in the tanh form, at once.
bool can_end_with_gelu(const FastProduct& p, bf16* before);
/// Errors   DeviceError where it can't
void run_ending_with_gelu(const FastProduct& p, bf16* before, Stream stream);

}  // namespace chainline::cuda::vendor
