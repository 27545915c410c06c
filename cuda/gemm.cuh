#pragma once

#include <cmath>

#include "cuda/elementwise.cuh"

// The matrix product every dense op stands on (tensor/gemm.h): element (i, j) of C is one chain over
// ascending k, acc = fma(a[i,k], b[k,j], acc). A thread owns an element, and so its whole chain.
//
// Two kernels: the plain one reads its operands from global memory at each step; the tiled one reads
// tiles of them into shared memory, where 16 threads use each number. The order of a chain is the
// same, so the bits are.

namespace chainline::cuda {

/// A matrix with any strides; transposing it swaps two numbers.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t row_stride, column_stride;

  Matrix transposed() const { return {data, column_stride, row_stride}; }
  __device__ T at(std::int64_t i, std::int64_t j) const {
    return data[i * row_stride + j * column_stride];
  }
};

/// `count` products of A (M, K) and B (K, N), K = chains * length. Where `adds`, each run of `length`
/// ks is a chain of its own from +0 and C = ((C + chain) + chain) + ...; else C is the one chain,
/// plus bias[j] and residual[i, j] if there are such. C and the residual are dense.
template <class T>
struct Product {
  std::int64_t M, N, length;
  std::int64_t chains = 1;
  bool adds = false;
  Matrix<T> a, b;
  const T *bias = nullptr, *residual = nullptr;
  T* c;

  __device__ void finish(std::int64_t i, std::int64_t j, T acc, T* to) const {
    T& element = to[i * N + j];
    if (bias != nullptr) acc += bias[j];
    if (residual != nullptr) acc += residual[i * N + j];
    element = adds ? element + acc : acc;
  }
};

// Unnamed, so that AddressSanitizer guards the shared tiles (docs/cuda-emulator.md).
namespace {

template <class T>
__global__ void plain_gemm(std::int64_t count, Product<T> p, Offsets<2> starts) {
  const std::int64_t size = p.M * p.N;
  for (std::int64_t e = first_element(); e < count * size; e += elements_at_once()) {
    std::int64_t at[2];
    starts.at(e / size, at);
    const std::int64_t i = e % size / p.N, j = e % p.N;
    Matrix<T> a = p.a, b = p.b;
    a.data += at[0];
    b.data += at[1];
    for (std::int64_t chain = 0; chain < p.chains; ++chain) {
      T acc = 0;
      for (std::int64_t k = chain * p.length; k < (chain + 1) * p.length; ++k) {
        acc = std::fma(a.at(i, k), b.at(k, j), acc);
      }
      p.finish(i, j, acc, p.c + e / size * size);
    }
  }
}

constexpr int kTile = 16;

/// A block makes a tile of C, kTile x kTile, with a thread for each element.
template <class T>
__global__ void tiled_gemm(Product<T> p, Offsets<2> starts, std::int64_t tiles_below,
                           std::int64_t tiles_beside) {
  __shared__ T a_tile[kTile][kTile], b_tile[kTile][kTile];
  const std::int64_t tile = blockIdx.x, product = tile / (tiles_below * tiles_beside);
  const int row = static_cast<int>(threadIdx.y), column = static_cast<int>(threadIdx.x);
  const std::int64_t i = tile / tiles_beside % tiles_below * kTile + row;
  const std::int64_t j = tile % tiles_beside * kTile + column;
  std::int64_t at[2];
  starts.at(product, at);
  Matrix<T> a = p.a, b = p.b;
  a.data += at[0];
  b.data += at[1];
  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    const std::int64_t end = (chain + 1) * p.length;
    T acc = 0;
    for (std::int64_t k = chain * p.length; k < end; k += kTile) {
      a_tile[row][column] = i < p.M && k + column < end ? a.at(i, k + column) : T(0);
      b_tile[row][column] = j < p.N && k + row < end ? b.at(k + row, j) : T(0);
      __syncthreads();
      // Beyond the end a step would add 0 * 0, which turns a sum of -0 into +0.
      const int steps = end - k < kTile ? static_cast<int>(end - k) : kTile;
      for (int s = 0; s < steps; ++s) acc = std::fma(a_tile[row][s], b_tile[s][column], acc);
      __syncthreads();
    }
    if (i < p.M && j < p.N) p.finish(i, j, acc, p.c + product * p.M * p.N);
  }
}

}  // namespace

/// starts says where each product's A and B begin.
template <class T>
void gemm(std::int64_t count, const Product<T>& p, const Walk<2>& starts) {
  if (count * p.M * p.N == 0) return;
  // Where little is shared, tiles would cost more than they spare.
  if (p.M < kTile || p.N < kTile || p.length < kTile) {
    launch_elements(count * p.M * p.N, &plain_gemm<T>, count, p, Offsets<2>(starts));
    return;
  }
  const std::int64_t below = (p.M + kTile - 1) / kTile, beside = (p.N + kTile - 1) / kTile;
  launch({dim3(static_cast<unsigned>(count * below * beside)), dim3(kTile, kTile), 0, stream()},
         &tiled_gemm<T>, p, Offsets<2>(starts), below, beside);
}

/// One product.
template <class T>
void gemm(const Product<T>& p) {
  gemm(1, p, Walk<2>(Shape{}, {}));
}

}  // namespace chainline::cuda
