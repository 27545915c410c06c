// The steps of the ladder for nvcc, which shows what each costs in registers (docs/lessons/gemm.md).

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

}  // namespace chainline::cuda
