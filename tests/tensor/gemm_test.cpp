#include "tensor/gemm.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tensor/parallel.h"
#include "tensor/random.h"
#include "tests/each_isa.h"

namespace chainline::cpu {
namespace {

template <class T>
std::vector<T> numbers(std::int64_t n, std::uint64_t seed) {
  RandomSequence words = Generator(seed, "gemm_test").sequence(0, 0);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& value : values) value = static_cast<T>(words.uniform() - 0.5);
  return values;
}

/// Every test runs with each instruction set that the processor has.
class Gemm : public test::EachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, Gemm, testing::ValuesIn(test::isas()), test::isa_of);

template <class T>
void gemm(std::int64_t M, std::int64_t N, std::int64_t K, Matrix<T> a, Matrix<T> b, T* c,
          std::int64_t c_stride, GemmMode mode = GemmMode::store, const Finish& finish = {}) {
  constexpr std::array functions{CHAINLINE_CPU_FUNCTIONS(gemm<T>)};
  functions[static_cast<std::size_t>(isa())](M, N, K, a, b, c, c_stride, mode, finish);
}

template <class T>
void gemm_add_chains(std::int64_t M, std::int64_t N, std::int64_t chains, std::int64_t length,
                     Matrix<T> a, Matrix<T> b, T* c, std::int64_t c_stride) {
  constexpr std::array functions{CHAINLINE_CPU_FUNCTIONS(gemm_add_chains<T>)};
  functions[static_cast<std::size_t>(isa())](M, N, chains, length, a, b, c, c_stride);
}

/// The definition in three loops.
template <class T>
void gemm_in_words(std::int64_t M, std::int64_t N, std::int64_t K, Matrix<T> a, Matrix<T> b, T* c,
                   std::int64_t c_stride, GemmMode mode) {
  for (std::int64_t i = 0; i < M; ++i) {
    for (std::int64_t j = 0; j < N; ++j) {
      T& out = c[i * c_stride + j];
      T acc = mode == GemmMode::extend ? out : T(0);
      for (std::int64_t k = 0; k < K; ++k) {
        acc = std::fma(*a.from(i, k).data, *b.from(k, j).data, acc);
      }
      out = mode == GemmMode::add ? out + acc : acc;
    }
  }
}

struct Sizes {
  std::int64_t M, N, K;
};

// One row, one column, no k, a lone tile of each instruction set, every remainder of rows and
// vectors, more than one panel of k (256 floats, 128 doubles), several blocks of rows, several
// blocks of columns, columns of A 2048 bytes apart.
const Sizes kSizesThatHurt[] = {{1, 1, 1},   {1, 33, 7},   {7, 1, 300},  {3, 5, 0},
                                {6, 16, 31}, {14, 32, 31}, {13, 17, 8},  {29, 40, 515},
                                {5, 300, 3}, {301, 19, 9}, {40, 31, 64}, {512, 70, 300}};

template <class T>
void expect_the_definition(const Sizes& s, bool a_turned, bool b_turned, std::int64_t spread) {
  const std::int64_t c_stride = s.N + 3;
  const std::vector<T> a = numbers<T>(s.M * s.K * spread, 1);
  const std::vector<T> b = numbers<T>(s.K * s.N * spread, 2);
  Matrix<T> ma{a.data(), s.K * spread, spread}, mb{b.data(), s.N * spread, spread};
  if (a_turned) ma = {a.data(), spread, s.M * spread};
  if (b_turned) mb = {b.data(), spread, s.K * spread};
  for (const GemmMode mode : {GemmMode::store, GemmMode::extend, GemmMode::add}) {
    std::vector<T> c = numbers<T>(s.M * c_stride, 3), expected = c;
    gemm<T>(s.M, s.N, s.K, ma, mb, c.data(), c_stride, mode);
    gemm_in_words<T>(s.M, s.N, s.K, ma, mb, expected.data(), c_stride, mode);
    // Equal everywhere: also between the rows, where C is not to be written.
    ASSERT_EQ(c, expected) << s.M << "x" << s.N << "x" << s.K << " turned " << a_turned << b_turned
                           << " mode " << static_cast<int>(mode);
  }
}

TEST_P(Gemm, IsItsDefinitionBitForBitForAnyStrides) {
  for (const Sizes& s : kSizesThatHurt) {
    for (const bool a_turned : {false, true}) {
      for (const bool b_turned : {false, true}) {
        for (const std::int64_t spread : {1, 2}) {
          expect_the_definition<float>(s, a_turned, b_turned, spread);
          expect_the_definition<double>(s, a_turned, b_turned, spread);
        }
      }
    }
  }
}

// One part, parts of rows and columns for threads, and a product without a step.
TEST_P(Gemm, FinishesEveryElementOnceWhenItsChainIsDone) {
  for (const Sizes& s : {Sizes{9, 21, 300}, Sizes{700, 130, 40}, Sizes{3, 5, 0}}) {
    const std::vector<float> a = numbers<float>(s.M * s.K, 1), b = numbers<float>(s.K * s.N, 2);
    std::vector<float> c(static_cast<std::size_t>(s.M * s.N)), expected(c.size());
    gemm_in_words<float>(s.M, s.N, s.K, {a.data(), s.K, 1}, {b.data(), s.N, 1}, expected.data(),
                         s.N, GemmMode::store);
    for (float& y : expected) y = 3 * y - 1;
    for (const int n : {1, 2}) {
      set_threads(n);
      gemm<float>(s.M, s.N, s.K, {a.data(), s.K, 1}, {b.data(), s.N, 1}, c.data(), s.N,
                  GemmMode::store, [&](auto i0, auto i1, auto j0, auto j1) {
                    for (std::int64_t i = i0; i < i1; ++i) {
                      for (std::int64_t j = j0; j < j1; ++j) {
                        float& y = c[static_cast<std::size_t>(i * s.N + j)];
                        y = 3 * y - 1;
                      }
                    }
                  });
      EXPECT_EQ(c, expected) << n << " threads";
    }
  }
}

// Chains shorter than a panel, as long as one, and longer; 1 is an outer product each.
TEST_P(Gemm, AddsChainAfterChain) {
  const std::int64_t N = 37;
  struct Chains {
    std::int64_t M, chains, length;
  };
  for (const auto [M, chains, length] : {Chains{20, 5, 1}, Chains{20, 7, 90}, Chains{20, 2, 256},
                                         Chains{20, 3, 300}, Chains{512, 7, 90}}) {
    const std::int64_t K = chains * length;
    const std::vector<float> a = numbers<float>(M * K, 1), b = numbers<float>(K * N, 2);
    const Matrix<float> ma{a.data(), 1, M}, mb{b.data(), N, 1};
    std::vector<float> c = numbers<float>(M * N, 3), expected = c;
    gemm_add_chains<float>(M, N, chains, length, ma, mb, c.data(), N);
    for (std::int64_t n = 0; n < chains; ++n) {
      gemm_in_words<float>(M, N, length, ma.from(0, n * length), mb.from(n * length, 0),
                           expected.data(), N, GemmMode::add);
    }
    EXPECT_EQ(c, expected) << chains << " chains of " << length;
  }
}

TEST_P(Gemm, NeverSkipsAZero) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  // Ragged sizes, so that padding lies beside the infinities.
  const std::int64_t M = 7, N = 19, K = 5;
  std::vector<float> a(M * K, 0), b(K * N, 1), c(M * N);
  b[2 * N + 18] = inf;
  a[3 * K + 1] = nan;
  gemm<float>(M, N, K, {a.data(), K, 1}, {b.data(), N, 1}, c.data(), N);
  for (std::int64_t i = 0; i < M; ++i) {
    for (std::int64_t j = 0; j < N; ++j) {
      EXPECT_EQ(std::isnan(c[static_cast<std::size_t>(i * N + j)]), i == 3 || j == 18)
          << i << ", " << j;
    }
  }
}

// Enough columns and rows to cut; few columns; few of both, which are cut into single panels and
// low rows; a ragged rest of each.
TEST_P(Gemm, HasTheSameBitsForAnyNumberOfThreads) {
  for (const Sizes& s :
       {Sizes{700, 300, 40}, Sizes{1500, 33, 20}, Sizes{96, 96, 90}, Sizes{131, 77, 300}}) {
    const std::vector<float> a = numbers<float>(s.M * s.K, 1), b = numbers<float>(s.K * s.N, 2);
    const Matrix<float> ma{a.data(), 1, s.M}, mb{b.data(), s.N, 1};
    std::vector<float> alone, alone_in_chains;
    for (const int n : {1, 2, 3, 7}) {
      set_threads(n);
      std::vector<float> c(static_cast<std::size_t>(s.M * s.N)), in_chains = c;
      gemm<float>(s.M, s.N, s.K, ma, mb, c.data(), s.N);
      gemm_add_chains<float>(s.M, s.N, s.K / 10, 10, ma, mb, in_chains.data(), s.N);
      if (n == 1) {
        alone = c;
        alone_in_chains = in_chains;
      }
      EXPECT_EQ(c, alone) << s.M << "x" << s.N << "x" << s.K << ", " << n << " threads";
      EXPECT_EQ(in_chains, alone_in_chains) << s.M << "x" << s.N << ", " << n << " threads";
    }
  }
}

}  // namespace
}  // namespace chainline::cpu
