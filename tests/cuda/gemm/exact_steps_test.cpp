// Each exact step of the ladder gives the bits of the CPU's gemm, in whatever order threads run.
#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "cuda/gemm/pipelined.cuh"
#include "cuda/gemm/plain.cuh"
#include "cuda/gemm/register_tile.cuh"
#include "cuda/gemm/shared_tile.cuh"
#include "tensor/ops/matmul.h"
#include "tests/cuda/emulator/each_order.h"
#include "tests/cuda/gemm/products.h"
#include "tests/support.h"

namespace chainline::test {
namespace {

template <class T>
const Step<T> kSteps[] = {{"plain", &cuda::run_plain_gemm<T>},
                          {"shared_tile", &cuda::run_shared_tile_gemm<T>},
                          {"register_tile", &cuda::run_register_tile_gemm<T>},
                          {"pipelined", &cuda::run_pipelined_gemm<T>}};

class ExactSteps : public EachOrder {};

INSTANTIATE_TEST_SUITE_P(Orders, ExactSteps, testing::ValuesIn(orders()), name_of);

template <class T>
void expect_bits_of_the_cpu(const Sizes& s, Layout a, Layout b, GemmMode mode) {
  for (const Step<T>& step : kSteps<T>) {
    const Results<T> results = run_both<T>(step, s, a, b, mode);
    ASSERT_EQ(results.device, results.cpu)
        << step.name << ' ' << s.M << 'x' << s.N << 'x' << s.chains << '*' << s.length
        << " layouts " << static_cast<int>(a) << static_cast<int>(b) << " mode "
        << static_cast<int>(mode) << (sizeof(T) == 4 ? " f32" : " f64");
  }
}

// One of each, primes, tails of every tile, more than one tile, no k.
TEST_P(ExactSteps, GiveTheBitsOfTheCpu) {
  for (const Sizes& s : {Sizes{1, 1, 1}, Sizes{1, 67, 5}, Sizes{53, 1, 17}, Sizes{3, 5, 0},
                         Sizes{33, 65, 31}, Sizes{131, 137, 19}, Sizes{64, 128, 48}}) {
    for (const GemmMode mode : {GemmMode::store, GemmMode::extend, GemmMode::add}) {
      expect_bits_of_the_cpu<float>(s, Layout::rows, Layout::rows, mode);
      expect_bits_of_the_cpu<double>(s, Layout::rows, Layout::rows, mode);
    }
  }
}

TEST_P(ExactSteps, GiveTheBitsOfTheCpuForAnyStrides) {
  for (const Layout a : {Layout::rows, Layout::columns, Layout::spread, Layout::shifted}) {
    for (const Layout b : {Layout::rows, Layout::columns, Layout::spread, Layout::shifted}) {
      expect_bits_of_the_cpu<float>({132, 68, 20}, a, b, GemmMode::store);
      expect_bits_of_the_cpu<double>({36, 66, 20}, a, b, GemmMode::store);
      expect_bits_of_the_cpu<float>({37, 41, 23}, a, b, GemmMode::store);
    }
  }
}

// Chains shorter than a tile, with a tail, and as long as some; none at all.
TEST_P(ExactSteps, AddChainAfterChain) {
  for (const Sizes& s : {Sizes{20, 36, 1, 5}, Sizes{33, 9, 37, 3}, Sizes{7, 130, 32, 2},
                         Sizes{9, 9, 4, 0}, Sizes{9, 9, 0, 3}}) {
    expect_bits_of_the_cpu<float>(s, Layout::columns, Layout::rows, GemmMode::add);
    expect_bits_of_the_cpu<float>(s, Layout::rows, Layout::columns, GemmMode::add);
    expect_bits_of_the_cpu<double>(s, Layout::columns, Layout::rows, GemmMode::add);
  }
}

/// Every third element of two operands, for products that stand one behind the other.
struct Apart {
  std::int64_t a, b;
  __device__ void at(std::int64_t n, std::int64_t (&at)[2]) const {
    at[0] = n * a;
    at[1] = n * b;
  }
};

TEST_P(ExactSteps, MultiplyManyAndAddBiasAndResidual) {
  const std::int64_t M = 35, N = 34, K = 6, count = 3;
  const std::vector<float> a = numbers<float>(count * M * K, 1), b = numbers<float>(K * N, 2);
  const std::vector<float> bias = numbers<float>(N, 3), residual = numbers<float>(count * M * N, 4);
  std::vector<float> expected(static_cast<std::size_t>(count * M * N));
  gemm_of_cpu<float>({count * M, N, K}, {a.data(), K, 1}, {b.data(), N, 1}, expected.data(),
                     GemmMode::store);
  for (std::size_t e = 0; e < expected.size(); ++e) {
    expected[e] = (expected[e] + bias[e % static_cast<std::size_t>(N)]) + residual[e];
  }
  const DeviceArray<float> da(a), db(b), dbias(bias), dresidual(residual);
  for (const auto run :
       {&cuda::run_plain_gemm<float, Apart>, &cuda::run_shared_tile_gemm<float, 33, Apart>,
        &cuda::run_register_tile_gemm<float, Apart>, &cuda::run_pipelined_gemm<float, Apart>}) {
    const DeviceArray<float> c(Unwritten{expected.size()});
    run({.M = M,
         .N = N,
         .length = K,
         .a = {da.data(), K, 1},
         .b = {db.data(), N, 1},
         .bias = dbias.data(),
         .residual = dresidual.data(),
         .c = c.data()},
        count, {M * K, 0}, nullptr);
    EXPECT_EQ(c.values(), expected);
  }
}

// Sizes on both sides of where the next step takes over.
TEST_P(ExactSteps, ShowNotInMatmul) {
  const Device cuda{DeviceType::cuda, 0};
  for (const std::int64_t side : {15, 16, 63, 64}) {
    for (const std::int64_t K : {15, 16}) {
      const Tensor a = randn({2, side, K}, 1, DType::f32), b = randn({2, 70, K}, 2, DType::f32);
      const Tensor there = ops::matmul(a.to(cuda), b.to(cuda).transpose(1, 2));
      EXPECT_TRUE(same_bits(there, ops::matmul(a, b.transpose(1, 2)))) << side << ' ' << K;
    }
  }
}

// The product of tiny numbers of different signs rounds to -0, and so does the chain, which tails of
// tiles must not turn into +0. Nor may a zero hide an infinity.
TEST_P(ExactSteps, KeepNegativeZerosAndNeverSkipAZero) {
  for (const Step<float>& step : kSteps<float>) {
    const std::int64_t M = 5, N = 6, K = 3;
    std::vector<float> a(M * K, 0), b(K * N, 0), c(M * N);
    for (std::int64_t i = 0; i < M; ++i) a[static_cast<std::size_t>(i * K + 2)] = -0x1p-100f;
    for (std::int64_t j = 0; j < N; ++j) b[static_cast<std::size_t>(2 * N + j)] = 0x1p-100f;
    b[4] = std::numeric_limits<float>::infinity();
    const DeviceArray<float> da(a), db(b), dc(c);
    step.run({.M = M,
              .N = N,
              .length = K,
              .a = {da.data(), K, 1},
              .b = {db.data(), N, 1},
              .c = dc.data()},
             1, {}, nullptr);
    const std::vector<float> result = dc.values();
    for (std::size_t e = 0; e < result.size(); ++e) {
      if (e % N == 4) {
        EXPECT_TRUE(std::isnan(result[e])) << step.name;
      } else {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(result[e]), 0x80000000u) << step.name;
      }
    }
  }
}

}  // namespace
}  // namespace chainline::test
