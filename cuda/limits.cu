// What a device can do at most: chains of fused multiply-adds and of tensor core products that never
// leave the registers, and a copy far beyond the caches.

#include "cuda/limits.h"

#include <algorithm>
#include <functional>

#include "cuda/fast/choice.h"
#include "cuda/grid.cuh"
#include "cuda/ptx.cuh"

namespace chainline::cuda {
namespace {

constexpr int kFmaChains = 8, kProductChains = 8;  // more than hide an instruction's latency
constexpr int kTrials = 8;

/// The numbers stay near 2 b; what comes of them is written if a condition holds that the compiler
/// can't know to be false.
__global__ void fma_chains(int rounds, float a, float b, float* never) {
  float x[kFmaChains];
#pragma unroll
  for (int c = 0; c < kFmaChains; ++c) x[c] = static_cast<float>(c);
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int c = 0; c < kFmaChains; ++c) x[c] = __fmaf_rn(x[c], a, b);
  }
  float sum = 0;
#pragma unroll
  for (int c = 0; c < kFmaChains; ++c) sum += x[c];
  if (sum < 0) never[threadIdx.x] = sum;
}

/// Products of 16 by 16 with 16 by 8. The operands are small, so that the sums stay finite.
__global__ void product_chains(int rounds, unsigned pair, float* never) {
  float d[kProductChains][4] = {};
  const unsigned a[4] = {pair, pair, pair, pair}, b[2] = {pair, pair};
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int c = 0; c < kProductChains; ++c) ptx::mma_m16n8k16_bf16(d[c], a, b);
  }
  float sum = 0;
#pragma unroll
  for (int c = 0; c < kProductChains; ++c) sum += d[c][0] + d[c][1] + d[c][2] + d[c][3];
  if (sum < 0) never[threadIdx.x] = sum;
}

double best_rate(double work, int trials, const std::function<void()>& run) {
  double best = 0;
  for (int t = 0; t < trials; ++t) {
    best = std::max(best, work / (milliseconds_of(stream(), run) * 1e-3));
  }
  return best;
}

/// Memory of the device for as long as it is measured.
struct Block {
  explicit Block(std::size_t bytes) : memory(device_malloc(bytes)) {}
  ~Block() { device_free(memory); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  void* memory;
};

}  // namespace

DeviceLimits measured_limits(int multiprocessors, bool emulated) {
  const int blocks = emulated ? 1 : 8 * multiprocessors, threads = emulated ? kWarp : kThreads;
  const int rounds = emulated ? 2 : 1 << 14, trials = emulated ? 1 : kTrials;
  const std::size_t bytes = std::size_t{1} << (emulated ? 12 : 28);
  const Launch shape{dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads)), 0,
                     stream()};
  const Block never(sizeof(float) * static_cast<std::size_t>(threads)), from(bytes), to(bytes);
  device_memset(from.memory, 1, bytes, stream());
  auto* const nowhere = static_cast<float*>(never.memory);
  const double all_threads = static_cast<double>(blocks) * threads;
  DeviceLimits limits;
  limits.f32_flops = best_rate(2.0 * kFmaChains * rounds * all_threads, trials,
                               [&] { launch(shape, &fma_chains, rounds, 0.5F, 0.5F, nowhere); });
  constexpr double kFlopsOfProduct = 2.0 * 16 * 8 * 16;
  constexpr unsigned kPair = 0x3c003c00;  // 2^-7 twice
  limits.bf16_flops =
      best_rate(kFlopsOfProduct * kProductChains * rounds * all_threads / kWarp, trials,
                [&] { launch(shape, &product_chains, rounds, kPair, nowhere); });
#ifdef __CUDACC__
  if (device_properties(0).major == 9) {
    constexpr int kRounds = 1 << 12;
    const auto products = [&] {
      return run_hopper_product_chains(multiprocessors, kRounds, kPair, nowhere, stream());
    };
    limits.bf16_flops = std::max(limits.bf16_flops, best_rate(products(), trials, products));
  }
#endif
  limits.copy_bytes = best_rate(2.0 * static_cast<double>(bytes), trials, [&] {
    device_memcpy(to.memory, from.memory, bytes, Copy::on_device, stream());
  });
  return limits;
}

}  // namespace chainline::cuda
