#include "tensor/ops/embedding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/ops/binary.h"
#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randint;
using test::randn;

Tensor ids_of(const std::vector<std::int64_t>& ids, const Shape& shape) {
  return test::from<std::int64_t>(ids, shape);
}

TEST(Embedding, CopiesTheRowOfEachId) {
  const Tensor weight = test::from<float>({0, 1, 10, 11, 20, 21}, {3, 2});
  const Tensor y = ops::embedding(weight, ids_of({2, 0, 2, 1}, {2, 2}));
  EXPECT_EQ(y.shape(), (Shape{2, 2, 2}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{20, 21, 0, 1, 20, 21, 10, 11}));
}

TEST(Embedding, ReadsAnyViewAndEveryFloatingType) {
  const Tensor weight = randn({4, 3}, 1).to(DType::bf16);
  const Tensor ids = ids_of({0, 1, 2, 3, 0, 2}, {2, 3}).transpose(0, 1);
  const Tensor y = ops::embedding(weight.transpose(0, 1).contiguous().transpose(0, 1), ids);
  EXPECT_EQ(y.shape(), (Shape{3, 2, 3}));
  EXPECT_TRUE(same_bits(y.select(0, 1).select(0, 0), weight.select(0, 1)));
  EXPECT_TRUE(same_bits(y.select(0, 2).select(0, 1), weight.select(0, 2)));
}

TEST(Embedding, TakesOneIdAndNone) {
  const Tensor weight = randn({4, 3}, 1);
  EXPECT_EQ(ops::embedding(weight, ids_of({3}, {})).shape(), (Shape{3}));
  EXPECT_EQ(ops::embedding(weight, ids_of({}, {2, 0})).shape(), (Shape{2, 0, 3}));
  EXPECT_EQ(ops::embedding(test::zeros({0, 3}, DType::f32), ids_of({}, {0})).shape(),
            (Shape{0, 3}));
}

// Sample 0 names row 1 twice, sample 1 rows 1 and 0; row 2 stays untouched.
TEST(EmbeddingBackward, AddsEachTokenToItsRow) {
  const Tensor grad = test::from<double>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  const Tensor ids = ids_of({1, 1, 1, 0}, {2, 2});
  EXPECT_EQ(ops::embedding_backward(grad, ids, 3).to_vector<double>(),
            (std::vector<double>{7, 8, 1 + 3 + 5, 2 + 4 + 6, 0, 0}));
  const Tensor each = ops::embedding_backward(grad, ids, 3, {.into = {}, .per_sample = true});
  EXPECT_EQ(each.shape(), (Shape{2, 3, 2}));
  EXPECT_EQ(each.to_vector<double>(), (std::vector<double>{0, 0, 4, 6, 0, 0, 7, 8, 5, 6, 0, 0}));
}

// In f32 1e8 + 1 is 1e8. The samples' own sums are 1e8 and -1e8, which cancel; one chain over all
// tokens would keep the last 1. Within a sample the order decides whether the 1 survives.
TEST(EmbeddingBackward, ChainsTheTokensOfASampleBeforeItAddsSamples) {
  const Tensor grad = test::from<float>({1e8f, 1, -1e8f, 1}, {2, 2, 1});
  EXPECT_EQ(ops::embedding_backward(grad, ids_of({0, 0, 0, 0}, {2, 2}), 1).item<float>(), 0.0f);
  const Tensor late = test::from<float>({1e8f, -1e8f, 1}, {1, 3, 1});
  EXPECT_EQ(ops::embedding_backward(late, ids_of({0, 0, 0}, {1, 3}), 1).item<float>(), 1.0f);
  const Tensor early = test::from<float>({1, 1e8f, -1e8f}, {1, 3, 1});
  EXPECT_EQ(ops::embedding_backward(early, ids_of({0, 0, 0}, {1, 3}), 1).item<float>(), 0.0f);
}

/// The definition, one sample and one row at a time.
Tensor backward_by_rule(const Tensor& grad, const Tensor& ids, std::int64_t V) {
  const std::int64_t B = grad.shape()[0], T = grad.shape()[1], C = grad.shape()[2];
  std::vector<float> total(static_cast<std::size_t>(V * C), 0.0f);
  const std::vector<float> g = grad.to_vector<float>();
  const std::vector<std::int64_t> id = ids.to_vector<std::int64_t>();
  for (std::int64_t b = 0; b < B; ++b) {
    std::vector<float> own(total.size(), 0.0f);
    for (std::int64_t t = b * T; t < (b + 1) * T; ++t) {
      for (std::int64_t c = 0; c < C; ++c) {
        own[static_cast<std::size_t>(id[static_cast<std::size_t>(t)] * C + c)] +=
            g[static_cast<std::size_t>(t * C + c)];
      }
    }
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += own[i];
  }
  return test::from<float>(total, {V, C});
}

// 131 columns are two blocks and a ragged rest; 7 rows make every row collide, 5000 leave most
// untouched.
TEST(EmbeddingBackward, KeepsTheBitsOfTheRuleForAnyThreads) {
  for (const std::int64_t V : {1, 7, 5000}) {
    const Tensor grad = randn({3, 67, 131}, 3, DType::f32), ids = randint({3, 67}, 0, V, 4);
    const Tensor expected = backward_by_rule(grad, ids, V);
    const int before = threads();
    for (const int n : test::thread_counts()) {
      set_threads(n);
      EXPECT_TRUE(same_bits(ops::embedding_backward(grad, ids, V), expected)) << V << " " << n;
    }
    set_threads(before);
  }
}

TEST(EmbeddingBackward, GivesTheSameBitsForEverySplitOfTheBatch) {
  const Tensor grad = randn({5, 9, 3}, 3, DType::f32), ids = randint({5, 9}, 0, 6, 4);
  const Tensor whole = ops::embedding_backward(grad, ids, 6);
  const Tensor each = ops::embedding_backward(grad, ids, 6, {.into = {}, .per_sample = true});
  Tensor by_samples = test::zeros({6, 3}, DType::f32);
  for (std::int64_t b = 0; b < 5; ++b) {
    by_samples = ops::add(by_samples, each.select(0, b));
  }
  EXPECT_TRUE(same_bits(by_samples, whole));
  for (const std::int64_t first : {1, 2, 4}) {
    const Tensor head =
        ops::embedding_backward(grad.narrow(0, 0, first), ids.narrow(0, 0, first), 6);
    const Tensor both = ops::embedding_backward(grad.narrow(0, first, 5 - first),
                                                ids.narrow(0, first, 5 - first), 6, {head});
    EXPECT_TRUE(same_bits(both, whole)) << first;
    EXPECT_TRUE(both.shares_storage_with(head));
  }
}

// Only a total of the caller's own can hold -0. -0 + (+0) is +0, in touched rows and in others;
// gradients of -0 sum to +0, because the chain starts at +0.
TEST(EmbeddingBackward, LeavesAnUntouchedRowAsIfZeroWereAdded) {
  const Tensor minus = test::full({2, 1}, -0.0, DType::f32);
  const Tensor into = minus.clone();
  const Tensor grad = test::full({1, 1, 1}, -0.0, DType::f32);
  const Tensor total = ops::embedding_backward(grad, ids_of({1}, {1, 1}), 2, {into});
  EXPECT_TRUE(same_bits(total, test::zeros({2, 1}, DType::f32)));
  // No sample at all adds nothing at all.
  const Tensor none = ops::embedding_backward(test::zeros({0, 1, 1}, DType::f32),
                                              ids_of({}, {0, 1}), 2, {minus.clone()});
  EXPECT_TRUE(same_bits(none, minus));
}

TEST(EmbeddingBackward, KeepsNaNAndInfinityInTheirRows) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor grad = test::from<float>({inf, -inf, 1}, {1, 3, 1});
  const std::vector<float> total =
      ops::embedding_backward(grad, ids_of({0, 0, 1}, {1, 3}), 2).to_vector<float>();
  EXPECT_TRUE(std::isnan(total[0]));
  EXPECT_EQ(total[1], 1.0f);
}

TEST(Embedding, NamesTheIdThatHasNoRowAndItsPosition) {
  const Tensor weight = randn({5, 2}, 1);
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::embedding(weight, ids_of({0, 1, 2, 3, 4, 5}, {2, 3}));
            }),
            "embedding: ids: expected values in [0, 5), got 5 at position (1, 2)");
  EXPECT_EQ(message_of<ValueError>([&] { ops::embedding(weight, ids_of({-1}, {})); }),
            "embedding: ids: expected values in [0, 5), got -1 at position ()");
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::embedding_backward(randn({2, 2}, 1), ids_of({0, 9}, {2}), 5);
            }),
            "embedding_backward: ids: expected values in [0, 5), got 9 at position (1)");
}

TEST(Embedding, RefusesOperandsThatDoNotFit) {
  const Tensor weight = randn({5, 2}, 1), ids = ids_of({0, 1}, {2});
  EXPECT_EQ(message_of<ShapeError>([&] { ops::embedding(randn({5}, 1), ids); }),
            "embedding: weight: expected shape (V, C), got (5)");
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::embedding(ids.reshape({1, 2}), ids);
            }),
            "embedding: weight: expected dtype f32, f64 or bf16, got i64");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::embedding(weight, weight); }),
            "embedding: ids: expected dtype i64, got f64");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::embedding_backward(randn({3, 2}, 1), ids, 5);
            }),
            "embedding_backward: grad_y: expected the shape of ids (2) and one dimension more, "
            "got (3, 2)");
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::embedding_backward(randn({2, 2}, 1).to(DType::bf16), ids, 5);
            }),
            "embedding_backward: grad_y: expected dtype f32 or f64, got bf16");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::embedding_backward(randn({2, 2}, 1), ids, 5, {test::zeros({4, 2}, DType::f64)});
            }),
            "sample_sum: into: expected a dense f64 tensor of shape (5, 2), got f64 (4, 2)");
}

}  // namespace
}  // namespace chainline
