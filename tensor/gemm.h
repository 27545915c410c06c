#pragma once

#include <cstdint>
#include <functional>

#include "tensor/kernel.h"

namespace chainline::cpu {

/// A matrix for reading, with any strides (in elements): element (i, j) is
/// data[i * row_stride + j * column_stride]. Transposing it swaps two numbers.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t row_stride, column_stride;

  Matrix transposed() const { return {data, column_stride, row_stride}; }
  /// The part that begins at row i and column j.
  Matrix from(std::int64_t i, std::int64_t j) const {
    return {data + i * row_stride + j * column_stride, row_stride, column_stride};
  }
};

/// What a product finds in C and leaves there.
enum class GemmMode {
  store,   ///< C = the chain that starts from +0
  extend,  ///< C = the chain that starts from C
  add,     ///< C = C + the chain that starts from +0
};

/// What is done with rows [i0, i1) and columns [j0, j1) of C as soon as they are finished, by the
/// thread that computed them.
using Finish =
    std::function<void(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1)>;

/// The matrix product every dense op of the CPU stands on: C (M, N) from A (M, K) and B (K, N).
/// Element (i, j) is one chain over ascending k,
///
///   acc = fma(a[i,k], b[k,j], acc)
///
/// C has contiguous rows that begin `c_stride` elements apart. `finish`, where given, sees every
/// element of C once. Nothing is skipped: 0 * inf is NaN. K = 0 makes the chain +0.
///
/// It runs on the pool's threads, or on the caller's alone inside a parallel_for.
///
/// Bits     tiles, vector lanes and threads run over i and j only, and blocks of k store and reload
///          the chain, so none of them shows (docs/numerics.md, rule 2)
CHAINLINE_DECLARE_CPU(template <class T>
                      void gemm(std::int64_t M, std::int64_t N, std::int64_t K, Matrix<T> a,
                                Matrix<T> b, T* c, std::int64_t c_stride,
                                GemmMode mode = GemmMode::store, const Finish& finish = {}))

/// C += one chain after the other: K = chains * length, and each run of `length` ks is a chain of
/// its own that starts from +0. A parameter's gradient is this sum, with a chain per sample
/// (docs/numerics.md, rule 4).
CHAINLINE_DECLARE_CPU(template <class T>
                      void gemm_add_chains(std::int64_t M, std::int64_t N, std::int64_t chains,
                                           std::int64_t length, Matrix<T> a, Matrix<T> b, T* c,
                                           std::int64_t c_stride))

}  // namespace chainline::cpu
