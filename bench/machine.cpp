#include "bench/machine.h"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "tensor/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace chainline::bench {
namespace {

double now(int clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The operations of `rounds` rounds on independent chains x = x * a + b, and what they came to.
/// Twelve chains hide an instruction's latency (4 or 5 cycles, two begun in each) and fit the
/// registers. Each function is compiled for its instruction set by an attribute, so that this file
/// needs no options.
struct Chains {
  double operations;
  float result;
};

Chains chains_scalar(std::int64_t rounds, float a, float b) {
  constexpr int kChains = 8;
  float x[kChains];
  for (int c = 0; c < kChains; ++c) x[c] = static_cast<float>(c);
  for (std::int64_t r = 0; r < rounds; ++r) {
    for (float& chain : x) chain = std::fma(chain, a, b);
  }
  float sum = 0;
  for (const float chain : x) sum += chain;
  return {2.0 * kChains * static_cast<double>(rounds), sum};
}

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) Chains chains_avx2(std::int64_t rounds, float a, float b) {
  constexpr int kChains = 12;
  __m256 x[kChains];
  for (int c = 0; c < kChains; ++c) x[c] = _mm256_set1_ps(static_cast<float>(c));
  const __m256 factor = _mm256_set1_ps(a), term = _mm256_set1_ps(b);
  for (std::int64_t r = 0; r < rounds; ++r) {
    for (int c = 0; c < kChains; ++c) x[c] = _mm256_fmadd_ps(x[c], factor, term);
  }
  for (int c = 1; c < kChains; ++c) x[0] = _mm256_add_ps(x[0], x[c]);
  return {2.0 * 8 * kChains * static_cast<double>(rounds), _mm256_cvtss_f32(x[0])};
}

__attribute__((target("avx512f"))) Chains chains_avx512(std::int64_t rounds, float a, float b) {
  constexpr int kChains = 12;
  __m512 x[kChains];
  for (int c = 0; c < kChains; ++c) x[c] = _mm512_set1_ps(static_cast<float>(c));
  const __m512 factor = _mm512_set1_ps(a), term = _mm512_set1_ps(b);
  for (std::int64_t r = 0; r < rounds; ++r) {
    for (int c = 0; c < kChains; ++c) x[c] = _mm512_fmadd_ps(x[c], factor, term);
  }
  for (int c = 1; c < kChains; ++c) x[0] = _mm512_add_ps(x[0], x[c]);
  return {2.0 * 16 * kChains * static_cast<double>(rounds), _mm512_cvtss_f32(x[0])};
}

#elif defined(__aarch64__)

Chains chains_neon(std::int64_t rounds, float a, float b) {
  constexpr int kChains = 12;
  float32x4_t x[kChains];
  for (int c = 0; c < kChains; ++c) x[c] = vdupq_n_f32(static_cast<float>(c));
  const float32x4_t factor = vdupq_n_f32(a), term = vdupq_n_f32(b);
  for (std::int64_t r = 0; r < rounds; ++r) {
    for (int c = 0; c < kChains; ++c) x[c] = vfmaq_f32(term, x[c], factor);
  }
  for (int c = 1; c < kChains; ++c) x[0] = vaddq_f32(x[0], x[c]);
  return {2.0 * 4 * kChains * static_cast<double>(rounds), vgetq_lane_f32(x[0], 0)};
}

#endif

Chains run_chains(Isa isa, std::int64_t rounds) {
  // The compiler must not know the numbers; they keep every chain near 1.
  const volatile float half = 0.5F;
#if defined(__x86_64__)
  if (isa == Isa::avx512) return chains_avx512(rounds, half, half);
  if (isa == Isa::avx2) return chains_avx2(rounds, half, half);
#elif defined(__aarch64__)
  if (isa == Isa::neon) return chains_neon(rounds, half, half);
#endif
  return chains_scalar(rounds, half, half);
}

/// Runs body(i) for i < threads, each in a thread of its own, the first in the caller's.
void on_threads(int threads, const std::function<void(int)>& body) {
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(body, i);
  body(0);
  for (std::thread& other : others) other.join();
}

double measure_fma_peak(Isa isa, int threads) {
  // Rounds for about 10 ms, so that starting a thread (some 50 us) does not show.
  std::int64_t rounds = 1000;
  while (true) {
    const Stopwatch watch(1);
    run_chains(isa, rounds);
    if (watch.seconds() > 0.01) break;
    rounds *= 2;
  }
  double best = 0;
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<Chains> done(static_cast<std::size_t>(threads));
    const Stopwatch watch(threads);
    on_threads(threads,
               [&](int i) { done[static_cast<std::size_t>(i)] = run_chains(isa, rounds); });
    const double seconds = watch.seconds();
    double operations = 0;
    for (const Chains& chains : done) {
      check<ValueError>(std::isfinite(chains.result), "fma_peak: the chains came to ",
                        chains.result);
      operations += chains.operations;
    }
    best = std::max(best, operations / seconds);
  }
  return best;
}

double measure_copy_bandwidth(int threads) {
  constexpr std::size_t kBytes = std::size_t{128} << 20;
  const std::size_t part = kBytes / static_cast<std::size_t>(threads);
  const std::unique_ptr<char[]> from(new char[kBytes]), to(new char[kBytes]);
  std::memset(from.get(), 1, kBytes);
  std::memset(to.get(), 2, kBytes);  // pages get their memory now
  double best = 0;
  for (int trial = 0; trial < 8; ++trial) {
    from[static_cast<std::size_t>(trial)] = 'x';
    const Stopwatch watch(threads);
    on_threads(threads, [&](int i) {
      const std::size_t begin = static_cast<std::size_t>(i) * part;
      std::memcpy(to.get() + begin, from.get() + begin, part);
    });
    best = std::max(best, 2.0 * static_cast<double>(part) * threads / watch.seconds());
    check<ValueError>(to[static_cast<std::size_t>(trial)] == 'x', "copy_bandwidth: not copied");
  }
  return best;
}

}  // namespace

Stopwatch::Stopwatch(int threads)
    : clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC), start_(now(clock_)) {}

double Stopwatch::seconds() const { return now(clock_) - start_; }

double fma_peak(Isa isa, int threads) {
  static std::map<std::pair<Isa, int>, double> known;
  double& peak = known[{isa, threads}];
  if (peak == 0) peak = measure_fma_peak(isa, threads);
  return peak;
}

double copy_bandwidth(int threads) {
  static std::map<int, double> known;
  double& bandwidth = known[threads];
  if (bandwidth == 0) bandwidth = measure_copy_bandwidth(threads);
  return bandwidth;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

double peak_resident_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) * 1024;
  }
  return 0;
}

void reset_peak_resident_bytes() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace chainline::bench
