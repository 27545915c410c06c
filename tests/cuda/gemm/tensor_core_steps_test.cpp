// The steps on tensor cores against sums in f64, within what f32 additions in any order may lose.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cuda/gemm/fragments.cuh"
#include "cuda/gemm/tensor_core.cuh"
#include "tests/cuda/emulator/each_order.h"
#include "tests/cuda/gemm/products.h"

namespace chainline::test {
namespace {

using BfProduct = cuda::Product<__nv_bfloat16, float>;

struct CoreStep {
  const char* name;
  void (*run)(const BfProduct&, std::int64_t, const cuda::OneProduct&, cuda::Stream);
};
const CoreStep kSteps[] = {{"fragments", &cuda::run_fragment_gemm<>},
                           {"tensor_core", &cuda::run_tensor_core_gemm<>}};

class TensorCoreSteps : public EachOrder {};

INSTANTIATE_TEST_SUITE_P(Orders, TensorCoreSteps, testing::ValuesIn(orders()), name_of);

/// The product of numbers as bf16 has them, at most 1, and the largest error of an element in units
/// of the bound.
///
/// Products of bf16 have 16 bits and are exact in f32. Each of n additions of one element, in any
/// order, loses at most 2^-23 of what stands then, rounded to nearest or not, which is at most S, the
/// sum of the magnitudes and of what C held: in all n 2^-23 S, to first order, and n^2 2^-46 S beyond.
double worst_error(const CoreStep& step, const Sizes& s, bool a_turned, bool b_turned,
                   GemmMode mode, bool whole_numbers) {
  const std::int64_t K = s.length * s.chains;
  const auto bf = [&](std::int64_t n, std::uint64_t seed) {
    std::vector<__nv_bfloat16> values;
    for (const float x : numbers<float>(n, seed)) {
      values.emplace_back(whole_numbers ? std::round(16 * x) : 2 * x);
    }
    return values;
  };
  const auto a = bf(s.M * K, 1), b = bf(K * s.N, 2);
  const std::vector<float> before = numbers<float>(s.M * s.N, 3);
  const DeviceArray<__nv_bfloat16> da(a), db(b);
  const DeviceArray<float> dc(before);
  const cuda::Matrix<__nv_bfloat16> ma = a_turned ? cuda::Matrix<__nv_bfloat16>{da.data(), 1, s.M}
                                                  : cuda::Matrix<__nv_bfloat16>{da.data(), K, 1};
  const cuda::Matrix<__nv_bfloat16> mb = b_turned ? cuda::Matrix<__nv_bfloat16>{db.data(), 1, K}
                                                  : cuda::Matrix<__nv_bfloat16>{db.data(), s.N, 1};
  step.run({.M = s.M,
            .N = s.N,
            .length = s.length,
            .chains = s.chains,
            .mode = mode,
            .a = ma,
            .b = mb,
            .c = dc.data()},
           1, {}, nullptr);
  const std::vector<float> after = dc.values();
  const double n = static_cast<double>(K + s.chains), unit = 0x1p-23;
  double worst = 0;
  for (std::int64_t i = 0; i < s.M; ++i) {
    for (std::int64_t j = 0; j < s.N; ++j) {
      const std::size_t at = static_cast<std::size_t>(i * s.N + j);
      double sum = mode == GemmMode::store ? 0 : double{before[at]}, magnitude = std::abs(sum);
      for (std::int64_t k = 0; k < K; ++k) {
        const auto x = a[static_cast<std::size_t>(a_turned ? k * s.M + i : i * K + k)];
        const auto y = b[static_cast<std::size_t>(b_turned ? j * K + k : k * s.N + j)];
        const double product = double{__bfloat162float(x)} * double{__bfloat162float(y)};
        sum += product;
        magnitude += std::abs(product);
      }
      const double error = std::abs(double{after[at]} - sum);
      const double bound =
          whole_numbers && mode == GemmMode::store ? 0 : n * unit * (1 + n * unit) * magnitude;
      if (!(error <= bound)) return HUGE_VAL;
      if (bound > 0) worst = std::max(worst, error / bound);
    }
  }
  return worst;
}

// Tails in each direction, more than one tile, no k, all layouts.
TEST_P(TensorCoreSteps, AreWithinWhatAdditionsMayLose) {
  for (const CoreStep& step : kSteps) {
    for (const Sizes& s :
         {Sizes{1, 1, 1}, Sizes{5, 3, 0}, Sizes{67, 131, 41}, Sizes{130, 72, 64}}) {
      for (const bool a : {false, true}) {
        for (const bool b : {false, true}) {
          EXPECT_LE(worst_error(step, s, a, b, GemmMode::store, false), 1)
              << step.name << ' ' << s.M << 'x' << s.N << 'x' << s.length << ' ' << a << b;
        }
      }
    }
    EXPECT_LE(worst_error(step, {67, 35, 20}, false, false, GemmMode::extend, false), 1);
    EXPECT_LE(worst_error(step, {67, 35, 20, 3}, true, false, GemmMode::add, false), 1);
  }
}

// Whole numbers below 2^24 are exact in every order: no element is lost, twice or at another's place.
TEST_P(TensorCoreSteps, AreExactOnWholeNumbers) {
  for (const CoreStep& step : kSteps) {
    for (const bool a : {false, true}) {
      for (const bool b : {false, true}) {
        EXPECT_EQ(worst_error(step, {136, 80, 72}, a, b, GemmMode::store, true), 0) << step.name;
      }
    }
  }
}

}  // namespace
}  // namespace chainline::test
