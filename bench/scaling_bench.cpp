// How the cost of a training step grows with the batch, with the tokens and with the width, on one
// thread and on all: a point of each curve has its GFLOP/s, which stay the same where the cost grows
// as the work does. The model is the benchmark model with two of its six layers on either side, so
// that the curves take minutes; what a layer costs is the same.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>

#include "bench/harness.h"
#include "bench/machine.h"
#include "bench/training.h"
#include "tensor/parallel.h"

namespace chainline::bench {
namespace {

constexpr std::int64_t kFewLayers = 2, kFewSamples = 4;
/// Work for some 30 ms at least is timed at once.
constexpr double kFlopsTimed = 4e9;
/// The whole curves shall not take longer than people wait.
constexpr int kRepetitions = 4;

struct Point {
  std::string name;
  StepSizes sizes;
};

StepSizes small_model() {
  StepSizes sizes;
  sizes.layers = kFewLayers;
  return sizes;
}

Point of_batch(std::int64_t batch) {
  StepSizes sizes = small_model();
  sizes.batch = batch;
  return {"scaling/batch=" + std::to_string(batch), sizes};
}

/// 16 of the tokens are an image's.
Point of_tokens(std::int64_t tokens) {
  StepSizes sizes = small_model();
  sizes.batch = kFewSamples;
  sizes.image_size = 4 * model::kPatchSize;
  sizes.text_tokens = tokens - sizes.patches();
  return {"scaling/tokens=" + std::to_string(tokens), sizes};
}

/// The hidden layers keep the benchmark model's proportions: 4 and 8/3 times the width, the latter
/// rounded up to a multiple of 32.
Point of_width(std::int64_t width) {
  StepSizes sizes = small_model();
  sizes.batch = kFewSamples;
  sizes.channels = width;
  sizes.vision_hidden = 4 * width;
  sizes.text_hidden = (8 * width / 3 + 31) / 32 * 32;
  return {"scaling/width=" + std::to_string(width), sizes};
}

std::string shape_of(const StepSizes& s) {
  return std::to_string(s.batch) + " x " + std::to_string(s.tokens()) + " x " +
         std::to_string(s.channels);
}

/// The first step of a point as every run must repeat it, in bits: in two micro-batches, where
/// there is more than one sample, on as many threads as the first run has.
const Step& first_step(const Point& point, const StepData& data) {
  static std::map<std::string, Step> known;
  const auto found = known.find(point.name);
  if (found != known.end()) return found->second;
  const std::int64_t half = (point.sizes.batch + 1) / 2;
  return known.emplace(point.name, Training(point.sizes, DType::f32).step(data, half))
      .first->second;
}

void measure(benchmark::State& state, const Point& point, int n) {
  set_threads(n);
  // Repetitions go on with the same model: making it takes as long as some steps.
  struct Ready {
    std::string name;
    StepData data;
    Training training;
    bool right;
  };
  static std::optional<Ready> ready;
  const std::string name = point.name + thread_suffix(n);
  if (!ready || ready->name != name) {
    ready.reset();
    release_cached_memory();
    ready.emplace(Ready{name, StepData(point.sizes), Training(point.sizes, DType::f32), false});
    const Step expected = first_step(point, ready->data);
    const Step first = ready->training.step(ready->data);
    // The losses of micro-batches are added in f64 here, so they agree to some roundings.
    ready->right = std::isfinite(first.loss) && first.gradient_norm == expected.gradient_norm &&
                   std::abs(first.loss - expected.loss) <= 4 * 0x1p-24 * expected.loss;
  }
  if (!ready->right) return refuse(state, "wrong first step");
  bool finite = true;
  const Stopwatch watch(n);
  for (auto _ : state) finite = std::isfinite(ready->training.step(ready->data).loss) && finite;
  const double seconds = watch.seconds() / static_cast<double>(state.iterations());
  if (!finite) return refuse(state, "the loss is not finite");
  state.SetLabel(shape_of(point.sizes));
  report(state, step_flops(point.sizes), 0, seconds, n);
  state.counters["samples/s"] = static_cast<double>(point.sizes.batch) / seconds;
  state.counters["GFLOP/step"] = step_flops(point.sizes) * 1e-9;
}

void add_point(const Point& point, int n) {
  auto* const registered = benchmark::RegisterBenchmark(
      (point.name + thread_suffix(n)).c_str(),
      [point, n](benchmark::State& state) { measure(state, point, n); });
  const double steps = std::ceil(kFlopsTimed / step_flops(point.sizes));
  registered->Unit(benchmark::kMillisecond)
      ->Iterations(static_cast<std::int64_t>(std::clamp(steps, 1.0, 50.0)))
      ->Repetitions(kRepetitions);
  if (n > 1) registered->UseRealTime();
}

const Suite scaling([] {
  for (const int n : thread_counts()) {
    for (const std::int64_t b : {1, 2, 4, 8, 16, 32, 64, 128, 256}) add_point(of_batch(b), n);
    for (const std::int64_t t : {64, 96, 128, 192, 256, 257, 384, 512, 768, 1024}) {
      add_point(of_tokens(t), n);
    }
    for (const std::int64_t w : {128, 192, 256, 320, 384, 512, 640, 768, 1024}) {
      add_point(of_width(w), n);
    }
  }
});

}  // namespace
}  // namespace chainline::bench
