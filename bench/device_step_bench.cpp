// One training step of the device's model (device_shapes.h), in the exact and in the fast class:
// forward, backward, clipping, AdamW; replayed from a recorded graph, as training does it, and asked
// for kernel by kernel. It is timed by the wall's clock, since what the host does between kernels is
// part of a step.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <memory>

#include "bench/device.h"
#include "bench/device_shapes.h"
#include "bench/training.h"
#include "tensor/error.h"

namespace chainline::bench {
namespace {

/// A bf16 loses at most 2^-8 of what it rounds. A hidden state passes some ten roundings in each of 24
/// blocks, of any signs: sqrt(240) of them, below 2^-4, of the loss and of the gradient's norm.
constexpr double kFastOff = 0x1p-4;

/// The model in a class, whose first step was compared with the CPU's: in bits, or within the above.
struct Ready {
  explicit Ready(Arithmetic a)
      : arithmetic(a),
        sizes(device_sizes()),
        data(sizes),
        training(std::make_unique<Training>(sizes, DType::f32, device(), a == Arithmetic::fast)) {
    static const Step expected = Training(sizes, DType::f32).step(data);
    first = training->step(data);
    const double off = std::max(std::abs(first.loss / expected.loss - 1),
                                std::abs(first.gradient_norm / expected.gradient_norm - 1));
    if (a == Arithmetic::exact ? !(first == expected) : !(off <= kFastOff)) {
      wrong = "first step: off by " + std::to_string(off) + " of the CPU's";
    }
  }

  Arithmetic arithmetic;
  StepSizes sizes;
  StepData data;
  std::unique_ptr<Training> training;
  Step first{};
  std::string wrong;
};

Ready& get_ready(Arithmetic a) {
  static std::unique_ptr<Ready> ready;
  if (ready == nullptr || ready->arithmetic != a) {
    ready.reset();
    ready = std::make_unique<Ready>(a);
  }
  return *ready;
}

void train_step(benchmark::State& state, Arithmetic a, bool replays) try {
  using Clock = std::chrono::steady_clock;
  Ready& ready = get_ready(a);
  if (!ready.wrong.empty()) return refuse(state, ready.wrong);
  if (replays) ready.training->replay(ready.data);  // records
  Step last{};
  double all = 0;
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    // The loss comes back to the host.
    last = replays ? ready.training->replay(ready.data) : ready.training->step(ready.data);
    backend().synchronize();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    all += seconds;
    state.SetIterationTime(seconds);
  }
  if (!(last.loss < ready.first.loss)) return refuse(state, "the loss did not fall");
  const double seconds = all / static_cast<double>(state.iterations());
  const StepSizes& s = ready.sizes;
  state.SetLabel("batch " + std::to_string(s.batch) + ", " + std::to_string(s.patches()) + " + " +
                 std::to_string(s.text_tokens) + " tokens");
  report_on_device(state, a, step_flops(s), 0, seconds);
  state.counters["GFLOP/step"] = step_flops(s) * 1e-9;
  state.counters["samples/s"] = static_cast<double>(s.batch) / seconds;
  state.counters["parameters"] =
      static_cast<double>(nn::count_elements(ready.training->parameters()));
} catch (const Error& e) {
  refuse(state, e.what());
}

const DeviceSuite training([] {
  for (const Arithmetic a : {Arithmetic::exact, Arithmetic::fast}) {
    for (const bool replays : {true, false}) {
      const std::string way = replays ? "" : "/kernel_by_kernel";
      benchmark::RegisterBenchmark(("train_step/" + name(a) + way + device_suffix()).c_str(),
                                   [=](benchmark::State& state) { train_step(state, a, replays); })
          ->Unit(benchmark::kMillisecond)
          ->UseManualTime();
    }
  }
});

}  // namespace
}  // namespace chainline::bench
