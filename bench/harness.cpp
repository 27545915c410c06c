#include "bench/harness.h"

#include <memory>
#include <sstream>
#include <thread>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "bench/machine.h"
#include "tensor/parallel.h"
#include "tensor/random.h"
#include "tests/difference.h"

namespace chainline::bench {
namespace {

using test::max_abs_diff;

bool refused = false;
int most_threads = static_cast<int>(std::thread::hardware_concurrency());

std::vector<void (*)()>& suites() {
  static std::vector<void (*)()> list;
  return list;
}

std::vector<void (*)(const Case&)>& case_contenders() {
  static std::vector<void (*)(const Case&)> list;
  return list;
}

/// A case that is ready: its trial, the answer of the first call, and what is wrong with that.
struct Ready {
  std::string name;
  Trial trial;
  Tensors answer;
  std::string wrong;
};

/// Google Benchmark calls a function several times to find how often it must run; the case stays
/// ready until the next one comes, and only one at a time takes memory.
const Ready& get_ready(const Case& c) {
  static std::unique_ptr<Ready> ready;
  if (ready != nullptr && ready->name == c.name) return *ready;
  ready.reset();
  ready = std::make_unique<Ready>(Ready{c.name, c.prepare(), {}, {}});
  ready->answer = ready->trial.run();
  ready->wrong = ready->trial.judge(ready->answer);
  return *ready;
}

std::string shapes_of(const Tensors& tensors) {
  std::ostringstream text;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    text << (i == 0 ? "" : " ") << tensors[i].shape();
  }
  return text.str();
}

void run_case(benchmark::State& state, const Case& c, int n) {
  set_threads(n);
  const Ready& ready = get_ready(c);
  if (!ready.wrong.empty()) return refuse(state, ready.wrong);
  Tensors last;
  const Stopwatch watch(n);
  for (auto _ : state) {
    last.clear();  // gives the block back, so that every call writes to the same one
    last = ready.trial.run();
    benchmark::ClobberMemory();
  }
  const double seconds = watch.seconds() / static_cast<double>(state.iterations());
  const std::string wrong = same_as(ready.answer)(last);
  if (!wrong.empty()) return refuse(state, "last timed answer: " + wrong);
  state.SetLabel(c.shape.empty() ? shapes_of(ready.answer) : c.shape);
  report(state, c.flops, c.bytes, seconds, n);
}

template <class... Parts>
std::string sentence(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

Tensors values_of(const Variables& variables) {
  Tensors values;
  for (const Variable& v : variables) values.push_back(v.value());
  return values;
}

Variables leaves_of(const Tensors& inputs, DType dtype, bool requires_grad) {
  Variables leaves;
  for (const Tensor& x : inputs) leaves.emplace_back(x.to(dtype), requires_grad);
  return leaves;
}

/// What the twin gives in f32 and in f64 decides how far the answer may be off.
std::string judge_by_twin(const Tensors& answer, const std::function<Tensors(DType)>& twin) {
  const Tensors exact = twin(DType::f64), plain = twin(DType::f32);
  if (answer.size() != exact.size()) {
    return sentence("expected ", exact.size(), " outputs, got ", answer.size());
  }
  for (std::size_t i = 0; i < answer.size(); ++i) {
    if (answer[i].shape() != exact[i].shape()) {
      return sentence("output ", i, ": expected shape ", exact[i].shape(), ", got ",
                      answer[i].shape());
    }
    const double largest = max_abs_diff(exact[i], Tensor::zeros(exact[i].shape(), DType::f64));
    const double error = max_abs_diff(answer[i], exact[i]);
    const double bound = 2 * max_abs_diff(plain[i], exact[i]) + largest * 0x1p-24;
    if (!(error <= bound)) {
      return sentence("output ", i, ": off by ", error, ", expected at most ", bound);
    }
  }
  return "";
}

}  // namespace

void refuse(benchmark::State& state, const std::string& wrong) {
  refused = true;
  state.SkipWithError(wrong.c_str());
}

bool any_refused() { return refused; }

void report(benchmark::State& state, double flops, double bytes, double seconds, int n) {
  if (flops > 0) {
    state.counters["GFLOP/s"] = flops / seconds * 1e-9;
    state.counters["of_peak"] = flops / seconds / fma_peak(isa(), n);
  }
  if (bytes > 0) {
    state.counters["GB/s"] = bytes / seconds * 1e-9;
    state.counters["of_copy"] = bytes / seconds / copy_bandwidth(n);
  }
}

CaseContender::CaseContender(void (*add)(const Case&)) { case_contenders().push_back(add); }

Suite::Suite(void (*register_cases)()) { suites().push_back(register_cases); }

void Suite::register_all() {
  for (void (*const register_cases)() : suites()) register_cases();
}

void set_most_threads(int n) { most_threads = n; }

std::vector<int> thread_counts() {
  return most_threads > 1 ? std::vector<int>{1, most_threads} : std::vector<int>{1};
}

std::string thread_suffix(int threads) { return "/threads=" + std::to_string(threads); }

void add(const Case& c) {
  for (const int n : thread_counts()) {
    auto* const registered =
        benchmark::RegisterBenchmark((c.name + thread_suffix(n)).c_str(),
                                     [c, n](benchmark::State& state) { run_case(state, c, n); });
    // One thread is measured by its processor time, as the peak is (machine.h).
    if (n > 1) registered->UseRealTime();
  }
  for (void (*const add_contender)(const Case&) : case_contenders()) add_contender(c);
}

Judge same_as(const Tensors& exact) {
  return [exact](const Tensors& answer) -> std::string {
    if (answer.size() != exact.size()) {
      return sentence("expected ", exact.size(), " outputs, got ", answer.size());
    }
    for (std::size_t i = 0; i < answer.size(); ++i) {
      if (!same_bits(answer[i], exact[i])) return sentence("output ", i, ": wrong bits");
    }
    return "";
  };
}

Judge value_of(const Composed& twin, const Tensors& inputs) {
  return [=](const Tensors& answer) {
    return judge_by_twin(answer, [&](DType dtype) {
      const NoGradGuard no_grad;
      return Tensors{twin(leaves_of(inputs, dtype, false)).value()};
    });
  };
}

Judge gradients_of(const Composed& twin, const Tensors& inputs, const Tensor& grad_y) {
  return [=](const Tensors& answer) {
    return judge_by_twin(answer, [&](DType dtype) {
      const Variables leaves = leaves_of(inputs, dtype, true);
      GradOptions options;
      options.grad_outputs = {Variable(grad_y.to(dtype))};
      return values_of(grad({twin(leaves)}, leaves, options));
    });
  };
}

Tensor randn(const Shape& shape, std::uint64_t seed) {
  RandomSequence numbers = Generator(seed, "bench").sequence(0, 0);
  Tensor x = Tensor::empty(shape, DType::f32);
  float* const to = x.mutable_data<float>();
  for (std::int64_t i = 0; i < x.numel(); ++i) to[i] = static_cast<float>(numbers.normal());
  return x;
}

Tensor randint(const Shape& shape, std::int64_t n, std::uint64_t seed) {
  RandomSequence numbers = Generator(seed, "bench").sequence(0, 0);
  Tensor x = Tensor::empty(shape, DType::i64);
  std::int64_t* const to = x.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    to[i] = static_cast<std::int64_t>(numbers.below(static_cast<std::uint64_t>(n)));
  }
  return x;
}

}  // namespace chainline::bench
