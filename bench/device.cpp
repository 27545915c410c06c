#include "bench/device.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "tensor/error.h"
#include "tests/difference.h"

namespace chainline::bench {
namespace {

Device chosen = kCpu;

std::vector<void (*)()>& suites() {
  static std::vector<void (*)()> list;
  return list;
}

Tensors on_cpu(const Tensors& tensors) {
  Tensors copies;
  for (const Tensor& t : tensors) copies.push_back(t.to(kCpu));
  return copies;
}

/// A number passes at most three roundings to bf16 on its way: of an operand that the call itself
/// computes, of a second one, and of the result. Each loses at most 2^-8 of what it rounds; sums of
/// such terms lose with any signs, and are compared with the largest of them all. Sums in f32 are
/// thousands of times as exact. So 2^-6 of the largest number, a third more than three roundings.
std::string judge_fast(const Tensors& answer, const Tensors& expected) {
  constexpr std::int64_t kAtOnce = 1 << 20;  // in f64; an answer may have a thousand times as many
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (answer[i].shape() != expected[i].shape()) return "another shape than on the CPU";
    const std::int64_t n = expected[i].numel();
    const Tensor ours = answer[i].contiguous().reshape({n}),
                 right = expected[i].contiguous().reshape({n});
    double largest = 0, off = 0;
    for (std::int64_t at = 0; at < n; at += kAtOnce) {
      const std::int64_t some = std::min(kAtOnce, n - at);
      const Tensor part = right.narrow(0, at, some);
      const Tensor zeros = Tensor::zeros({some}, DType::f64);
      largest = std::max(largest, test::max_abs_diff(part, zeros));
      const double difference = test::max_abs_diff(ours.narrow(0, at, some), part);
      if (!(difference <= off)) off = difference;  // a NaN stays
      if (std::isnan(off)) break;
    }
    const double bound = 0x1p-6 * largest;
    if (!(off <= bound)) {
      return "output " + std::to_string(i) + ": off by " + std::to_string(off) +
             ", expected at most " + std::to_string(bound);
    }
  }
  return "";
}

std::string judge(Arithmetic arithmetic, const Tensors& answer, const Tensors& expected) {
  if (answer.size() != expected.size()) return "another number of outputs than on the CPU";
  const Tensors here = on_cpu(answer);
  return arithmetic == Arithmetic::exact ? same_as(expected)(here) : judge_fast(here, expected);
}

/// A case in a class, ready on the device: one at a time, for all its repetitions and kernels.
struct Ready {
  Ready(const DeviceCase& c, Arithmetic a)
      : name(c.name), arithmetic(a), expected(c.prepare({kCpu, a})()) {
    backend().set_kernel_choices({});
    run = c.prepare({device(), a});
    backend().set_kernel_choices({});  // what makes the operands ready has none
    answer = run();
    choices = backend().kernel_choices();
    wrong = judge(a, answer, expected);
  }

  /// From now on every kernel that may be chosen is this one; empty: the quickest.
  void choose(const std::string& kernel) const {
    std::vector<KernelChoice> all = choices;
    for (KernelChoice& c : all) {
      if (!kernel.empty()) c.kernel = kernel;
    }
    backend().set_kernel_choices(all);
  }

  std::string name;
  Arithmetic arithmetic;
  Tensors expected;
  std::function<Tensors()> run;
  Tensors answer;
  std::vector<KernelChoice> choices;
  std::string wrong;
};

const Ready& get_ready(const DeviceCase& c, Arithmetic a) {
  static std::unique_ptr<Ready> ready;
  if (ready == nullptr || ready->name != c.name || ready->arithmetic != a) {
    ready.reset();
    ready = std::make_unique<Ready>(c, a);
  }
  return *ready;
}

double bytes_of(const DeviceCase& c, Arithmetic a) {
  return a == Arithmetic::exact ? c.bytes : c.bytes / 2;
}

/// Runs once, and says how long that took.
double timed(const Ready& ready, Tensors& last) {
  last.clear();  // gives the block back, so that every call writes to the same one
  return backend().seconds_of([&] { last = ready.run(); });
}

void run_case(benchmark::State& state, const DeviceCase& c, Arithmetic a) try {
  const Ready& ready = get_ready(c, a);
  if (!ready.wrong.empty()) return refuse(state, ready.wrong);
  ready.choose("");
  Tensors last;
  double seconds = 0;
  for (auto _ : state) {
    const double once = timed(ready, last);
    seconds += once;
    state.SetIterationTime(once);
  }
  const std::string wrong = same_as(on_cpu(ready.answer))(on_cpu(last));
  if (!wrong.empty()) return refuse(state, "last timed answer: " + wrong);
  state.SetLabel(c.shape);
  report_on_device(state, a, c.flops, bytes_of(c, a),
                   seconds / static_cast<double>(state.iterations()));
} catch (const Error& e) {
  refuse(state, e.what());
}

/// Our own kernel and another in turn. The time is the other's; `vs` is it as a share of ours.
void contest(benchmark::State& state, const DeviceCase& c, const std::string& kernel) try {
  const Ready& ready = get_ready(c, Arithmetic::fast);
  Tensors ours, theirs;
  ready.choose(kernel);
  theirs = ready.run();
  const std::string wrong = judge(Arithmetic::fast, theirs, ready.expected);
  if (!wrong.empty()) return refuse(state, wrong);
  double our_seconds = 0, their_seconds = 0;
  for (auto _ : state) {
    ready.choose("own");
    our_seconds += timed(ready, ours);
    ready.choose(kernel);
    const double once = timed(ready, theirs);
    their_seconds += once;
    state.SetIterationTime(once);
  }
  const std::string at_last = judge(Arithmetic::fast, theirs, ready.expected);
  if (!at_last.empty()) return refuse(state, "last timed answer: " + at_last);
  report_on_device(state, Arithmetic::fast, c.flops, bytes_of(c, Arithmetic::fast),
                   their_seconds / static_cast<double>(state.iterations()));
  state.counters["vs"] = their_seconds / our_seconds;
} catch (const Error& e) {
  refuse(state, e.what());
}

}  // namespace

void run_on(Device d) {
  if (d.type == DeviceType::cuda) cuda::backend(d.index);
  chosen = d;
}

bool on_device() { return chosen.type == DeviceType::cuda; }
Device device() { return chosen; }
Backend& backend() { return cuda::backend(chosen.index); }
std::string device_suffix() { return "/device=cuda"; }
bool smallest() { return !backend().measures(); }

const DeviceLimits& device_limits() {
  static const DeviceLimits limits = backend().measure_limits();
  return limits;
}

std::string name(Arithmetic a) { return a == Arithmetic::exact ? "exact" : "fast"; }

Tensor Place::activation(const Shape& shape, std::uint64_t seed) const {
  Tensor x = randn(shape, seed);
  if (arithmetic == Arithmetic::fast) {
    x = x.to(DType::bf16);
    if (device == kCpu) x = x.to(DType::f32);
  }
  return x.to(device);
}

Tensor Place::parameter(const Shape& shape, std::uint64_t seed) const {
  return randn(shape, seed).to(device);
}

Tensor Place::index(const Shape& shape, std::int64_t n, std::uint64_t seed) const {
  return randint(shape, n, seed).to(device);
}

void report_on_device(benchmark::State& state, Arithmetic arithmetic, double flops, double bytes,
                      double seconds) {
  const DeviceLimits& most = device_limits();
  if (flops > 0) {
    const double peak = arithmetic == Arithmetic::exact ? most.f32_flops : most.bf16_flops;
    state.counters["GFLOP/s"] = flops / seconds * 1e-9;
    state.counters["of_peak"] = flops / seconds / peak;
  }
  if (bytes > 0) {
    state.counters["GB/s"] = bytes / seconds * 1e-9;
    state.counters["of_copy"] = bytes / seconds / most.copy_bytes;
  }
}

void add_on_device(const DeviceCase& c) {
  for (const Arithmetic a : {Arithmetic::exact, Arithmetic::fast}) {
    DeviceCase named = c;
    named.name.append("/").append(name(a));
    benchmark::RegisterBenchmark((named.name + device_suffix()).c_str(), [named,
                                                                          a](benchmark::State& s) {
      run_case(s, named, a);
    })->UseManualTime();
  }
  DeviceCase fast = c;
  fast.name.append("/").append(name(Arithmetic::fast));
  const std::string op = c.name.substr(0, c.name.find('/'));
  const bool backward = c.name.starts_with("attention/backward");
  const std::string chosen_op = op == "linear" ? "product" : backward ? "attention_backward" : op;
  for (const std::string& kernel : backend().kernels(chosen_op)) {
    if (kernel == "own") continue;
    benchmark::RegisterBenchmark((fast.name + "/" + kernel + device_suffix()).c_str(),
                                 [fast, kernel](benchmark::State& s) { contest(s, fast, kernel); })
        ->UseManualTime();
  }
}

DeviceSuite::DeviceSuite(void (*register_cases)()) { suites().push_back(register_cases); }

void DeviceSuite::register_all() {
  for (void (*const register_cases)() : suites()) register_cases();
}

}  // namespace chainline::bench
