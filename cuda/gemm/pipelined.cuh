#pragma once

// Step 4, pipelined: while a tile is multiplied, cp.async brings the next one, 16 bytes at a time and
// past the registers, so that the block no longer waits for memory, and shared memory is read by
// vectors of 16 bytes.
//
// A vector keeps its order on the way, so a tile stands in shared memory as in global memory: [k][s]
// where rows or columns of C are contiguous, [s][k] where k is. Which sides s a thread owns follows
// from that. Threads of [k][s] own vectors of sides; those of [s][k] own sides 16 apart and read vectors
// along k, eight lanes from eight rows. A row of [s][k] is half of the banks (f64: all), so its vectors
// are exchanged by XOR with the number of the row: then those eight are in eight places, and the
// vectors of a row still fill it, which a pitch can't have both.

#include "cuda/gemm/register_tile.cuh"
#include "cuda/ptx.cuh"

namespace chainline::cuda {

/// One stage of an operand in shared memory: kSide rows of A or columns of B, by kDepth ks.
template <class T, bool kAlongK, int kSide = RegisterTile<T>::kSide,
          int kDepth = RegisterTile<T>::kDepth>
struct OperandTile {
  static constexpr int kAcross = RegisterTile<T>::kAcross;
  static constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  static constexpr int kRows = kAlongK ? kSide : kDepth;
  static constexpr int kInRow = (kAlongK ? kDepth : kSide) / kVector;
  // Tensor cores (step 5) read eight rows at once in either layout.
  static constexpr bool kExchanges = kAlongK || sizeof(T) == 2;

  struct alignas(16) Vector {
    T x[kVector];
  };
  Vector vectors[kRows][kInRow];

  /// Where vector v of row r stands. Eight vectors are all banks.
  static __device__ int exchanged(int r, int v) {
    constexpr int kPlaces = kInRow < 8 ? kInRow : 8;
    return kExchanges ? v ^ (r / (8 / kPlaces) % kPlaces) : v;
  }

  /// The j-th side of thread t.
  static __device__ int side(unsigned t, int j) {
    const int thread = static_cast<int>(t);
    return kAlongK ? thread + j * kAcross
                   : (j / kVector * kAcross + thread) * kVector + j % kVector;
  }

  /// Starts to fetch m(s, k). At the edges, and where m is not contiguous or not aligned, threads copy
  /// number by number; `pad` stands for what is beyond.
  __device__ void fetch(const Matrix<T>& m, int sides, int ks, bool by_vectors, T pad) {
    constexpr int kSides = kAlongK ? 1 : kVector, kKs = kAlongK ? kVector : 1;
    const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll 1
    for (int e = thread; e < kRows * kInRow; e += kBlockThreads) {
      const int r = e / kInRow, c = e % kInRow * kVector;
      const int s = kAlongK ? r : c, k = kAlongK ? c : r;
      Vector& to = vectors[r][exchanged(r, e % kInRow)];
      if (by_vectors && s + kSides <= sides && k + kKs <= ks) {
        ptx::cp_async_16(&to, m.place(s, k));
        continue;
      }
#pragma unroll 1
      for (int v = 0; v < kVector; ++v) {
        const int sv = s + (kAlongK ? 0 : v), kv = k + (kAlongK ? v : 0);
        to.x[v] = sv < sides && kv < ks ? m.at(sv, kv) : pad;
      }
    }
  }

  /// values[v][j] = the number of side(t, j) at k + v, for kCount js from `first` on.
  template <int kCount>
  __device__ void read(T (&values)[kVector][kCount], unsigned t, int first, int k) const {
    if constexpr (kAlongK) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const int r = side(t, first + j);
        const Vector x = vectors[r][exchanged(r, k / kVector)];
        for (int v = 0; v < kVector; ++v) values[v][j] = x.x[v];
      }
    } else {
#pragma unroll
      for (int v = 0; v < kVector; ++v) {
        for (int j = 0; j < kCount; j += kVector) {
          const Vector x = vectors[k + v][side(t, first + j) / kVector];
          for (int u = 0; u < kVector; ++u) values[v][j + u] = x.x[u];
        }
      }
    }
  }

  /// Whether the vectors of m begin at multiples of 16 bytes.
  static __device__ bool has_vectors(const Matrix<T>& m) {
    const std::int64_t inner = kAlongK ? m.column_stride : m.row_stride;
    const std::int64_t outer = kAlongK ? m.row_stride : m.column_stride;
    return inner == 1 && outer % kVector == 0 && reinterpret_cast<std::uintptr_t>(m.data) % 16 == 0;
  }
};

// Unnamed, so that AddressSanitizer guards the shared tiles (docs/cuda-emulator.md).
namespace {

template <class T, bool kAAlongK, bool kBAlongK, class Starts>
__global__ void __launch_bounds__(kBlockThreads, 1) pipelined_gemm(Product<T> p, Starts starts) {
  using Tile = RegisterTile<T>;
  using A = OperandTile<T, kAAlongK>;
  using B = OperandTile<T, kBAlongK>;
  constexpr int kEach = Tile::kEach, kDepth = Tile::kDepth, kVector = A::kVector;
  __shared__ A a_tiles[2];
  __shared__ B b_tiles[2];
  const Corner<T> corner = corner_of_block<Tile::kSide, Tile::kSide>(p, starts);
  const int length = static_cast<int>(p.length);

  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    const Matrix<T> a = corner.a.from(0, chain * length);
    const Matrix<T> b = corner.b.from(chain * length, 0).transposed();
    const bool a_by_vectors = A::has_vectors(a), b_by_vectors = B::has_vectors(b);
    const auto fetch = [&](int k, int stage) {
      if (k < length) {
        a_tiles[stage].fetch(a.from(0, k), corner.rows, length - k, a_by_vectors, T(0));
        b_tiles[stage].fetch(b.from(0, k), corner.columns, length - k, b_by_vectors, -T(0));
      }
      ptx::cp_async_commit();  // an empty group at the end, so that the wait stays the same
    };
    T acc[kEach][kEach];
    for_each_element<kEach, kEach>([&](int i, int j) {
      acc[i][j] = corner.start(A::side(threadIdx.y, i), B::side(threadIdx.x, j));
    });
    fetch(0, 0);
    int stage = 0;
    for (int k0 = 0; k0 < length; k0 += kDepth, stage ^= 1) {
      fetch(k0 + kDepth, stage ^ 1);
      ptx::cp_async_wait<1>();
      __syncthreads();
#pragma unroll 1
      for (int k = 0; k < kDepth; k += kVector) {
        T y[kVector][kEach];
        b_tiles[stage].read(y, threadIdx.x, 0, k);
#pragma unroll
        for (int i0 = 0; i0 < kEach; i0 += kVector) {  // a few rows at a time spare registers
          T x[kVector][kVector];
          a_tiles[stage].read(x, threadIdx.y, i0, k);
#pragma unroll
          for (int v = 0; v < kVector; ++v) {
            for_each_element<kVector, kEach>(
                [&](int i, int j) { acc[i0 + i][j] = std::fma(x[v][i], y[v][j], acc[i0 + i][j]); });
          }
        }
      }
      __syncthreads();
    }
    for_each_element<kEach, kEach>([&](int i, int j) {
      corner.finish(A::side(threadIdx.y, i), B::side(threadIdx.x, j), acc[i][j]);
    });
  }
}

}  // namespace

template <class T, class Starts = OneProduct>
void run_pipelined_gemm(const Product<T>& p, std::int64_t count = 1, const Starts& starts = {},
                        Stream stream = nullptr) {
  using Tile = RegisterTile<T>;
  const bool a_along_k = p.a.has_long_rows(), b_along_k = !p.b.has_long_rows();
  const auto kernel = a_along_k ? (b_along_k ? &pipelined_gemm<T, true, true, Starts>
                                             : &pipelined_gemm<T, true, false, Starts>)
                                : (b_along_k ? &pipelined_gemm<T, false, true, Starts>
                                             : &pipelined_gemm<T, false, false, Starts>);
  launch_tiles<Tile::kSide, Tile::kSide>(kernel, dim3(Tile::kAcross, Tile::kAcross), p, count,
                                         starts, stream);
}

}  // namespace chainline::cuda
