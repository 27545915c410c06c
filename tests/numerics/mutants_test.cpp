// Planted mutants: for each rule of docs/numerics.md its definition in a few plain loops, and a
// version of it that is broken in the way a kernel would be. The definition has the bits of the
// library and so the golden hash; the mutant is the same number in exact arithmetic, and must have
// another hash.
//
// This shows that the data of the golden cases tell the orders apart, so that a kernel with the
// mutant's order would be caught by Golden.HoldsForAnyNumberOfThreads. It does not rebuild the
// library with such a kernel. The rules of whole trainings are in mutants_training_test.cpp.

#include <algorithm>

#include "tensor/math.h"
#include "tensor/ops/dropout.h"
#include "tensor/row_sum.h"
#include "tests/numerics/golden.h"

namespace chainline {
namespace {

using Numbers = std::vector<float>;

/// A golden case in f32, and what the library gives for it.
struct GoldenCase {
  explicit GoldenCase(const std::string& title) : name("f32 " + title) {
    for (const OpCase& c : op_cases()) {
      if (c.title() == title) results = test::results_of(c, DType::f32), inputs = c.inputs;
    }
    check<ValueError>(!results.empty(), "no case ", title);
  }

  std::string name;
  std::vector<Tensor> inputs;   // f64
  std::vector<Tensor> results;  // outputs, then gradients

  std::size_t size(std::size_t input, std::int64_t dim) const {
    return static_cast<std::size_t>(inputs[input].shape()[dim]);
  }
  Numbers input(std::size_t i) const { return inputs[i].to(DType::f32).to_vector<float>(); }
  /// The gradient that arrived at the output.
  Numbers grad_y() const {
    return test::randn(results[0].shape(), 1, DType::f32).to_vector<float>();
  }

  /// The hash with other numbers in one of the results.
  std::string hash_with(std::size_t result, const Numbers& numbers) const {
    std::vector<Tensor> other = results;
    other[result] = test::from(numbers, results[result].shape());
    return test::hash_of(other);
  }
};

/// The definition gives the golden hash, the mutant does not, and both are the same number: their
/// distance is a few roundings.
void expect_caught(const GoldenCase& c, std::size_t result, const Numbers& definition,
                   const Numbers& mutant) {
  EXPECT_EQ(c.hash_with(result, definition), test::golden()[c.name]) << c.name;
  EXPECT_NE(c.hash_with(result, mutant), test::golden()[c.name]) << c.name;
  ASSERT_EQ(mutant.size(), definition.size());
  for (std::size_t i = 0; i < mutant.size(); ++i) {
    EXPECT_NEAR(mutant[i], definition[i], 1e-5) << "no mutant but another formula: " << i;
  }
}

// Rule 1: a multiply and an add that a compiler fuses.
TEST(Mutant, ThatFusesAMultiplyAndAnAddIsCaught) {
  const GoldenCase c("layer_norm: (2, 3, 33)");
  const Numbers x = c.input(0), weight = c.input(1), bias = c.input(2);
  constexpr std::int64_t C = 33;
  Numbers definition, mutant;
  for (std::size_t r = 0; r < x.size() / C; ++r) {
    const float* row = x.data() + r * C;
    const float mean = row_sum<float>(C, [=](std::int64_t i) { return row[i]; }) / C;
    const float squares =
        row_sum<float>(C, [=](std::int64_t i) { return (row[i] - mean) * (row[i] - mean); });
    const float rstd = 1 / std::sqrt(squares / C + 1e-5f);
    for (std::size_t i = 0; i < C; ++i) {
      const float n = (row[i] - mean) * rstd;
      definition.push_back(n * weight[i] + bias[i]);
      mutant.push_back(std::fma(n, weight[i], bias[i]));
    }
  }
  expect_caught(c, 0, definition, mutant);
}

/// y = a b by f(k -> a[i, k], b[k, j]).
template <class F>
Numbers product(const GoldenCase& c, const F& f) {
  const Numbers a = c.input(0), b = c.input(1);
  const std::size_t K = c.size(0, 1), N = c.size(1, 1);
  Numbers y;
  for (std::size_t i = 0; i < c.size(0, 0); ++i) {
    for (std::size_t j = 0; j < N; ++j) {
      Numbers left, right;
      for (std::size_t k = 0; k < K; ++k) {
        left.push_back(a[i * K + k]), right.push_back(b[k * N + j]);
      }
      y.push_back(f(left, right));
    }
  }
  return y;
}

float chain(const Numbers& a, const Numbers& b, std::size_t begin, std::size_t end,
            std::size_t step) {
  float sum = 0;
  for (std::size_t k = begin; k < end; k += step) sum = std::fma(a[k], b[k], sum);
  return sum;
}

// Rule 2, in the three ways in which fast products are usually made.
TEST(Mutant, ThatSplitsTheChainOverKIsCaught) {
  const GoldenCase c("matmul: (3, 7) (7, 5)");
  const Numbers definition =
      product(c, [](const Numbers& a, const Numbers& b) { return chain(a, b, 0, a.size(), 1); });
  const auto in_two_blocks = [](const Numbers& a, const Numbers& b) {
    return chain(a, b, 0, 4, 1) + chain(a, b, 4, a.size(), 1);
  };
  const auto in_two_lanes = [](const Numbers& a, const Numbers& b) {
    return chain(a, b, 0, a.size(), 2) + chain(a, b, 1, a.size(), 2);
  };
  const auto without_fma = [](const Numbers& a, const Numbers& b) {
    float sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
    return sum;
  };
  const auto descending = [](const Numbers& a, const Numbers& b) {
    return chain({a.rbegin(), a.rend()}, {b.rbegin(), b.rend()}, 0, a.size(), 1);
  };
  expect_caught(c, 0, definition, product(c, in_two_blocks));
  expect_caught(c, 0, definition, product(c, in_two_lanes));
  expect_caught(c, 0, definition, product(c, without_fma));
  expect_caught(c, 0, definition, product(c, descending));
}

/// The sum of a row in `lanes` lanes that fold by halves, or one after the other.
float in_lanes(const float* x, std::size_t n, std::size_t lanes, bool by_halves) {
  Numbers lane(lanes, 0.0f);
  for (std::size_t i = 0; i < n; ++i) lane[i % lanes] += x[i];
  for (std::size_t half = lanes / 2; by_halves && half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  for (std::size_t l = 1; !by_halves && l < lanes; ++l) lane[0] += lane[l];
  return lane[0];
}

// Rule 3: the lanes of a narrower register, another fold, and no lanes at all.
TEST(Mutant, ThatSumsARowInOtherLanesIsCaught) {
  const GoldenCase c("sum: rows that round");
  const Numbers x = c.input(0);
  const std::size_t n = c.size(0, 1);
  const auto sums = [&](std::size_t lanes, bool by_halves) {
    Numbers y;
    for (std::size_t r = 0; r < c.size(0, 0); ++r) {
      y.push_back(in_lanes(x.data() + r * n, n, lanes, by_halves));
    }
    return y;
  };
  expect_caught(c, 0, sums(32, true), sums(16, true));
  expect_caught(c, 0, sums(32, true), sums(8, true));
  expect_caught(c, 0, sums(32, true), sums(32, false));
  expect_caught(c, 0, sums(32, true), sums(1, false));
}

// Rule 4: the tokens of all samples in one chain, as in a product of flattened matrices.
TEST(Mutant, ThatChainsTheTokensOfAllSamplesIsCaught) {
  const GoldenCase c("linear: (3, 4, 33) (2, 33) (2)");
  const Numbers x = c.input(0), g = c.grad_y();
  const std::size_t K = 33, N = 2, tokens = 4, samples = 3;
  Numbers definition, mutant;
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t k = 0; k < K; ++k) {
      float total = 0, one_chain = 0;
      for (std::size_t b = 0; b < samples; ++b) {
        float of_sample = 0;
        for (std::size_t t = b * tokens; t < (b + 1) * tokens; ++t) {
          of_sample = std::fma(g[t * N + n], x[t * K + k], of_sample);
          one_chain = std::fma(g[t * N + n], x[t * K + k], one_chain);
        }
        total += of_sample;
      }
      definition.push_back(total);
      mutant.push_back(one_chain);
    }
  }
  expect_caught(c, 2, definition, mutant);
}

// Rule 5: other blocks of a norm, and one row of everything.
TEST(Mutant, ThatSumsAScalarInOtherBlocksIsCaught) {
  const auto hash_with_blocks_of = [](std::size_t block) {
    std::vector<Tensor> all;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      const Numbers x = test::randn({3 * 4096 + 5}, seed, DType::f32).to_vector<float>();
      float total = 0;
      for (std::size_t begin = 0; begin < x.size(); begin += block) {
        const auto n = static_cast<std::int64_t>(std::min(block, x.size() - begin));
        const float* p = x.data() + begin;
        total += row_sum<float>(n, [=](std::int64_t i) { return p[i] * p[i]; });
      }
      all.push_back(test::from<float>({total}, {}));
    }
    return test::hash_of(all);
  };
  const std::string golden = test::golden()["f32 norm2: four blocks"];
  EXPECT_EQ(hash_with_blocks_of(4096), golden);
  EXPECT_NE(hash_with_blocks_of(2048), golden);
  EXPECT_NE(hash_with_blocks_of(3 * 4096 + 5), golden);
}

/// One head of attention: y of query i by f(p, values of a column, sum of p).
template <class F>
Numbers attention(const GoldenCase& c, const F& f) {
  const Numbers q = c.input(0), k = c.input(1), v = c.input(2);
  const std::size_t heads = c.size(0, 0) * c.size(0, 1), N = c.size(0, 2), D = c.size(0, 3);
  const std::size_t S = c.size(1, 2), V = c.size(2, 3);
  Numbers y;
  for (std::size_t r = 0; r < heads * N; ++r) {
    const float* key = k.data() + r / N * S * D;
    const float* value = v.data() + r / N * S * V;
    Numbers p;
    for (std::size_t j = 0; j < S; ++j) {
      float s = 0;
      for (std::size_t d = 0; d < D; ++d) s = std::fma(q[r * D + d], key[j * D + d], s);
      p.push_back(s * 0.7f);
    }
    const float max = *std::max_element(p.begin(), p.end());
    for (float& pj : p) pj = math::exp(pj - max);
    for (std::size_t column = 0; column < V; ++column) {
      Numbers values;
      for (std::size_t j = 0; j < S; ++j) values.push_back(value[j * V + column]);
      y.push_back(f(p, values, in_lanes(p.data(), S, 32, true)));
    }
  }
  return y;
}

// Rule 8: keys from the last to the first, weights divided before the chain, keys in two parts that
// are joined as flash attention does.
TEST(Mutant, ThatTakesTheKeysOfAttentionOtherwiseIsCaught) {
  const GoldenCase c("attention: more keys than queries, wide values");
  const auto definition = [](const Numbers& p, const Numbers& v, float sum) {
    return chain(p, v, 0, p.size(), 1) / sum;
  };
  const auto descending = [](const Numbers& p, const Numbers& v, float sum) {
    return chain({p.rbegin(), p.rend()}, {v.rbegin(), v.rend()}, 0, p.size(), 1) / sum;
  };
  const auto divided_first = [](Numbers p, const Numbers& v, float sum) {
    for (float& pj : p) pj /= sum;
    return chain(p, v, 0, p.size(), 1);
  };
  const auto in_two_parts = [](const Numbers& p, const Numbers& v, float sum) {
    return (chain(p, v, 0, 2, 1) + chain(p, v, 2, p.size(), 1)) / sum;
  };
  expect_caught(c, 0, attention(c, definition), attention(c, descending));
  expect_caught(c, 0, attention(c, definition), attention(c, divided_first));
  expect_caught(c, 0, attention(c, definition), attention(c, in_two_parts));
}

// Rule 9: an exp of a better library, rounded correctly nearly everywhere, is another function.
TEST(Mutant, ThatHasAnotherExpIsCaught) {
  const GoldenCase c("exp: (70, 5)");
  Numbers definition, mutant;
  for (const float x : c.input(0)) {
    definition.push_back(math::exp(x));
    mutant.push_back(static_cast<float>(math::exp(double{x})));
  }
  expect_caught(c, 0, definition, mutant);
}

// Rule 10: counters that know the batch and not the sample, and those of another order. A mask is
// no rounding, so here the mutant is a few numbers that are there or not.
TEST(Mutant, ThatCountsRandomNumbersOtherwiseIsCaught) {
  const GoldenCase c("dropout: a third of (70, 5)");
  const Generator generator(1, "op case");
  const Numbers x = c.input(0);
  const auto drop = [&](const auto& word_of) {
    Numbers y;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool gone = word_of(i / 5, i % 5) < probability_threshold(1.0 / 3);
      y.push_back(x[i] * (gone ? 0.0f : static_cast<float>(1 / (1 - 1.0 / 3))));
    }
    return y;
  };
  const auto word = [&](std::uint32_t epoch, std::size_t sample, std::size_t position) {
    return generator.block(epoch, static_cast<std::uint32_t>(sample), position / 4)[position % 4];
  };
  const std::string golden = test::golden()[c.name];
  EXPECT_EQ(
      c.hash_with(0, drop([&](std::size_t b, std::size_t i) { return word(2, b + 5, 3 + i); })),
      golden);
  EXPECT_NE(c.hash_with(0, drop([&](std::size_t b, std::size_t i) { return word(2, b, 3 + i); })),
            golden)
      << "rows of the batch for samples";
  EXPECT_NE(
      c.hash_with(0, drop([&](std::size_t b, std::size_t i) { return word(2, 5, 3 + b * 5 + i); })),
      golden)
      << "one stream for the batch";
  EXPECT_NE(c.hash_with(0, drop([&](std::size_t b, std::size_t i) {
                          return word(static_cast<std::uint32_t>(b + 5), 2, 3 + i);
                        })),
            golden)
      << "epoch and sample exchanged";
}

// Rule 11: the tokens as they arrive, from the last to the first or over all samples at once.
TEST(Mutant, ThatScattersTokensInAnotherOrderIsCaught) {
  const GoldenCase c("embedding: (4, 3) at (3, 17)");
  constexpr std::size_t kRows = 4, C = 3, kSamples = 3, kTokens = 17;
  // The ids are inside of the case; a table of its row numbers shows them.
  Tensor numbered = test::empty({kRows, C}, DType::f64);
  for (std::size_t i = 0; i < kRows * C; ++i) {
    numbered.mutable_data<double>()[i] = static_cast<double>(i / C);
  }
  std::vector<double> rows;
  for (const OpCase& op_case : op_cases()) {
    if ("f32 " + op_case.title() == c.name) {
      rows = op_case.run({Variable(numbered)})[0].value().to_vector<double>();
    }
  }
  const Numbers g = c.grad_y();
  const auto scatter = [&](bool ascending, bool by_sample) {
    Numbers total(kRows * C, 0.0f);
    const std::size_t parts = by_sample ? kSamples : 1, tokens = kSamples * kTokens / parts;
    for (std::size_t part = 0; part < parts; ++part) {
      Numbers own(kRows * C, 0.0f);
      for (std::size_t n = 0; n < tokens; ++n) {
        const std::size_t t = part * tokens + (ascending ? n : tokens - 1 - n);
        for (std::size_t i = 0; i < C; ++i) {
          own[static_cast<std::size_t>(rows[t * C]) * C + i] += g[t * C + i];
        }
      }
      for (std::size_t i = 0; i < own.size(); ++i) total[i] += own[i];
    }
    return total;
  };
  expect_caught(c, 1, scatter(true, true), scatter(false, true));
  expect_caught(c, 1, scatter(true, true), scatter(true, false));
}

}  // namespace
}  // namespace chainline
