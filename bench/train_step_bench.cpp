// One training step of the benchmark model (model_shapes.h): forward, backward, clipping, AdamW, as
// the experiments' trainer does it. What does a step cost, and how much of the processor does it
// use?

#include <benchmark/benchmark.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/machine.h"
#include "bench/training.h"
#include "tensor/parallel.h"

namespace chainline::bench {
namespace {

const StepSizes kSizes;  // the benchmark model

/// The first steps as every run must repeat them, in bits: computed in four micro-batches, which
/// takes other block sizes through every kernel. The first is compared with f64.
///
/// The bound: a value passes some 6 products in each of 12 blocks, forward and again backward. A
/// chain of K terms is off by at most K u, relative to the sum of its terms' sizes, so the relative
/// error of loss and norm is, to first order and unless terms cancel, below 144 * 768 * 2^-24.
class FirstSteps {
 public:
  FirstSteps() {
    const StepData data(kSizes);
    Training split(kSizes, DType::f32);
    for (int s = 0; s < 2; ++s) steps_.push_back(split.step(data, kSizes.batch / 4));
    const Step exact = Training(kSizes, DType::f64).step(data, 4);
    const double bound = 144 * 768 * 0x1p-24;
    right_ = std::abs(steps_[0].loss - exact.loss) <= bound * exact.loss &&
             std::abs(steps_[0].gradient_norm - exact.gradient_norm) <= bound * exact.gradient_norm;
  }

  /// Step s, counted from 0, went as it must; what runs first beyond the known ones is believed.
  bool agrees(std::size_t s, const Step& step) {
    if (s == steps_.size()) steps_.push_back(step);
    // The losses of micro-batches are added in f64 here, so only norms are compared in bits.
    return right_ && std::isfinite(step.loss) && steps_[s].gradient_norm == step.gradient_norm &&
           std::abs(steps_[s].loss - step.loss) <= 4 * 0x1p-24 * step.loss;
  }

 private:
  std::vector<Step> steps_;
  bool right_ = false;
};

void train_step(benchmark::State& state, int n) {
  set_threads(n);
  static FirstSteps first_steps;
  release_cached_memory();
  const StepData data(kSizes);
  Training training(kSizes, DType::f32);
  std::size_t steps = 0;
  if (!first_steps.agrees(steps++, training.step(data))) {
    return refuse(state, "wrong first step");
  }
  const auto held = [] {
    const MemoryUse use = memory_use();
    return static_cast<double>(use.in_use + use.cached);
  };
  const double held_before = held();
  reset_peak_resident_bytes();
  bool right = true;
  const Stopwatch watch(n);
  for (auto _ : state) {
    right = first_steps.agrees(steps++, training.step(data)) && right;
  }
  const double seconds = watch.seconds() / static_cast<double>(state.iterations());
  if (!right) return refuse(state, "wrong loss or gradient");
  state.SetLabel("batch 32, 64 + 24 tokens");
  report(state, step_flops(kSizes), 0, seconds, n);
  state.counters["GFLOP/step"] = step_flops(kSizes) * 1e-9;
  state.counters["samples/s"] = static_cast<double>(kSizes.batch) / seconds;
  state.counters["peak_MB"] = peak_resident_bytes() * 1e-6;
  // What the cache of blocks took from the system since the first step; 0 is the promise.
  state.counters["new_bytes"] = held() - held_before;
  state.counters["parameters"] = static_cast<double>(nn::count_elements(training.parameters()));
}

/// Ours and a contender's in turn, step by step. The time is the contender's; `vs` is it as a share
/// of ours: below 1 we are slower. Both make the same first step: each sum of the contender is one of
/// the chains of which FirstSteps bounds the error, in another order, so they are apart by twice
/// that.
void contest(benchmark::State& state, const StepContender& contender, int n) {
  set_threads(n);
  release_cached_memory();
  const StepData data(kSizes);
  Training ours(kSizes, DType::f32);
  const std::function<Step(const StepData&)> theirs =
      contender.prepare(kSizes, ours.parameters(), n);
  const Step first = ours.step(data), other = theirs(data);
  const double bound = 2 * 144 * 768 * 0x1p-24;
  if (!(std::abs(first.loss - other.loss) <= bound * first.loss &&
        std::abs(first.gradient_norm - other.gradient_norm) <= bound * first.gradient_norm)) {
    return refuse(state, "wrong first step");
  }
  Step last{};
  double our_seconds = 0, their_seconds = 0;
  for (auto _ : state) {
    const Stopwatch our_watch(n);
    ours.step(data);
    our_seconds += our_watch.seconds();
    const Stopwatch their_watch(n);
    last = theirs(data);
    const double seconds = their_watch.seconds();
    their_seconds += seconds;
    state.SetIterationTime(seconds);
  }
  if (!(last.loss < first.loss)) return refuse(state, "the loss did not fall");
  report(state, step_flops(kSizes), 0, their_seconds / static_cast<double>(state.iterations()), n);
  state.counters["vs"] = their_seconds / our_seconds;
}

const Suite training([] {
  for (const StepContender* const contender : StepContender::all()) {
    if (contender->possible != nullptr && !contender->possible()) continue;
    for (const int n : thread_counts()) {
      benchmark::RegisterBenchmark(
          (std::string("train_step/f32/") + contender->name + thread_suffix(n)).c_str(),
          [contender, n](benchmark::State& state) { contest(state, *contender, n); })
          ->Unit(benchmark::kMillisecond)
          ->UseManualTime();
    }
  }
  for (const int n : thread_counts()) {
    auto* const registered =
        benchmark::RegisterBenchmark(("train_step/f32" + thread_suffix(n)).c_str(),
                                     [n](benchmark::State& state) { train_step(state, n); });
    registered->Unit(benchmark::kMillisecond);
    if (n > 1) registered->UseRealTime();
  }
});

}  // namespace
}  // namespace chainline::bench
