#pragma once

#include <cstdint>
#include <span>

#include "cuda/runtime.h"
#include "tensor/dtype.h"

// The steps of the ladder (docs/lessons/gemm.md) as functions of the host, for tests and benchmarks on
// a device: C (M, N) = A (M, K) B (K, N), all dense by rows.

namespace chainline::cuda {

template <class T>
struct LadderStep {
  const char* name;
  void (*run)(std::int64_t M, std::int64_t N, std::int64_t K, const T* a, const T* b, float* c,
              Stream stream);
};

/// Those with the bits of the CPU.
std::span<const LadderStep<float>> exact_ladder();
/// Those on tensor cores, which add in any order.
std::span<const LadderStep<bf16>> core_ladder();
/// The step for Hopper alone, which nvcc alone compiles. B lies as N x K by rows, and K is a multiple
/// of 8.
void run_hopper_step(std::int64_t M, std::int64_t N, std::int64_t K, const bf16* a, const bf16* b,
                     float* c, Stream stream);

}  // namespace chainline::cuda
