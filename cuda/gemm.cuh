#pragma once

#include "cuda/elementwise.cuh"
#include "cuda/gemm/pipelined.cuh"
#include "cuda/gemm/plain.cuh"
#include "cuda/gemm/shared_tile.cuh"
#include "cuda/stream.h"

// The matrix product every dense op stands on (tensor/gemm.h): element (i, j) of C is one chain over
// ascending k, acc = fma(a[i,k], b[k,j], acc). The kernels stand in cuda/gemm/, from plain to fast,
// and all have the same bits; here is which of them computes what.

namespace chainline::cuda {

enum class GemmStep { plain, shared_tile, pipelined };

/// A step pays where its tiles are at least half full. No GPU has been asked yet where exactly.
inline GemmStep gemm_step(std::int64_t M, std::int64_t N, std::int64_t length) {
  const std::int64_t side = M < N ? M : N;
  if (side < 16 || length < 16) return GemmStep::plain;
  return side < 64 ? GemmStep::shared_tile : GemmStep::pipelined;
}

/// `count` products, whose Cs stand one behind the other; starts says where each A and B begin.
template <class T>
void gemm(std::int64_t count, const Product<T>& p, const Walk<2>& starts) {
  const Offsets<2> at(starts);
  switch (gemm_step(p.M, p.N, p.length)) {
    case GemmStep::plain:
      return run_plain_gemm(p, count, at, stream());
    case GemmStep::shared_tile:
      return run_shared_tile_gemm<T>(p, count, at, stream());
    case GemmStep::pipelined:
      return run_pipelined_gemm(p, count, at, stream());
  }
}

/// One product.
template <class T>
void gemm(const Product<T>& p) {
  gemm(1, p, Walk<2>(Shape{}, {}));
}

}  // namespace chainline::cuda
