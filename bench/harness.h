#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "autograd/variable.h"
#include "tensor/tensor.h"

namespace chainline::bench {

using Tensors = std::vector<Tensor>;

/// Says what is wrong with an answer; empty when nothing is.
using Judge = std::function<std::string(const Tensors&)>;

/// A call to be timed, and who judges its answer. The call gives the same bits every time.
struct Trial {
  std::function<Tensors()> run;
  Judge judge;
};

/// A benchmark: a name op/what/shape, the work of one call, and how to get ready for it. Work that
/// is bound by arithmetic counts flops, work that is bound by memory counts the bytes that must be
/// read and written at least once. `shape` is what a card shows; where it says nothing, the shapes
/// of the answer.
struct Case {
  std::string name;
  double flops = 0, bytes = 0;
  std::function<Trial()> prepare;
  std::string shape = {};
};

/// What a file of benchmarks registers, once the program runs and knows every contender:
///
///   const Suite softmax([] { add({"softmax/forward/vit", ...}); });
class Suite {
 public:
  explicit Suite(void (*register_cases)());
  /// Registers the cases of all suites.
  static void register_all();
};

/// Registers the case for 1 thread and for all of them. The answer is judged before the clock
/// starts, and after it stopped the last timed answer must have the bits of the judged one;
/// otherwise there is an error in place of a figure.
///
/// Counters: GFLOP/s and of_peak (share of fma_peak), or GB/s and of_copy (share of
/// copy_bandwidth), of the same run.
void add(const Case& c);

/// Called with every case that is added, to register the same call done in another way, as
/// name/contender/threads=N with the counter `vs`.
class CaseContender {
 public:
  explicit CaseContender(void (*add)(const Case&));
};

/// Ends a benchmark with what is wrong with an answer in place of a figure.
void refuse(benchmark::State& state, const std::string& wrong);
/// Whether any benchmark was refused: the program's exit code is 3 then.
bool any_refused();

/// Sets the counters of a call that took so many seconds on n threads.
void report(benchmark::State& state, double flops, double bytes, double seconds, int n);

/// The thread counts that benchmarks run with: 1, and the most if that is more. The most is the
/// machine's until it is set, before anything is registered.
void set_most_threads(int n);
std::vector<int> thread_counts();
/// "/threads=2"
std::string thread_suffix(int threads);

// --- judges ---

/// The answer has exactly these bits.
Judge same_as(const Tensors& exact);

/// A function of some inputs, composed of primitive ops (autograd/ops.h).
using Composed = std::function<Variable(const Variables&)>;

/// The answer is the composed twin's value at the inputs. An f32 answer is compared with the twin
/// in f64, and may be off by twice as much as the twin itself computed in f32, and the rounding of
/// the largest element.
Judge value_of(const Composed& twin, const Tensors& inputs);
/// The answers are the twin's gradients with respect to the inputs, in their order.
Judge gradients_of(const Composed& twin, const Tensors& inputs, const Tensor& grad_y);

// --- inputs ---

/// Values of the normal distribution in f32, a function of shape and seed.
Tensor randn(const Shape& shape, std::uint64_t seed);
/// Integers of [0, n).
Tensor randint(const Shape& shape, std::int64_t n, std::uint64_t seed);

}  // namespace chainline::bench
