#include "tensor/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/math.h"
#include "tensor/row_sum.h"
#include "tests/each_isa.h"
#include "tests/support.h"

namespace chainline {
namespace {

using ops::AttentionGradients;
using ops::AttentionOptions;
using ops::AttentionResult;
using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randint;
using test::randn;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// One head in the words of rule 8: q (T, D), k (S, D), v (S, V), see (T, S).
template <class T>
struct Head {
  std::int64_t N, S, D, V;  // N queries
  std::vector<T> q, k, v;
  std::vector<std::uint8_t> see;
  T scale;
  std::vector<T> w, y, lse;

  T& at(std::vector<T>& m, std::int64_t i, std::int64_t j, std::int64_t columns) const {
    return m[static_cast<std::size_t>(i * columns + j)];
  }
  bool sees(std::int64_t i, std::int64_t j) const {
    return see[static_cast<std::size_t>(i * S + j)] != 0;
  }

  void forward() {
    for (std::int64_t i = 0; i < N; ++i) {
      std::vector<T> p(static_cast<std::size_t>(S), 0);
      T max = -std::numeric_limits<T>::infinity();
      for (std::int64_t j = 0; j < S; ++j) {
        T s = 0;
        for (std::int64_t d = 0; d < D; ++d) s = std::fma(at(q, i, d, D), at(k, j, d, D), s);
        p[static_cast<std::size_t>(j)] = s * scale;
        if (sees(i, j)) max = std::max(max, s * scale);
      }
      for (std::int64_t j = 0; j < S; ++j) {
        T& pj = p[static_cast<std::size_t>(j)];
        pj = sees(i, j) ? math::exp(pj - max) : T(0);
      }
      const T sum = row_sum<T>(S, [&](std::int64_t j) { return p[static_cast<std::size_t>(j)]; });
      lse.push_back(max + math::log(sum));
      for (std::int64_t c = 0; c < V; ++c) {
        T acc = 0;
        for (std::int64_t j = 0; j < S; ++j) {
          if (sees(i, j)) acc = std::fma(p[static_cast<std::size_t>(j)], at(v, j, c, V), acc);
        }
        y.push_back(sum == 0 ? T(0) : acc / sum);
      }
      for (const T pj : p) w.push_back(sum == 0 ? T(0) : pj / sum);
    }
  }

  /// Adds to dk and dv, writes dq.
  void backward(std::vector<T> dy, std::vector<T>& dq, std::vector<T>& dk, std::vector<T>& dv) {
    std::vector<T> ds(static_cast<std::size_t>(N * S), 0);
    for (std::int64_t i = 0; i < N; ++i) {
      const T delta =
          row_sum<T>(V, [&](std::int64_t c) { return at(dy, i, c, V) * at(y, i, c, V); });
      for (std::int64_t j = 0; j < S; ++j) {
        T dp = 0;
        for (std::int64_t c = 0; c < V; ++c) dp = std::fma(at(dy, i, c, V), at(v, j, c, V), dp);
        at(ds, i, j, S) = at(w, i, j, S) * (dp - delta) * scale;
      }
      for (std::int64_t d = 0; d < D; ++d) {
        T acc = 0;
        for (std::int64_t j = 0; j < S; ++j) {
          if (sees(i, j)) acc = std::fma(at(ds, i, j, S), at(k, j, d, D), acc);
        }
        dq.push_back(acc);
      }
    }
    for (std::int64_t j = 0; j < S; ++j) {
      for (std::int64_t d = 0; d < D; ++d) {
        T acc = 0;
        for (std::int64_t i = 0; i < N; ++i) {
          if (sees(i, j)) acc = std::fma(at(ds, i, j, S), at(q, i, d, D), acc);
        }
        at(dk, j, d, D) += acc;
      }
      for (std::int64_t c = 0; c < V; ++c) {
        T acc = 0;
        for (std::int64_t i = 0; i < N; ++i) {
          if (sees(i, j)) acc = std::fma(at(w, i, j, S), at(dy, i, c, V), acc);
        }
        at(dv, j, c, V) += acc;
      }
    }
  }
};

struct InWords {
  Tensor y, lse, dq, dk, dv;
};

template <class T>
InWords attention_in_words(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                           const AttentionOptions& options) {
  const std::int64_t B = q.shape()[0], H = q.shape()[1], N = q.shape()[2], D = q.shape()[3];
  const std::int64_t G = k.shape()[1], S = k.shape()[2], V = v.shape()[3];
  std::vector<std::uint8_t> see(static_cast<std::size_t>(B * H * N * S), 1);
  if (options.mask.defined()) {
    see = options.mask.broadcast_to({B, H, N, S}).to_vector<std::uint8_t>();
  }
  if (options.causal) {
    for (std::size_t n = 0; n < see.size(); ++n) {
      const auto j = static_cast<std::int64_t>(n) % S, i = static_cast<std::int64_t>(n) / S % N;
      if (j > i + S - N) see[n] = 0;
    }
  }
  std::vector<T> y, lse, dq, dk, dv;
  const auto append = [](std::vector<T>& to, const std::vector<T>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t g = 0; g < G; ++g) {
      std::vector<T> group_dk(static_cast<std::size_t>(S * D), 0);
      std::vector<T> group_dv(static_cast<std::size_t>(S * V), 0);
      for (std::int64_t h = g * (H / G); h < (g + 1) * (H / G); ++h) {
        const auto part = [&](const Tensor& t, std::int64_t head) {
          return t.select(0, b).select(0, head).template to_vector<T>();
        };
        const auto from = see.begin() + (b * H + h) * N * S;
        Head<T> head{N,
                     S,
                     D,
                     V,
                     part(q, h),
                     part(k, g),
                     part(v, g),
                     {from, from + N * S},
                     static_cast<T>(options.scale),
                     {},
                     {},
                     {}};
        head.forward();
        append(y, head.y);
        append(lse, head.lse);
        head.backward(part(grad_y, h), dq, group_dk, group_dv);
      }
      append(dk, group_dk);
      append(dv, group_dv);
    }
  }
  return {test::from(y, q.shape().with(-1, V)), test::from(lse, q.shape().without(-1)),
          test::from(dq, q.shape()), test::from(dk, k.shape()), test::from(dv, v.shape())};
}

struct Case {
  std::int64_t B, H, G, N, S, D, V;
  AttentionOptions options;
};

struct Inputs {
  Tensor grad_y, q, k, v;

  explicit Inputs(const Case& c, DType dtype = DType::f64)
      : grad_y(randn({c.B, c.H, c.N, c.V}, 1, dtype)),
        q(randn({c.B, c.H, c.N, c.D}, 2, dtype)),
        k(randn({c.B, c.G, c.S, c.D}, 3, dtype)),
        v(randn({c.B, c.G, c.S, c.V}, 4, dtype)) {}
};

Tensor random_mask(const Shape& shape) { return randint(shape, 0, 2, 5).to(DType::u8); }

std::vector<Case> cases_that_hurt() {
  return {{1, 1, 1, 1, 1, 1, 1, {1, false, {}}},
          {2, 3, 3, 5, 7, 4, 3, {0.5, false, {}}},
          {1, 2, 1, 250, 250, 16, 16, {0.25, true, {}}},  // three blocks
          {1, 1, 1, 120, 130, 33, 40, {0.2, false, {}}},  // columns beyond a tile's
          {1, 2, 1, 31, 45, 16, 35, {0.2, true, {}}},     // ragged corners
          {1, 1, 1, 45, 31, 7, 32, {0.2, true, {}}},
          {2, 4, 2, 7, 11, 5, 9, {0.4, true, {}}},  // a cache before
          {1, 2, 2, 9, 4, 3, 2, {0.6, true, {}}},   // rows that see nothing
          {2, 2, 1, 13, 17, 3, 5, {0.6, false, random_mask({2, 2, 13, 17})}},  // any pairs
          // a mask over three blocks, and columns beyond a tile's
          {1, 2, 1, 230, 240, 35, 40, {0.2, true, random_mask({1, 2, 230, 240})}},
          {2, 2, 2, 53, 53, 8, 8, {0.3, true, random_mask({2, 1, 1, 53})}},    // hidden keys
          {2, 2, 2, 6, 6, 4, 4, {0.5, true, test::zeros({1, 1}, DType::u8)}},  // nothing seen
          {1, 1, 1, 3, 0, 4, 4, {0.5, false, {}}},
          {1, 1, 1, 0, 3, 4, 4, {0.5, true, {}}},
          {0, 2, 1, 3, 3, 4, 4, {0.5, true, {}}}};
}

// Two keys that differ by log 3 in score share the query 3 : 1.
TEST(Attention, AveragesValuesByHand) {
  const Tensor q = test::from<double>({1}, {1, 1, 1, 1});
  const Tensor k = test::from<double>({std::log(3.0), 0}, {1, 1, 2, 1});
  const Tensor v = test::from<double>({4, 8}, {1, 1, 2, 1});
  const AttentionResult out = ops::attention(q, k, v);
  EXPECT_NEAR(out.y.item<double>(), 5, 1e-14);
  EXPECT_NEAR(out.lse.item<double>(), std::log(4.0), 1e-15);
}

/// With each instruction set that the processor has: tiles, and so blocks and corners, differ.
class AttentionOfIsa : public test::EachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, AttentionOfIsa, testing::ValuesIn(test::isas()), test::isa_of);

TEST_P(AttentionOfIsa, IsItsRuleBitForBit) {
  for (const Case& c : cases_that_hurt()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Inputs in(c, dtype);
      const InWords expected =
          dtype == DType::f32 ? attention_in_words<float>(in.grad_y, in.q, in.k, in.v, c.options)
                              : attention_in_words<double>(in.grad_y, in.q, in.k, in.v, c.options);
      const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
      const AttentionGradients g =
          ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, c.options);
      const Shape shape = in.q.shape();
      EXPECT_TRUE(same_bits(out.y, expected.y)) << shape << c.S;
      EXPECT_TRUE(same_bits(out.lse, expected.lse)) << shape << c.S;
      EXPECT_TRUE(same_bits(g.dq, expected.dq)) << shape << c.S;
      EXPECT_TRUE(same_bits(g.dk, expected.dk)) << shape << c.S;
      EXPECT_TRUE(same_bits(g.dv, expected.dv)) << shape << c.S;
    }
  }
}

// A key that is not a number spoils the queries that see it, and leaves no trace in those before.
TEST_P(AttentionOfIsa, OfCausalQueriesReadsNothingOfLaterKeys) {
  const std::int64_t N = 61, first_bad = 37;
  const Case c{1, 2, 1, N, N, 16, 16, {0.25, true, {}}};
  const Inputs clean(c, DType::f32);
  Inputs spoilt(c, DType::f32);
  for (Tensor* const t : {&spoilt.k, &spoilt.v}) {
    *t = t->clone();
    Tensor later = t->narrow(2, first_bad, N - first_bad);
    later.fill(std::numeric_limits<double>::quiet_NaN());
  }
  const AttentionResult expected = ops::attention(clean.q, clean.k, clean.v, c.options);
  const AttentionResult out = ops::attention(spoilt.q, spoilt.k, spoilt.v, c.options);
  const AttentionGradients expected_g =
      ops::attention_backward(clean.grad_y, clean.q, clean.k, clean.v, expected, c.options);
  const AttentionGradients g =
      ops::attention_backward(clean.grad_y, spoilt.q, spoilt.k, spoilt.v, out, c.options);
  const auto before = [&](const Tensor& t) { return t.narrow(2, 0, first_bad); };
  EXPECT_TRUE(same_bits(before(out.y), before(expected.y)));
  EXPECT_TRUE(same_bits(before(g.dq), before(expected_g.dq)));
  EXPECT_TRUE(std::isnan(out.y.select(2, first_bad).to_vector<float>()[0]));
}

// A query without keys, in f64, is zero throughout, also where its own numbers are not finite.
TEST(Attention, GivesZerosToAQueryThatSeesNothing) {
  Inputs in({1, 1, 1, 2, 3, 4, 4, {}});
  in.q.narrow(2, 0, 1).fill(std::nan(""));
  in.grad_y.narrow(2, 0, 1).fill(kInf);
  const AttentionOptions options{0.5, false, test::from<std::uint8_t>({0, 0, 0, 1, 1, 1}, {2, 3})};
  const AttentionResult out = ops::attention(in.q, in.k, in.v, options);
  const AttentionGradients g = ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, options);
  EXPECT_TRUE(same_bits(out.y.narrow(2, 0, 1), test::zeros({1, 1, 1, 4}, DType::f64)));
  EXPECT_EQ(out.lse.to_vector<double>()[0], -kInf);
  EXPECT_TRUE(same_bits(g.dq.narrow(2, 0, 1), test::zeros({1, 1, 1, 4}, DType::f64)));
  const auto last = [](const Tensor& t) { return t.narrow(2, 1, 1); };
  const AttentionResult alone = ops::attention(last(in.q), in.k, in.v, {0.5, false, {}});
  const AttentionGradients g_alone =
      ops::attention_backward(last(in.grad_y), last(in.q), in.k, in.v, alone, {0.5, false, {}});
  EXPECT_TRUE(same_bits(g.dk, g_alone.dk));
  EXPECT_TRUE(same_bits(g.dv, g_alone.dv));
}

// The same sample alone, and padded in front or behind with what memory may hold.
TEST(Attention, DoesNotShowPadding) {
  const std::int64_t N = 40, pad = 13;
  const Case c{1, 2, 1, N, N, 8, 8, {}};
  const Inputs in(c, DType::f32);
  for (const bool causal : {false, true}) {
    const AttentionOptions options{0.3, causal, {}};
    const AttentionResult out = ops::attention(in.q, in.k, in.v, options);
    const AttentionGradients g = ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, options);
    for (const std::int64_t start : {std::int64_t{0}, pad}) {
      const auto padded = [&](const Tensor& t) {
        Tensor wide = test::full(t.shape().with(2, N + pad),
                                 std::numeric_limits<double>::quiet_NaN(), DType::f32);
        wide.narrow(2, start, N).copy_from(t);
        return wide;
      };
      Tensor mask = test::zeros({N + pad, N + pad}, DType::u8);
      mask.narrow(0, start, N).narrow(1, start, N).fill(1);
      const AttentionOptions hidden{0.3, causal, mask};
      const AttentionResult wide = ops::attention(padded(in.q), padded(in.k), padded(in.v), hidden);
      const AttentionGradients wide_g = ops::attention_backward(
          padded(in.grad_y), padded(in.q), padded(in.k), padded(in.v), wide, hidden);
      // In front, padding moves a key to another lane of rule 3's sum, which is the one order
      // that the position is part of: only what lies behind leaves no trace at all.
      if (start == 0) {
        const auto cut = [&](const Tensor& t) { return t.narrow(2, 0, N); };
        EXPECT_TRUE(same_bits(cut(wide.y), out.y));
        EXPECT_TRUE(same_bits(cut(wide.lse), out.lse));
        EXPECT_TRUE(same_bits(cut(wide_g.dq), g.dq));
        EXPECT_TRUE(same_bits(cut(wide_g.dk), g.dk));
        EXPECT_TRUE(same_bits(cut(wide_g.dv), g.dv));
      } else {
        // Reordering a sum of 40 positive terms moves it by at most 40 half-ulps, 2.4e-6 of it.
        EXPECT_LT(max_abs_diff(wide.y.narrow(2, start, N), out.y), 2e-5);
        EXPECT_LT(max_abs_diff(wide_g.dk.narrow(2, start, N), g.dk), 1e-4);
      }
    }
  }
}

TEST(Attention, OfOneQueryAndACacheIsTheLastRowOfTheWholeCall) {
  const Case c{2, 4, 2, 70, 70, 16, 16, {0.25, true, {}}};
  const Inputs in(c, DType::f32);
  const Tensor whole = ops::attention(in.q, in.k, in.v, c.options).y;
  for (const std::int64_t n : {1, 31, 70}) {
    const auto first = [&](const Tensor& t) { return t.narrow(2, 0, n); };
    const Tensor step =
        ops::attention(in.q.narrow(2, n - 1, 1), first(in.k), first(in.v), c.options).y;
    EXPECT_TRUE(same_bits(step, whole.narrow(2, n - 1, 1))) << n;
  }
}

TEST(Attention, OfGroupsIsThatOfRepeatedKeysAndValues) {
  const Case c{2, 6, 2, 9, 9, 4, 5, {0.5, true, {}}};
  const Inputs in(c);
  const auto repeated = [](const Tensor& t) {
    const Shape& s = t.shape();
    return t.unsqueeze(2).broadcast_to({s[0], s[1], 3, s[2], s[3]}).reshape({s[0], 6, s[2], s[3]});
  };
  const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
  const AttentionResult full = ops::attention(in.q, repeated(in.k), repeated(in.v), c.options);
  EXPECT_TRUE(same_bits(out.y, full.y));
  const AttentionGradients g = ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, c.options);
  const AttentionGradients full_g =
      ops::attention_backward(in.grad_y, in.q, repeated(in.k), repeated(in.v), full, c.options);
  EXPECT_TRUE(same_bits(g.dq, full_g.dq));
  // The group's gradient is the sum over its three heads, in order.
  const std::vector<double> dk = g.dk.to_vector<double>(), heads = full_g.dk.to_vector<double>();
  const std::size_t n = 9 * 4;
  for (std::size_t i = 0; i < dk.size(); ++i) {
    const std::size_t at = i / n * 3 * n + i % n;
    EXPECT_EQ(dk[i], heads[at] + heads[at + n] + heads[at + 2 * n]);
  }
}

TEST(Attention, ReadsAndGivesHeadsAsViews) {
  const Tensor rows = randn({2, 7, 12}, 1);
  const Tensor heads = rows.reshape({2, 7, 3, 4}).transpose(1, 2);
  const Tensor dense = heads.contiguous();
  const AttentionResult out = ops::attention(heads, heads, heads, {0.5, true, {}});
  const AttentionResult same = ops::attention(dense, dense, dense, {0.5, true, {}});
  EXPECT_TRUE(same_bits(out.y, same.y));
  const Tensor joined = out.y.transpose(1, 2).reshape({2, 7, 12});
  EXPECT_TRUE(joined.shares_storage_with(out.y));
  const Tensor grad_y = randn({2, 3, 4, 7}, 2).transpose(2, 3);
  const AttentionGradients g =
      ops::attention_backward(grad_y, heads, heads, heads, out, {0.5, true, {}});
  const AttentionGradients g_same =
      ops::attention_backward(grad_y.contiguous(), dense, dense, dense, same, {0.5, true, {}});
  EXPECT_TRUE(same_bits(g.dq, g_same.dq));
  EXPECT_TRUE(same_bits(g.dk, g_same.dk));
  EXPECT_TRUE(same_bits(g.dv, g_same.dv));
}

// Values of order 1 and 20 numbers summed: the differences are good to 1e-9, see the helper.
TEST(Attention, GradientsAreThoseOfTheForward) {
  const Case c{1, 2, 1, 4, 5, 3, 2, {0.7, true, test::from<std::uint8_t>({1, 0, 1, 1, 1}, {5})}};
  const Inputs in(c);
  const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
  const AttentionGradients g = ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, c.options);
  const auto f = [&](const Tensor& q, const Tensor& k, const Tensor& v) {
    return dot(in.grad_y, ops::attention(q, k, v, c.options).y);
  };
  const auto over_q = [&](const Tensor& t) { return f(t, in.k, in.v); };
  const auto over_k = [&](const Tensor& t) { return f(in.q, t, in.v); };
  const auto over_v = [&](const Tensor& t) { return f(in.q, in.k, t); };
  EXPECT_LT(max_abs_diff(g.dq, central_differences(over_q, in.q)), 1e-8);
  EXPECT_LT(max_abs_diff(g.dk, central_differences(over_k, in.k)), 1e-8);
  EXPECT_LT(max_abs_diff(g.dv, central_differences(over_v, in.v)), 1e-8);
}

TEST(Attention, KeepsANaNThatIsSeen) {
  Inputs in({1, 1, 1, 2, 3, 2, 2, {}});
  in.v.narrow(2, 2, 1).narrow(3, 0, 1).fill(std::nan(""));
  const std::vector<double> y =
      ops::attention(in.q, in.k, in.v, {1, true, {}}).y.to_vector<double>();
  EXPECT_FALSE(std::isnan(y[0]));  // query 0 sees keys 0 and 1
  EXPECT_TRUE(std::isnan(y[2]));
  EXPECT_FALSE(std::isnan(y[3]));
}

TEST(Attention, RefusesOperandsThatDoNotFit) {
  const Tensor q = randn({2, 4, 3, 8}, 1), k = randn({2, 2, 5, 8}, 2), v = randn({2, 2, 5, 6}, 3);
  const auto say = [](const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& mask = {}) {
    return message_of<Error>([&] { ops::attention(a, b, c, {1, false, mask}); });
  };
  EXPECT_EQ(say(q.select(0, 0), k, v), "attention: q: expected (B, H, T, D), got (4, 3, 8)");
  EXPECT_EQ(say(q, randn({2, 2, 5, 7}, 2), v),
            "attention: k: expected shape (2, 2, 5, 8), got (2, 2, 5, 7)");
  EXPECT_EQ(say(q, k, randn({2, 2, 4, 6}, 3)),
            "attention: v: expected shape (2, 2, 5, 6), got (2, 2, 4, 6)");
  EXPECT_EQ(say(q, randn({2, 3, 5, 8}, 2), randn({2, 3, 5, 6}, 3)),
            "attention: k: expected a number of groups that divides the 4 heads of q, got 3");
  EXPECT_EQ(say(q, k, v.to(DType::f32)), "attention: v: expected dtype f64, got f32");
  EXPECT_EQ(say(q, k, v, test::zeros({3, 5}, DType::f32)),
            "attention: mask: expected dtype u8, got f32");
  EXPECT_EQ(say(q, k, v, test::zeros({9, 3, 5}, DType::u8)),
            "attention: mask: expected a shape that broadcasts to (2, 4, 3, 5), got (9, 3, 5)");
  const AttentionResult out = ops::attention(q, k, v);
  EXPECT_EQ(message_of<Error>([&] { ops::attention_backward(q, q, k, v, out); }),
            "attention_backward: grad_y: expected shape (2, 4, 3, 6), got (2, 4, 3, 8)");
}

TEST(Attention, HasTheSameBitsForAnyNumberOfThreads) {
  const Case c{2, 4, 2, 60, 60, 16, 16, {0.25, true, {}}};
  const Inputs in(c, DType::f32);
  test::expect_same_bits_for_any_threads([&] {
    const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
    const AttentionGradients g =
        ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, c.options);
    return std::vector<Tensor>{out.y, out.lse, g.dq, g.dk, g.dv};
  });
}

}  // namespace
}  // namespace chainline
