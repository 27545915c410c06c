// adamw_step and sgd_step on as many numbers as the benchmark model has parameters (about 5.5
// million, more than the caches hold): as one parameter, and cut into many as the model's are, of
// which most are small. They work in place, so the timed calls are verified by
// repeating all of them on some of the numbers, in plain loops.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/harness.h"
#include "bench/machine.h"
#include "tensor/ops/optimizer_step.h"
#include "tensor/parallel.h"

namespace chainline::bench {
namespace {

constexpr std::int64_t kParameters = 5'500'000;
constexpr std::int64_t kEvery = 99'991;  // the numbers that are followed by hand

constexpr ops::AdamWStep kAdamW{1e-3, 0.9, 0.999, 1e-8, 0.1, 7};
constexpr ops::SgdStep kSgd{1e-3, 0.9, false, 0.1};

/// What a step works on.
struct Numbers {
  Tensor param = randn({kParameters}, 1), grad = randn({kParameters}, 2);
  Tensor m = Tensor::zeros({kParameters}, DType::f32), v = m.clone();
};

struct Number {
  float param, grad, m, v;
};

/// The formula of tensor/ops/optimizer_step.h, constants rounded once from f64.
void adamw_by_hand(Number& x) {
  const double root = 1 / std::sqrt(1 - std::pow(kAdamW.beta2, 7));
  const auto b1 = static_cast<float>(kAdamW.beta1), n1 = static_cast<float>(1 - kAdamW.beta1);
  const auto b2 = static_cast<float>(kAdamW.beta2), n2 = static_cast<float>(1 - kAdamW.beta2);
  const auto rate = static_cast<float>(kAdamW.learning_rate / (1 - std::pow(kAdamW.beta1, 7)));
  const auto decay = static_cast<float>(kAdamW.learning_rate * kAdamW.weight_decay);
  x.m = b1 * x.m + n1 * x.grad;
  x.v = b2 * x.v + n2 * (x.grad * x.grad);
  x.param =
      x.param -
      (rate * x.m / (std::sqrt(x.v) * static_cast<float>(root) + static_cast<float>(kAdamW.eps)) +
       decay * x.param);
}

void sgd_by_hand(Number& x) {
  const auto decay = static_cast<float>(kSgd.learning_rate * kSgd.weight_decay);
  x.m = static_cast<float>(kSgd.momentum) * x.m + x.grad;
  x.param = x.param - (static_cast<float>(kSgd.learning_rate) * x.m + decay * x.param);
}

/// Calls use(cut) for matrices, biases and norms of a ViT layer, again and again, where cut(x) is
/// that part of x.
template <class Use>
void for_cuts(const Use& use) {
  constexpr std::int64_t kLayer[] = {36864,  192, 36864,  192, 36864, 192, 36864, 192,
                                     147456, 768, 147456, 192, 192,   192, 192,   192};
  for (std::int64_t at = 0; at < kParameters;) {
    for (const std::int64_t size : kLayer) {
      const std::int64_t n = std::min(size, kParameters - at);
      if (n > 0) use([=](const Tensor& x) { return x.narrow(0, at, n); });
      at += n;
    }
  }
}

void adamw_sweep(Numbers& x) {
  std::vector<ops::AdamWParameter> all;
  for_cuts([&](const auto& cut) {
    all.push_back({cut(x.param), cut(x.grad), cut(x.m), cut(x.v)});
  });
  ops::adamw_step(all, kAdamW);
}
void sgd_sweep(Numbers& x) {
  std::vector<ops::SgdParameter> all;
  for_cuts([&](const auto& cut) { all.push_back({cut(x.param), cut(x.grad), cut(x.m)}); });
  ops::sgd_step(all, kSgd);
}

void adamw(Numbers& x) { ops::adamw_step(x.param, x.grad, x.m, x.v, kAdamW); }
void sgd(Numbers& x) { ops::sgd_step(x.param, x.grad, x.m, kSgd); }

/// Whether the numbers are what `steps` steps make of fresh ones.
bool right(const Numbers& x, std::int64_t steps, void (*by_hand)(Number&)) {
  static const Numbers start;
  for (std::int64_t i = 0; i < kParameters; i += kEvery) {
    Number n{start.param.data<float>()[i], start.grad.data<float>()[i], 0, 0};
    for (std::int64_t s = 0; s < steps; ++s) by_hand(n);
    if (n.param != x.param.data<float>()[i] || n.m != x.m.data<float>()[i] ||
        n.v != x.v.data<float>()[i]) {
      return false;
    }
  }
  return true;
}

struct Op {
  const char* name;
  void (*step)(Numbers&);
  void (*by_hand)(Number&);
  int tensors;  // read and written: each of them counts
};
constexpr Op kOps[] = {{"optimizer_step/adamw/model", adamw, adamw_by_hand, 7},
                       {"optimizer_step/adamw/model_in_cuts", adamw_sweep, adamw_by_hand, 7},
                       {"optimizer_step/sgd_momentum/model", sgd, sgd_by_hand, 5},
                       {"optimizer_step/sgd_momentum/model_in_cuts", sgd_sweep, sgd_by_hand, 5}};

void run(benchmark::State& state, const Op& op, int n) {
  set_threads(n);
  Numbers x;
  op.step(x);
  if (!right(x, 1, op.by_hand)) return refuse(state, "wrong first step");
  const Stopwatch watch(n);
  for (auto _ : state) op.step(x);
  const double seconds = watch.seconds() / static_cast<double>(state.iterations());
  if (!right(x, 1 + static_cast<std::int64_t>(state.iterations()), op.by_hand)) {
    return refuse(state, "wrong last step");
  }
  report(state, 0, 4.0 * op.tensors * static_cast<double>(kParameters), seconds, n);
}

const Suite optimizer_step_suite([] {
  for (const Op& op : kOps) {
    for (const int n : thread_counts()) {
      auto* const registered =
          benchmark::RegisterBenchmark((op.name + thread_suffix(n)).c_str(),
                                       [op, n](benchmark::State& state) { run(state, op, n); });
      if (n > 1) registered->UseRealTime();
    }
  }
});

}  // namespace
}  // namespace chainline::bench
