// Matrix products in the shapes of the benchmark model: every layer's product forward (nt), its
// gradients (nn for dx, tn for dw), the products of attention head by head, and decoding one token
// (M = 1). How near do they come to the processor's peak, and to other libraries' products?

#include <benchmark/benchmark.h>

#include <cmath>

#include "bench/harness.h"
#include "bench/machine.h"
#include "bench/model_shapes.h"
#include "bench/products.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/unary.h"
#include "tensor/parallel.h"

namespace chainline::bench {
namespace {

using namespace model;
using enum Layout;

constexpr std::int64_t kC = kChannels, kI = kVisionHidden, kJ = kTextHidden, kV = kVisionRows,
                       kT = kTextRows, kD = kHeadWidth, kBH = kBatch * kHeads;

constexpr Product kProducts[] = {
    {"nt/vit_qkv", nt, kV, kC, kC},
    {"nt/vit_fc1", nt, kV, kI, kC},
    {"nt/vit_fc2", nt, kV, kC, kI},
    {"nt/decoder_gate", nt, kT, kJ, kC},
    {"nt/decoder_down", nt, kT, kC, kJ},
    {"nn/vit_qkv", nn, kV, kC, kC},
    {"nn/vit_fc1", nn, kV, kC, kI},
    {"nn/vit_fc2", nn, kV, kI, kC},
    {"nn/decoder_gate", nn, kT, kC, kJ},
    {"nn/decoder_down", nn, kT, kJ, kC},
    {"tn/vit_qkv", tn, kC, kC, kV},
    {"tn/vit_fc1", tn, kI, kC, kV},
    {"tn/vit_fc2", tn, kC, kI, kV},
    {"tn/decoder_gate", tn, kJ, kC, kT},
    {"tn/decoder_down", tn, kC, kJ, kT},
    {"nt/vit_scores", nt, kPatches, kPatches, kD, kBH},
    {"nn/vit_values", nn, kPatches, kD, kPatches, kBH},
    {"nt/decoder_scores", nt, kTokens, kTokens, kD, kBH},
    {"nn/decoder_values", nn, kTokens, kD, kTokens, kBH},
    {"tn/decoder_dkeys", tn, kTokens, kD, kTokens, kBH},
    {"nt/decode_qkv", nt, 1, kC, kC},
    {"nt/decode_gate", nt, 1, kJ, kC},
    {"nt/decode_down", nt, 1, kC, kJ},
};

/// Rule 2 of docs/numerics.md as three loops. The clones change what a multiply-add costs, not its
/// bits.
#if defined(__x86_64__)
__attribute__((target_clones("arch=haswell", "default")))
#endif
void product_in_loops(std::int64_t M, std::int64_t N, std::int64_t K, const float* a,
                      const float* b, float* y) {
  for (std::int64_t i = 0; i < M; ++i) {
    for (std::int64_t k = 0; k < K; ++k) {
      const float x = a[i * K + k];
      for (std::int64_t j = 0; j < N; ++j) y[i * N + j] = std::fma(x, b[k * N + j], y[i * N + j]);
    }
  }
}

/// The operands as they lie in memory, and as the product reads them.
struct Operands {
  explicit Operands(const Product& p)
      : stored_a(randn(p.layout == tn ? Shape{p.batch, p.K, p.M} : Shape{p.batch, p.M, p.K}, 1)),
        stored_b(randn(p.layout == nt ? Shape{p.batch, p.N, p.K} : Shape{p.batch, p.K, p.N}, 2)),
        a(p.layout == tn ? stored_a.transpose(1, 2) : stored_a),
        b(p.layout == nt ? stored_b.transpose(1, 2) : stored_b) {
    if (p.batch == 1) {
      a = a.select(0, 0);
      b = b.select(0, 0);
    }
  }
  Tensor stored_a, stored_b, a, b;
};

double flops(const Product& p) { return 2.0 * static_cast<double>(p.batch * p.M * p.N * p.K); }

Trial prepare(const Product& p) {
  const Operands in(p);
  const Judge judge = [=](const Tensors& answer) {
    const Tensor a = in.a.contiguous(), b = in.b.contiguous();
    Tensor y = Tensor::zeros(p.batch == 1 ? Shape{p.M, p.N} : Shape{p.batch, p.M, p.N}, DType::f32);
    for (std::int64_t n = 0; n < p.batch; ++n) {
      product_in_loops(p.M, p.N, p.K, a.data<float>() + n * p.M * p.K,
                       b.data<float>() + n * p.K * p.N, y.mutable_data<float>() + n * p.M * p.N);
    }
    return same_as({y})(answer);
  };
  return {[in] { return Tensors{ops::matmul(in.a, in.b)}; }, judge};
}

/// Another library may add in any order. Its error, like ours, is at most gamma_K |a| |b| with
/// gamma_K = K u / (1 - K u), u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms,
/// sec. 3.5), so they differ by twice that, and a little for |a| |b| being rounded itself.
bool agrees(const Product& p, const Operands& in, const Tensor& ours, const Tensor& theirs) {
  const Tensor size = ops::matmul(ops::abs(in.a), ops::abs(in.b));
  const double ku = static_cast<double>(p.K) * 0x1p-24, bound = 2.01 * ku / (1 - ku);
  const float *const x = ours.data<float>(), *const y = theirs.data<float>(),
                     *const s = size.data<float>();
  for (std::int64_t i = 0; i < ours.numel(); ++i) {
    if (!(std::abs(double{x[i]} - double{y[i]}) <= bound * double{s[i]})) return false;
  }
  return true;
}

/// Both libraries in turn, call by call, so that what disturbs the machine disturbs both. The time
/// is the contender's; `vs` is its time as a share of ours: below 1 we are slower.
void contest(benchmark::State& state, const Product& p, const Contender& contender, int threads) {
  set_threads(threads);
  const Operands in(p);
  Tensor theirs = Tensor::zeros({p.batch * p.M * p.N}, DType::f32), ours;
  const std::function<void()> run =
      contender.prepare(p, threads, in.stored_a.data<float>(), in.stored_b.data<float>(),
                        theirs.mutable_data<float>());
  const auto both_agree = [&] { return agrees(p, in, ours.reshape({-1}), theirs); };
  ours = ops::matmul(in.a, in.b);
  run();
  if (!both_agree()) return refuse(state, "wrong answer");
  double our_seconds = 0, their_seconds = 0;
  for (auto _ : state) {
    const Stopwatch our_watch(threads);
    ours = Tensor();
    ours = ops::matmul(in.a, in.b);
    our_seconds += our_watch.seconds();
    const Stopwatch their_watch(threads);
    run();
    const double seconds = their_watch.seconds();
    their_seconds += seconds;
    state.SetIterationTime(seconds);
  }
  if (!both_agree()) return refuse(state, "wrong last answer");
  report(state, flops(p), 0, their_seconds / static_cast<double>(state.iterations()), threads);
  state.counters["vs"] = their_seconds / our_seconds;
}

const Suite matmul([] {
  for (const Product& p : kProducts) {
    add({std::string("matmul/") + p.name, flops(p), 0, [p] { return prepare(p); }});
    for (const Contender* const contender : Contender::all()) {
      for (const int n : thread_counts()) {
        benchmark::RegisterBenchmark(
            (std::string("matmul/") + p.name + "/" + contender->name + thread_suffix(n)).c_str(),
            [p, contender, n](benchmark::State& state) { contest(state, p, *contender, n); })
            ->UseManualTime();
      }
    }
  }
});

}  // namespace
}  // namespace chainline::bench
