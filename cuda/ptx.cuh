#pragma once

// One function for each PTX instruction that kernels use, and its twin for the emulator. The twins
// follow the layouts that the PTX manual publishes; no hardware has certified them yet.

#include <cstdint>

#include "cuda/device.cuh"

// Twins take the line of their caller, for reports.
#ifdef __CUDACC__
#define CHAINLINE_CALLER
#else
#define CHAINLINE_CALLER , const char *file = __builtin_FILE(), int line = __builtin_LINE()
#include "cuda/emulator/instructions.h"
#endif

namespace chainline::cuda::ptx {
inline namespace CHAINLINE_DEVICE_BUILD {

#ifdef __CUDACC__
__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}
#endif

/// cp.async: copies 16 bytes from global to shared memory, some time before the wait for its group
/// returns. Of the source only the first `bytes` are read; zeros take the place of the rest, which
/// is how a tile's ragged edge is filled. Both addresses are multiples of 16.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global,
                                            int bytes = 16 CHAINLINE_CALLER) {
#ifdef __CUDACC__
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
               "l"(global), "r"(bytes)
               : "memory");
#else
  emulator::cp_async_16(shared, global, bytes, {file, line});
#endif
}

/// cp.async.commit_group: makes a group of the copies that this thread issued since the last one.
__device__ __forceinline__ void cp_async_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulator::async_commit();
#endif
}

/// cp.async.wait_group: until all but the kPending newest groups of this thread are done. Others
/// see the data after a barrier.
template <int kPending>
__device__ __forceinline__ void cp_async_wait() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#else
  emulator::async_wait(kPending);
#endif
}

/// ldmatrix.x4: four 8 by 8 matrices of 16-bit numbers from shared memory. Lane 8 m + r passes the
/// address of row r of matrix m, a multiple of 16. registers[m] gets the elements (l / 4, 2 (l % 4))
/// and the next one of the row, the first in the lower half.
__device__ __forceinline__ void ldmatrix_x4(unsigned (&registers)[4],
                                            const void* row CHAINLINE_CALLER) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
#else
  emulator::ldmatrix_x4(registers, row, false, {file, line});
#endif
}

/// ldmatrix.x4.trans: the same of the transposed matrices, so (2 (l % 4), l / 4) and the next one of
/// the column.
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&registers)[4],
                                                  const void* row CHAINLINE_CALLER) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
#else
  emulator::ldmatrix_x4(registers, row, true, {file, line});
#endif
}

/// mma.m16n8k16: d += a b for one warp, a 16 by 16 and b 16 by 8 of bf16, d 16 by 8 of f32. With
/// g = l / 4 and t = l % 4, lane l holds, two to a register, lower half first:
///
///   a[0]: (g, 2t), (g, 2t+1)        b[0]: (2t, g), (2t+1, g)        d[0], d[1]: (g, 2t), (g, 2t+1)
///   a[1]: (g+8, 2t), (g+8, 2t+1)    b[1]: (2t+8, g), (2t+9, g)      d[2], d[3]: the same of g+8
///   a[2], a[3]: those of a[0], a[1] eight columns on
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4],
                                                  const unsigned (&b)[2] CHAINLINE_CALLER) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  emulator::mma_m16n8k16_bf16(d, a, b, {file, line});
#endif
}

/// cvt.rn.bf16x2: two numbers rounded to bf16, the first in the lower half, as ldmatrix leaves them.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
#ifdef __CUDACC__
  unsigned both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
#else
  return emulator::pack_bf16(low, high);
#endif
}

/// ex2.approx.ftz: 2^x within 2 ulp, which is 2^-22 of it; results below 2^-126 are 0. For the fast
/// class alone: the twin's bits are others.
__device__ __forceinline__ float exp2_approximate(float x) {
#ifdef __CUDACC__
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  return emulator::exp2_approximate(x);
#endif
}

}  // namespace CHAINLINE_DEVICE_BUILD
}  // namespace chainline::cuda::ptx

#undef CHAINLINE_CALLER
