#pragma once

#include <cmath>
#include <cstdint>

#include "cuda/arithmetic.cuh"
#include "cuda/device.cuh"
#include "tensor/error.h"

// What every step of the ladder computes, and how its blocks share C. The steps stand in files of
// their own, from plain to fast (docs/lessons/gemm.md).

namespace chainline::cuda {

/// A matrix for reading, with any strides (in elements). Transposing it swaps two numbers.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t row_stride, column_stride;

  __host__ __device__ Matrix transposed() const { return {data, column_stride, row_stride}; }
  __host__ __device__ bool has_long_rows() const { return column_stride <= row_stride; }
  /// The part that begins at row i and column j.
  __device__ Matrix from(std::int64_t i, std::int64_t j) const {
    return {place(i, j), row_stride, column_stride};
  }
  __device__ const T* place(std::int64_t i, std::int64_t j) const {
    return data + i * row_stride + j * column_stride;
  }
  __device__ T at(std::int64_t i, std::int64_t j) const { return *place(i, j); }
};

/// What a product finds in C and leaves there, as on the CPU (tensor/gemm.h).
enum class GemmMode {
  store,   ///< C = the chain that starts from +0
  extend,  ///< C = the chain that starts from C
  add,     ///< C = ((C + chain) + chain) + ..., each chain from +0
};

/// C (M, N) from A (M, K) and B (K, N), K = chains * length, where only `add` has more than one
/// chain. Element (i, j) of a chain is acc = fma(a[i,k], b[k,j], acc) over its ascending k. C and
/// the residual are dense; bias[j] and residual[i, j] are added to a finished chain, where there
/// are such. Chains are of Arithmetic<C>, so a C of bf16 is rounded once.
template <class T, class C = T, class Residual = C>
struct Product {
  std::int64_t M, N, length;
  std::int64_t chains = 1;
  GemmMode mode = GemmMode::store;
  Matrix<T> a, b;
  const Arithmetic<C>* bias = nullptr;
  const Residual* residual = nullptr;
  C* c;
};

/// Where A and B begin when there is one product. Many products bring a type of their own.
struct OneProduct {
  __device__ void at(std::int64_t, std::int64_t (&at)[2]) const { at[0] = at[1] = 0; }
};

/// What one block computes: the part of a product that begins at an element of C. Inside of it all
/// indices are ints, which take half the registers of those that find the block's place.
template <class T, class C = T, class Residual = C>
struct Corner {
  using Sum = Arithmetic<C>;
  Matrix<T> a, b;
  int rows, columns;  // of C, from here on; not more than the block's tile
  const Product<T, C, Residual>& product;
  C* c;
  const Sum* bias;
  const Residual* residual;

  __device__ bool inside(int i, int j) const { return i < rows && j < columns; }
  /// What the chain of an element starts from; 0 outside of C.
  __device__ Sum start(int i, int j) const {
    return product.mode == GemmMode::extend && inside(i, j) ? static_cast<Sum>(c[i * product.N + j])
                                                            : Sum(0);
  }
  /// Leaves a finished chain in C; outside of C it is dropped.
  __device__ void finish(int i, int j, Sum acc) const {
    if (!inside(i, j)) return;
    const std::int64_t at = i * product.N + j;
    if (bias != nullptr) acc += bias[j];
    if (residual != nullptr) acc += static_cast<Sum>(residual[at]);
    if (product.mode == GemmMode::add) acc = static_cast<Sum>(c[at]) + acc;
    c[at] = static_cast<C>(acc);
  }
};

/// The corner of this block. Blocks with tiles of kRows by kColumns are numbered along the rows of
/// tiles, then down, then from product to product, whose Cs stand one behind the other.
template <int kRows, int kColumns, class T, class C, class Residual, class Starts>
__device__ Corner<T, C, Residual> corner_of_block(const Product<T, C, Residual>& p,
                                                  const Starts& starts) {
  const std::int64_t beside = (p.N + kColumns - 1) / kColumns, below = (p.M + kRows - 1) / kRows;
  const std::int64_t number = blockIdx.x / (beside * below);
  const std::int64_t i = blockIdx.x / beside % below * kRows, j = blockIdx.x % beside * kColumns;
  std::int64_t at[2];
  starts.at(number, at);
  const std::int64_t to = (number * p.M + i) * p.N + j;
  return {{p.a.place(i, 0) + at[0], p.a.row_stride, p.a.column_stride},
          {p.b.place(0, j) + at[1], p.b.row_stride, p.b.column_stride},
          static_cast<int>(p.M - i < kRows ? p.M - i : kRows),
          static_cast<int>(p.N - j < kColumns ? p.N - j : kColumns),
          p,
          p.c + to,
          p.bias == nullptr ? nullptr : p.bias + j,
          p.residual == nullptr ? nullptr : p.residual + to};
}

/// Starts a kernel with a block for each tile of `count` products.
template <int kRows, int kColumns, class T, class C, class Residual, class Starts>
void launch_tiles(void (*kernel)(Product<T, C, Residual>, Starts), dim3 threads,
                  const Product<T, C, Residual>& p, std::int64_t count, const Starts& starts,
                  Stream stream) {
  const std::int64_t beside = (p.N + kColumns - 1) / kColumns, below = (p.M + kRows - 1) / kRows;
  const std::int64_t blocks = count * beside * below, most = 0x7fffffff;
  check<ShapeError>(blocks <= most && p.length <= most - 1024,
                    "gemm: expected at most 2^31 - 1 tiles and fewer ks in a chain, got ", blocks,
                    " and ", p.length);
  if (blocks == 0) return;
  launch({dim3(static_cast<unsigned>(blocks)), threads, 0, stream}, kernel, p, starts);
}

}  // namespace chainline::cuda
