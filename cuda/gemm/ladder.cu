// The steps of the ladder for nvcc, which shows what each costs in registers (docs/lessons/gemm.md), and
// for whoever runs them on a device.

#include "cuda/gemm/ladder.h"

#include "cuda/gemm/fragments.cuh"
#include "cuda/gemm/pipelined.cuh"
#include "cuda/gemm/plain.cuh"
#include "cuda/gemm/register_tile.cuh"
#include "cuda/gemm/shared_tile.cuh"
#include "cuda/gemm/tensor_core.cuh"

namespace chainline::cuda {

template void run_plain_gemm(const Product<float>&, std::int64_t, const OneProduct&, Stream);
template void run_plain_gemm(const Product<double>&, std::int64_t, const OneProduct&, Stream);
template void run_shared_tile_gemm(const Product<float>&, std::int64_t, const OneProduct&, Stream);
template void run_shared_tile_gemm(const Product<double>&, std::int64_t, const OneProduct&, Stream);
template void run_register_tile_gemm(const Product<float>&, std::int64_t, const OneProduct&,
                                     Stream);
template void run_register_tile_gemm(const Product<double>&, std::int64_t, const OneProduct&,
                                     Stream);
template void run_pipelined_gemm(const Product<float>&, std::int64_t, const OneProduct&, Stream);
template void run_pipelined_gemm(const Product<double>&, std::int64_t, const OneProduct&, Stream);
template void run_fragment_gemm(const Product<__nv_bfloat16, float>&, std::int64_t,
                                const OneProduct&, Stream);
template void run_tensor_core_gemm(const Product<__nv_bfloat16, float>&, std::int64_t,
                                   const OneProduct&, Stream);

namespace {

template <class T, void (*kStep)(const Product<T, float>&, std::int64_t, const OneProduct&, Stream)>
void run_step(std::int64_t M, std::int64_t N, std::int64_t K, const T* a, const T* b, float* c,
              Stream stream) {
  kStep({.M = M, .N = N, .length = K, .a = {a, K, 1}, .b = {b, N, 1}, .c = c}, 1, {}, stream);
}

/// bf16 is the host's name for what kernels call __nv_bfloat16.
template <void (*kStep)(const Product<__nv_bfloat16, float>&, std::int64_t, const OneProduct&,
                        Stream)>
void run_core_step(std::int64_t M, std::int64_t N, std::int64_t K, const bf16* a, const bf16* b,
                   float* c, Stream stream) {
  run_step<__nv_bfloat16, kStep>(M, N, K, reinterpret_cast<const __nv_bfloat16*>(a),
                                 reinterpret_cast<const __nv_bfloat16*>(b), c, stream);
}

constexpr LadderStep<float> kExact[] = {
    {"plain", &run_step<float, &run_plain_gemm<float>>},
    {"shared_tile", &run_step<float, &run_shared_tile_gemm<float>>},
    {"register_tile", &run_step<float, &run_register_tile_gemm<float>>},
    {"pipelined", &run_step<float, &run_pipelined_gemm<float>>}};
constexpr LadderStep<bf16> kCore[] = {{"fragments", &run_core_step<&run_fragment_gemm<>>},
                                      {"tensor_core", &run_core_step<&run_tensor_core_gemm<>>}};

}  // namespace

std::span<const LadderStep<float>> exact_ladder() { return kExact; }
std::span<const LadderStep<bf16>> core_ladder() { return kCore; }

}  // namespace chainline::cuda
