// One warp that runs each instruction of cuda/ptx.cuh once and stores its registers, for
// twin_certificate_test.cpp.

#include "tests/cuda/twins.h"

#include <cstring>

#include "cuda/device.cuh"
#include "cuda/matrix_fragments.cuh"
#include "cuda/ptx.cuh"

namespace chainline::test {
namespace {

namespace ptx = cuda::ptx;
namespace wmma = nvcuda::wmma;

constexpr int kLanes = 32;

/// A small whole number as bf16, whose upper half of an f32 it is: no bit is lost.
__device__ unsigned bf16_bits(int number) {
  const float value = static_cast<float>(number);
  unsigned bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits >> 16;
}

/// Numbers of [-8, 8] without a pattern, so that elements in the wrong place show.
__device__ int entry(int row, int column) {
  const unsigned scattered = static_cast<unsigned>(row * 16 + column) * 2654435761u;
  return static_cast<int>(scattered >> 20) % 17 - 8;
}

__device__ unsigned pair(int first_row, int first_column, int second_row, int second_column) {
  return bf16_bits(entry(first_row, first_column)) | bf16_bits(entry(second_row, second_column))
                                                         << 16;
}

/// Four matrices of 8 by 8 whose elements are their own numbers.
template <bool kTurned>
__global__ void ldmatrix_kernel(unsigned* out) {
  __shared__ __align__(16) std::uint16_t matrices[4 * 64];
  const int l = static_cast<int>(threadIdx.x);
  for (int i = l; i < 256; i += kLanes) matrices[i] = static_cast<std::uint16_t>(i);
  __syncwarp();
  unsigned registers[4];
  if (kTurned) {
    ptx::ldmatrix_x4_trans(registers, &matrices[l * 8]);
  } else {
    ptx::ldmatrix_x4(registers, &matrices[l * 8]);
  }
  for (int i = 0; i < 4; ++i) out[l * 4 + i] = registers[i];
}

/// Lane l copies min(l, 16) bytes; the rest of its 16 becomes zeros.
__global__ void cp_async_kernel(const unsigned* in, unsigned* out) {
  __shared__ __align__(16) unsigned copied[kLanes * 4];
  const int l = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 4; ++i) copied[l * 4 + i] = 0xffffffffu;
  __syncwarp();
  ptx::cp_async_16(&copied[l * 4], in + l * 4, l < 16 ? l : 16);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncwarp();
  for (int i = 0; i < 4; ++i) out[l * 4 + i] = copied[l * 4 + i];
}

/// Registers filled by the layout that ptx.cuh states; a wrong one gives other sums.
__global__ void mma_kernel(unsigned* out) {
  const int l = static_cast<int>(threadIdx.x), g = l / 4, t = l % 4;
  const unsigned a[4] = {pair(g, 2 * t, g, 2 * t + 1), pair(g + 8, 2 * t, g + 8, 2 * t + 1),
                         pair(g, 2 * t + 8, g, 2 * t + 9),
                         pair(g + 8, 2 * t + 8, g + 8, 2 * t + 9)};
  const unsigned b[2] = {pair(2 * t, g, 2 * t + 1, g), pair(2 * t + 8, g, 2 * t + 9, g)};
  float d[4] = {0, 1, 2, 3};
  ptx::mma_m16n8k16_bf16(d, a, b);
  for (int i = 0; i < 4; ++i) memcpy(&out[l * 4 + i], &d[i], sizeof(float));
}

/// Lane l rounds numbers of 16 bits beside a tie, at it and beyond, with either sign.
__global__ void pack_kernel(unsigned* out) {
  const int l = static_cast<int>(threadIdx.x);
  const float low = static_cast<float>(0x8040 + 16 * l),
              high = static_cast<float>(-0xf0c0 - 16 * l);
  out[l] = ptx::pack_bf16(low, high);
}

/// The fragments' own layout is nobody's business: lane l stores row l / 2 of the product, half of
/// it.
__global__ void wmma_kernel(unsigned* out) {
  __shared__ __align__(32) unsigned a[128], b[128];
  __shared__ __align__(32) float c[256];
  const int l = static_cast<int>(threadIdx.x);
  for (int i = l; i < 128; i += kLanes) {
    a[i] = pair(i / 8, i % 8 * 2, i / 8, i % 8 * 2 + 1);
    b[i] = pair(i / 8 + 1, i % 8 * 2, i / 8 + 1, i % 8 * 2 + 1);
  }
  __syncwarp();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::row_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 1.f);
  wmma::load_matrix_sync(left, reinterpret_cast<const __nv_bfloat16*>(a), 16);
  wmma::load_matrix_sync(right, reinterpret_cast<const __nv_bfloat16*>(b), 16);
  wmma::mma_sync(sum, left, right, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
  __syncwarp();
  for (int i = 0; i < 8; ++i) memcpy(&out[l * 8 + i], &c[l * 8 + i], sizeof(float));
}

template <class... Parameters, class... Arguments>
TwinDump run(const char* instruction, std::size_t registers, void (*kernel)(Parameters...),
             Arguments... arguments) {
  const std::size_t bytes = kLanes * registers * sizeof(unsigned);
  auto* const out = static_cast<unsigned*>(cuda::device_malloc(bytes));
  cuda::launch({dim3(1), dim3(kLanes)}, kernel, arguments..., out);
  std::vector<std::uint32_t> words(kLanes * registers);
  cuda::device_memcpy(words.data(), out, bytes, cuda::Copy::to_host, nullptr);
  cuda::stream_synchronize(nullptr);
  cuda::device_free(out);
  TwinDump dump{instruction, {}};
  for (std::size_t l = 0; l < kLanes; ++l) {
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(l * registers);
    dump.values.emplace_back(first, first + static_cast<std::ptrdiff_t>(registers));
  }
  return dump;
}

}  // namespace

std::vector<TwinDump> dump_twins() {
  std::vector<std::uint32_t> numbers(kLanes * 4);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = 0x01020304u + static_cast<std::uint32_t>(i) * 0x04040404u;
  }
  const std::size_t bytes = numbers.size() * sizeof(std::uint32_t);
  auto* const in = static_cast<unsigned*>(cuda::device_malloc(bytes));
  cuda::device_memcpy(in, numbers.data(), bytes, cuda::Copy::to_device, nullptr);
  std::vector<TwinDump> dumps{run("ldmatrix_x4", 4, &ldmatrix_kernel<false>),
                              run("ldmatrix_x4_trans", 4, &ldmatrix_kernel<true>),
                              run("cp_async_16", 4, &cp_async_kernel, in),
                              run("mma_m16n8k16_bf16", 4, &mma_kernel),
                              run("pack_bf16", 1, &pack_kernel),
                              run("wmma_16x16x16_bf16", 8, &wmma_kernel)};
  cuda::device_free(in);
  return dumps;
}

}  // namespace chainline::test
