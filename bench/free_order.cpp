// What the orders of docs/numerics.md cost: every case and the training step once more by the
// kernels that may sum in any order (cmake/isa.cmake), in turn with the exact ones, call by call.
// Compiled where CHAINLINE_FREE_ORDER has such kernels.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>

#include "bench/harness.h"
#include "bench/machine.h"
#include "bench/training.h"
#include "tensor/parallel.h"
#include "tests/difference.h"

namespace chainline::bench {
namespace {

/// While it lives, kernels sum in any order.
class FreeOrder {
 public:
  FreeOrder() { set_isa(Isa::free_order); }
  ~FreeOrder() { set_isa(before_); }
  FreeOrder(const FreeOrder&) = delete;
  FreeOrder& operator=(const FreeOrder&) = delete;

 private:
  const Isa before_ = isa();
};

/// The kernels are those for AVX-512 in all but the order.
bool comparable() { return isa() == Isa::avx512; }

/// What is wrong with an answer in another order than the judged one. Two orders of a sum of n
/// random terms differ by some sqrt(n) u of the sum of the terms' sizes (Higham and Mary: A New
/// Approach to Probabilistic Rounding Error Analysis, 2019), which is some sqrt(n) times the largest
/// of many such sums: n u of that, and four times as much in thousands of them. No sum of a case has
/// more terms than an answer has rows, or 1024.
std::string judge(const Tensors& free, const Tensors& exact) {
  std::int64_t n = 1024;
  for (const Tensor& t : exact)
    n = std::max(n, t.numel() / std::max<std::int64_t>(1, t.shape()[-1]));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double largest =
        test::max_abs_diff(exact[i], Tensor::zeros(exact[i].shape(), exact[i].dtype()));
    const double off = test::max_abs_diff(free[i], exact[i]);
    const double bound = 4 * static_cast<double>(n) * 0x1p-24 * largest;
    if (!(off <= bound)) {
      return "any order: output " + std::to_string(i) + ": off by " + std::to_string(off) +
             ", expected at most " + std::to_string(bound);
    }
  }
  return "";
}

/// A case that both have answered, and what is wrong with an answer. Judging takes longer than
/// timing, so it stays for all repetitions.
struct Answered {
  explicit Answered(const Case& c) : name(c.name), trial(c.prepare()), exact(trial.run()) {
    free = run_free();
    wrong = trial.judge(exact);
    if (wrong.empty()) wrong = judge(free, exact);
  }
  Tensors run_free() const {
    const FreeOrder any;
    return trial.run();
  }

  std::string name;
  Trial trial;
  Tensors exact, free;
  std::string wrong;
};

const Answered& answered(const Case& c) {
  static std::unique_ptr<Answered> last;
  if (last == nullptr || last->name != c.name) {
    last.reset();
    last = std::make_unique<Answered>(c);
  }
  return *last;
}

/// The time is that of any order; `vs` is it as a share of the exact kernels': 0.95 says that
/// exactness costs 5 %.
void contest(benchmark::State& state, const Case& c, int n) {
  set_threads(n);
  const Answered& both = answered(c);
  if (!both.wrong.empty()) return refuse(state, both.wrong);
  Tensors last_exact, last_free;
  double exact_seconds = 0, free_seconds = 0;
  for (auto _ : state) {
    const Stopwatch exact_watch(n);
    last_exact.clear();
    last_exact = both.trial.run();
    exact_seconds += exact_watch.seconds();
    const Stopwatch free_watch(n);
    last_free.clear();
    last_free = both.run_free();
    const double seconds = free_watch.seconds();
    free_seconds += seconds;
    state.SetIterationTime(seconds);
  }
  if (!same_as(both.exact)(last_exact).empty() || !same_as(both.free)(last_free).empty()) {
    return refuse(state, "wrong last answer");
  }
  report(state, c.flops, c.bytes, free_seconds / static_cast<double>(state.iterations()), n);
  state.counters["vs"] = free_seconds / exact_seconds;
}

const CaseContender cases([](const Case& c) {
  if (!comparable()) return;
  for (const int n : thread_counts()) {
    benchmark::RegisterBenchmark((c.name + "/free_order" + thread_suffix(n)).c_str(),
                                 [c, n](benchmark::State& state) { contest(state, c, n); })
        ->UseManualTime();
  }
});

const StepContender step(
    "free_order",
    [](const StepSizes& sizes, const std::vector<nn::NamedParameter>&, int) {
      // It starts from the same weights as every training of these sizes.
      const auto training = std::make_shared<Training>(sizes, DType::f32);
      return std::function<Step(const StepData&)>([training](const StepData& data) {
        const FreeOrder any;
        return training->step(data);
      });
    },
    comparable);

}  // namespace
}  // namespace chainline::bench
