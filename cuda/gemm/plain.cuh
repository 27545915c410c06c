#pragma once

// Step 1, plain: a thread for each element of C, which reads what it needs from global memory; the
// definition, and what the later steps are compared with.
//
// Each fma waits for two loads, so memory sets the pace: 2 flops for 8 bytes of f32. The lanes of a
// warp stand side by side in a row of C. They share the element of A, and read neighbours of B where
// B's rows are contiguous; where its columns are, every lane has a sector of its own.

#include "cuda/gemm/product.cuh"

namespace chainline::cuda {

constexpr int kPlainRows = 8, kPlainColumns = 32;

template <class T, class Starts>
__global__ void plain_gemm(Product<T> p, Starts starts) {
  const Corner<T> corner = corner_of_block<kPlainRows, kPlainColumns>(p, starts);
  const int i = static_cast<int>(threadIdx.y), j = static_cast<int>(threadIdx.x);
  if (!corner.inside(i, j)) return;
  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    T acc = corner.start(i, j);
    for (std::int64_t k = chain * p.length; k < (chain + 1) * p.length; ++k) {
      const T a = corner.a.at(i, k);
      const T b = corner.b.at(k, j);
      acc = std::fma(a, b, acc);
    }
    corner.finish(i, j, acc);
  }
}

template <class T, class Starts = OneProduct>
void run_plain_gemm(const Product<T>& p, std::int64_t count = 1, const Starts& starts = {},
                    Stream stream = nullptr) {
  launch_tiles<kPlainRows, kPlainColumns>(&plain_gemm<T, Starts>, dim3(kPlainColumns, kPlainRows),
                                          p, count, starts, stream);
}

}  // namespace chainline::cuda
