#include "tensor/ops/matmul.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

/// The definition in loops over all indices, for operands of the same leading dimensions.
template <class T>
Tensor matmul_in_words(const Tensor& a, const Tensor& b) {
  const std::int64_t M = a.shape()[-2], K = a.shape()[-1], N = b.shape()[-1];
  const std::vector<T> x = a.to_vector<T>(), w = b.to_vector<T>();
  std::vector<T> y;
  for (std::int64_t n = 0; n < a.shape().slice(0, a.rank() - 2).numel(); ++n) {
    for (std::int64_t i = 0; i < M; ++i) {
      for (std::int64_t j = 0; j < N; ++j) {
        T acc = 0;
        for (std::int64_t k = 0; k < K; ++k) {
          acc = std::fma(x[static_cast<std::size_t>((n * M + i) * K + k)],
                         w[static_cast<std::size_t>((n * K + k) * N + j)], acc);
        }
        y.push_back(acc);
      }
    }
  }
  return test::from<T>(y, a.shape().with(-1, N));
}

TEST(Matmul, MultipliesAKnownPair) {
  const Tensor a = test::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor b = test::from<float>({1, 0, 0, 1, 10, 100}, {3, 2});
  EXPECT_EQ(ops::matmul(a, b).to_vector<float>(), (std::vector<float>{31, 302, 64, 605}));
}

// What is too small for f32 leaves a zero with its sign, and a further 0 * 0 would take the sign away:
// a kernel may not go on beyond the last k.
TEST(Matmul, EndsItsChainsWithTheLastProduct) {
  Tensor a = test::zeros({20, 17}, DType::f32), b = test::zeros({17, 20}, DType::f32);
  a.narrow(1, 16, 1).fill(-1e-30);
  b.narrow(0, 16, 1).fill(1e-30);
  EXPECT_TRUE(same_bits(ops::matmul(a, b), test::full({20, 20}, -0.0, DType::f32)));
}

TEST(Matmul, IsAChainOfFmaBitForBit) {
  for (const Shape& s : {Shape{1, 1, 1}, Shape{7, 11, 13}, Shape{65, 300, 33}}) {
    const Tensor a = randn({s[0], s[1]}, 1), b = randn({s[1], s[2]}, 2);
    EXPECT_TRUE(same_bits(ops::matmul(a, b), matmul_in_words<double>(a, b))) << s;
    const Tensor af = a.to(DType::f32), bf = b.to(DType::f32);
    EXPECT_TRUE(same_bits(ops::matmul(af, bf), matmul_in_words<float>(af, bf))) << s;
  }
}

TEST(Matmul, BroadcastsTheLeadingDimensions) {
  const struct {
    Shape a, b, batch;
  } cases[] = {{{5, 4, 3}, {3, 2}, {5}},           // one b for all: a single tall product
               {{4, 3}, {5, 3, 2}, {5}},           // one a for all
               {{2, 1, 4, 3}, {6, 3, 2}, {2, 6}},  // both stretch
               {{2, 6, 4, 3}, {6, 3, 2}, {2, 6}},  // b repeats over the first dimension
               {{12, 4, 3}, {12, 3, 2}, {12}},     // many matrices
               {{2, 0, 4, 3}, {1, 1, 3, 2}, {2, 0}} /* none */};
  for (const auto& c : cases) {
    const Tensor a = randn(c.a, 1), b = randn(c.b, 2);
    const auto wide = [&](std::int64_t rows, std::int64_t columns) {
      return c.batch.inserted(c.batch.rank(), rows).inserted(c.batch.rank() + 1, columns);
    };
    const Tensor expected =
        matmul_in_words<double>(a.broadcast_to(wide(4, 3)), b.broadcast_to(wide(3, 2)));
    EXPECT_TRUE(same_bits(ops::matmul(a, b), expected)) << c.a << " " << c.b;
  }
}

TEST(Matmul, ReadsViewsOfAnyStrides) {
  const Tensor a = randn({6, 2, 5}, 1), b = randn({6, 7, 5}, 2);
  const Tensor turned = b.transpose(1, 2);
  EXPECT_TRUE(same_bits(ops::matmul(a, turned), ops::matmul(a, turned.contiguous())));
  // Heads: (B, T, H * D) seen as (B, H, T, D).
  const Tensor heads = randn({2, 9, 12}, 3).reshape({2, 9, 3, 4}).transpose(1, 2);
  const Tensor keys = heads.transpose(-1, -2);
  EXPECT_TRUE(
      same_bits(ops::matmul(heads, keys), ops::matmul(heads.contiguous(), keys.contiguous())));
  // The tall product with a row between the matrices left out.
  const Tensor gaps = randn({3, 5, 4}, 4).narrow(1, 0, 4), w = randn({4, 6}, 5);
  EXPECT_TRUE(same_bits(ops::matmul(gaps, w), ops::matmul(gaps.contiguous(), w)));
}

TEST(Matmul, SumsNothingToZero) {
  const Tensor y = ops::matmul(test::zeros({2, 0}, DType::f32), test::zeros({0, 3}, DType::f32));
  EXPECT_TRUE(same_bits(y, test::zeros({2, 3}, DType::f32)));
  EXPECT_EQ(ops::matmul(randn({0, 4}, 1), randn({4, 3}, 2)).shape(), (Shape{0, 3}));
}

TEST(Matmul, RefusesOperandsThatDoNotFit) {
  const auto say = [](const Tensor& a, const Tensor& b) {
    return message_of<Error>([&] { ops::matmul(a, b); });
  };
  EXPECT_EQ(say(randn({3}, 1), randn({3, 2}, 2)),
            "matmul: a: expected at least 2 dimensions, got shape (3)");
  EXPECT_EQ(say(randn({2, 3}, 1), randn({3}, 2)),
            "matmul: b: expected at least 2 dimensions, got shape (3)");
  EXPECT_EQ(say(randn({2, 3}, 1), randn({4, 2}, 2)),
            "matmul: b: expected 3 rows, one for each column of a (2, 3), got shape (4, 2)");
  EXPECT_EQ(say(randn({2, 3}, 1), randn({3, 2}, 2, DType::f32)),
            "matmul: b: expected dtype f64, got f32");
  EXPECT_EQ(say(test::zeros({2, 3}, DType::i64), test::zeros({3, 2}, DType::i64)),
            "matmul: expected dtype f32 or f64, got i64");
}

TEST(Matmul, HasTheSameBitsForAnyNumberOfThreads) {
  const Tensor a = randn({9, 70, 40}, 1, DType::f32), b = randn({9, 40, 50}, 2, DType::f32);
  const Tensor w = randn({40, 200}, 3, DType::f32);
  test::expect_same_bits_for_any_threads([&] {
    return std::vector<Tensor>{ops::matmul(a, b), ops::matmul(a, w)};
  });
}

}  // namespace
}  // namespace chainline
