// Attention in bf16, which CUDA alone has: by flash attention (cuda/fast) without a mask and with heads
// of up to 128 numbers, else by the plain kernels (cuda/attention.cu). Both keep the same bounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include "tensor/ops/attention.h"
#include "tests/support.h"

namespace chainline {
namespace {

using ops::AttentionGradients;
using ops::AttentionOptions;
using ops::AttentionResult;
using test::message_of;
using test::randn;

struct Case {
  std::int64_t B, H, G, T, S, D, V;
  AttentionOptions options;
  double size = 1;  // of the queries and keys
};

struct Inputs {
  Tensor grad_y, q, k, v;

  explicit Inputs(const Case& c)
      : grad_y(randn({c.B, c.H, c.T, c.V}, 1).to(DType::bf16)),
        q(sized(randn({c.B, c.H, c.T, c.D}, 2), c.size)),
        k(sized(randn({c.B, c.G, c.S, c.D}, 3), c.size)),
        v(randn({c.B, c.G, c.S, c.V}, 4).to(DType::bf16)) {}

  static Tensor sized(const Tensor& t, double size) {
    std::vector<double> values = t.to_vector<double>();
    for (double& x : values) x *= size;
    return test::from(values, t.shape()).to(DType::bf16);
  }
};

/// Half an ulp of a number in bf16, and what one operation in f32 loses, as parts of the number. A
/// product of two bf16s is exact in f32; a sum on tensor cores need not be rounded to nearest.
constexpr double kStored = 0x1p-8, kSummed = 0x1p-23;
/// What exp2_approximate loses (cuda/ptx.cuh); it has no number below kLeast.
constexpr double kPower = 0x1p-22, kLeast = 0x1p-126;
/// For products of the terms below, which are all left out.
constexpr double kSecondOrder = 1 + 0x1p-5;
/// Stands for the weight of a hidden key.
constexpr double kHidden = -1;

/// Numbers by (b, head, row, column), in f64.
struct Numbers {
  std::int64_t heads, rows, columns;
  std::vector<double> values;

  explicit Numbers(const Tensor& t)
      : heads(t.shape()[1]),
        rows(t.shape()[2]),
        columns(t.shape()[3]),
        values(t.to(kCpu).to(DType::f64).to_vector<double>()) {}
  explicit Numbers(const Shape& s)
      : heads(s[1]), rows(s[2]), columns(s[3]), values(static_cast<std::size_t>(s.numel())) {}
  double& at(std::int64_t b, std::int64_t h, std::int64_t r, std::int64_t c) {
    return values[static_cast<std::size_t>(((b * heads + h) * rows + r) * columns + c)];
  }
};

/// How far the results may be from the exact ones of the same bf16 inputs.
///
/// Score. The sum over d loses at most D kSummed of A = scale sum_d |q k|; the factor is rounded
/// (kSummed), so are score - max and, in the exponent's units, max: in all e = (D + 4) kSummed M with
/// M, the largest A of the query, for |s| and |max| are at most M. Where a later tile has a larger
/// maximum, what is there is multiplied by a power of two that is as good as any other: with n keys there
/// are at most n / 32 tiles. So p, as a part of itself, is wrong by
///   e_p = (1 + n / 32) (2 e + kPower + kSummed),
/// and sum_j p by that and n kSummed more, as all are positive, and so is lse, plus 2 kSummed of it
/// and of M, of which the maximum is one part.
/// Besides, each w and each result may lose kLeast.
/// y = sum_j w v. w = p / sum: p is rounded for the product (kStored), and its sum not; so with
///   W_c = sum_j w |v_c|:  |error of y_c| <= (kStored + 2 e_p + 2 n kSummed) W_c + kStored |y_c|.
/// Gradients. w = exp(s - lse) is made again: e_w = 2 e + error of lse + 2 kSummed |lse| + kPower.
///   dv = sum_i w dy:  (kStored + e_w + m kSummed) sum_i w |dy|, and kStored |dv|; m queries.
///   dp = dy . v loses V kSummed P with P = sum_c |dy v|; delta = dy . y loses sum_c |dy| |error of
///   y_c| and V kSummed sum_c |dy y|. So ds = w (dp - delta), rounded, is wrong by
///   E = w (V kSummed P + error of delta + (e_w + 2 kSummed) |dp - delta|) + kStored |ds|.
///   dq = scale sum_j ds k: scale sum_j (E + n kSummed |ds|) |k|, and kStored |dq|; dk likewise.
struct Bounds {
  Numbers y, lse, dq, dk, dv;

  Bounds(const Case& c, const Inputs& in, const AttentionResult& out, const AttentionGradients& g)
      : y(in.grad_y.shape()),
        lse({c.B, c.H, c.T, 1}),
        dq(in.q.shape()),
        dk(in.k.shape()),
        dv(in.v.shape()) {
    Numbers q(in.q), k(in.k), v(in.v), grad_y(in.grad_y), exact_y(out.y);
    Numbers exact_lse(out.lse.unsqueeze(3)), exact_dq(g.dq), exact_dk(g.dk), exact_dv(g.dv);
    const double scale = c.options.scale, size = std::abs(scale);
    const auto S = static_cast<double>(c.S), T = static_cast<double>(c.T * c.H / c.G);
    const auto D = static_cast<double>(c.D), V = static_cast<double>(c.V);
    Tensor mask;
    if (c.options.mask.defined()) mask = c.options.mask.to(kCpu).broadcast_to({c.B, c.H, c.T, c.S});
    const std::vector<std::uint8_t> shown =
        mask.defined() ? mask.to_vector<std::uint8_t>() : std::vector<std::uint8_t>();
    for (std::int64_t b = 0; b < c.B; ++b) {
      for (std::int64_t h = 0; h < c.H; ++h) {
        const std::int64_t group = h / (c.H / c.G);
        for (std::int64_t i = 0; i < c.T; ++i) {
          std::vector<double> w(static_cast<std::size_t>(c.S), kHidden);
          double largest = 0;  // M
          const double l = exact_lse.at(b, h, i, 0);
          for (std::int64_t j = 0; j < c.S; ++j) {
            const auto pair = static_cast<std::size_t>(((b * c.H + h) * c.T + i) * c.S + j);
            const bool seen =
                (!c.options.causal || j <= i + c.S - c.T) && (shown.empty() || shown[pair] != 0);
            if (!seen) continue;
            double s = 0, sum = 0;
            for (std::int64_t d = 0; d < c.D; ++d) {
              const double term = q.at(b, h, i, d) * k.at(b, group, j, d);
              s += term, sum += std::abs(term);
            }
            w[static_cast<std::size_t>(j)] = std::exp(scale * s - l);
            largest = std::max(largest, size * sum);
          }
          const double e = (D + 4) * kSummed * largest;
          const double e_p = (1 + S / 32) * (2 * e + kPower + kSummed);
          const double e_lse =
              e_p + (S + 2) * kSummed + 2 * kSummed * (largest + (std::isinf(l) ? 0 : std::abs(l)));
          const double e_w = 2 * e + e_lse + 2 * kSummed * std::abs(l) + kPower;
          lse.at(b, h, i, 0) = kSecondOrder * e_lse;

          double delta = 0, e_delta = 0;
          for (std::int64_t n = 0; n < c.V; ++n) {
            double weighted = 0, lost = kLeast;
            for (std::int64_t j = 0; j < c.S; ++j) {
              const double weight = w[static_cast<std::size_t>(j)];
              if (weight == kHidden) continue;
              weighted += weight * std::abs(v.at(b, group, j, n));
              lost += kLeast * std::abs(v.at(b, group, j, n));
            }
            const double at = exact_y.at(b, h, i, n), up = grad_y.at(b, h, i, n);
            const double e_y =
                (kStored + 2 * e_p + 2 * S * kSummed) * weighted + kStored * std::abs(at) + lost;
            y.at(b, h, i, n) = kSecondOrder * e_y;
            delta += up * at;
            e_delta += std::abs(up) * (e_y + V * kSummed * std::abs(at));
          }
          for (std::int64_t j = 0; j < c.S; ++j) {
            const double weight = w[static_cast<std::size_t>(j)];
            if (weight == kHidden) continue;
            double dp = 0, sum = 0;
            for (std::int64_t n = 0; n < c.V; ++n) {
              const double up = grad_y.at(b, h, i, n), term = up * v.at(b, group, j, n);
              dp += term, sum += std::abs(term);
              dv.at(b, group, j, n) +=
                  kSecondOrder * ((kStored + e_w + T * kSummed) * weight + kLeast) * std::abs(up);
            }
            const double ds = weight * std::abs(dp - delta);
            const double e_ds = weight * (V * kSummed * sum + e_delta) +
                                (e_w + 2 * kSummed + kStored) * ds +
                                kLeast * (1 + std::abs(dp - delta));
            for (std::int64_t d = 0; d < c.D; ++d) {
              dq.at(b, h, i, d) +=
                  kSecondOrder * size * (e_ds + S * kSummed * ds) * std::abs(k.at(b, group, j, d));
              dk.at(b, group, j, d) +=
                  kSecondOrder * size * (e_ds + T * kSummed * ds) * std::abs(q.at(b, h, i, d));
            }
          }
        }
      }
    }
    const auto add_stored = [](Numbers& bound, const Numbers& exact) {
      for (std::size_t n = 0; n < bound.values.size(); ++n) {
        bound.values[n] += kSecondOrder * kStored * std::abs(exact.values[n]) + kLeast;
      }
    };
    add_stored(dq, exact_dq);
    add_stored(dk, exact_dk);
    add_stored(dv, exact_dv);
  }
};

/// The largest error in units of its bound; infinite where it is none.
double worst(const Tensor& got, const Tensor& exact, const Numbers& bound) {
  const std::vector<double> x = got.to(kCpu).to(DType::f64).to_vector<double>();
  const std::vector<double> y = exact.to_vector<double>();
  double ratio = 0;
  for (std::size_t n = 0; n < x.size(); ++n) {
    if (x[n] == y[n]) continue;  // infinities too
    const double error = std::abs(x[n] - y[n]) / bound.values[n];
    ratio = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(ratio, error);
  }
  return ratio;
}

Tensor random_mask(const Shape& shape) { return test::randint(shape, 0, 2, 5).to(DType::u8); }

std::vector<Case> cases_of_flash() {
  return {{1, 1, 1, 1, 1, 1, 1, {1, false, {}}},
          {1, 3, 1, 5, 7, 4, 4, {0.5, true, {}}},           // numbers one by one
          {2, 4, 2, 70, 70, 16, 16, {0.25, true, {}}},      // groups
          {1, 2, 1, 130, 131, 64, 64, {0.125, true, {}}},   // more than a block of queries
          {1, 1, 1, 33, 150, 40, 40, {0.15, true, {}}},     // a cache before
          {1, 1, 1, 150, 37, 8, 8, {0.35, true, {}}},       // queries that see nothing
          {1, 1, 1, 70, 129, 128, 128, {0.09, false, {}}},  // wide heads
          {1, 2, 2, 65, 67, 99, 99, {0.1, true, {}}},
          {1, 2, 1, 64, 128, 24, 24, {0.2, false, {}}},    // whole tiles
          {1, 1, 1, 40, 70, 32, 32, {0.2, true, {}}, 30},  // scores of some 1000
          {1, 1, 1, 40, 3, 32, 32, {0.2, false, {}}, 30},  // all of them negative
          {1, 2, 2, 3, 0, 8, 8, {0.5, false, {}}},
          {1, 2, 1, 0, 3, 8, 8, {0.5, true, {}}},
          {0, 2, 1, 3, 3, 8, 8, {0.5, true, {}}}};
}

/// What flash attention leaves to the plain kernels.
std::vector<Case> other_cases() {
  return {{2, 2, 1, 13, 17, 8, 8, {0.6, false, random_mask({2, 2, 13, 17})}},
          {2, 2, 2, 13, 13, 8, 8, {0.3, true, random_mask({2, 1, 1, 13})}},
          {2, 2, 2, 6, 6, 8, 8, {0.5, true, test::zeros({1, 1}, DType::u8)}},
          {1, 2, 1, 9, 11, 8, 5, {0.4, true, {}}},
          {1, 1, 1, 9, 11, 130, 130, {0.1, true, {}}},
          {1, 1, 1, 9, 11, 8, 8, {-0.4, true, {}}},
          {1, 1, 1, 9, 11, 8, 8, {0, false, {}}}};
}

class AttentionInBf16 : public testing::Test {
 protected:
  void SetUp() override {
    if (test::device() == kCpu) GTEST_SKIP() << "the CPU has no bf16";
  }

  static void expect_within_bounds(const Case& c) {
    const Inputs in(c);
    const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
    const AttentionGradients g =
        ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, c.options);
    const test::MeantForTheCpu reference;
    const auto exact = [](const Tensor& t) { return t.to(kCpu).to(DType::f64); };
    AttentionOptions options = c.options;
    if (options.mask.defined()) options.mask = options.mask.to(kCpu);
    const Tensor grad_y = exact(in.grad_y), q = exact(in.q), k = exact(in.k), v = exact(in.v);
    const AttentionResult e = ops::attention(q, k, v, options);
    const AttentionGradients d = ops::attention_backward(grad_y, q, k, v, e, options);
    const Bounds bounds(c, in, e, d);
    const double y = worst(out.y, e.y, bounds.y), lse = worst(out.lse, e.lse, bounds.lse);
    const double dq = worst(g.dq, d.dq, bounds.dq), dk = worst(g.dk, d.dk, bounds.dk);
    const double dv = worst(g.dv, d.dv, bounds.dv);
    std::cout << c.T << " queries, " << c.S << " keys, width " << c.D << ": of the bounds y " << y
              << ", lse " << lse << ", dq " << dq << ", dk " << dk << ", dv " << dv << '\n';
    const Shape shape = in.q.shape();
    EXPECT_LE(y, 1) << shape << c.S;
    EXPECT_LE(lse, 1) << shape << c.S;
    EXPECT_LE(dq, 1) << shape << c.S;
    EXPECT_LE(dk, 1) << shape << c.S;
    EXPECT_LE(dv, 1) << shape << c.S;
  }
};

TEST_F(AttentionInBf16, OfFlashIsWithinWhatItsRoundingsMayLose) {
  for (const Case& c : cases_of_flash()) expect_within_bounds(c);
}

TEST_F(AttentionInBf16, OfThePlainKernelsIsWithinTheSameBounds) {
  for (const Case& c : other_cases()) expect_within_bounds(c);
}

TEST_F(AttentionInBf16, HasStatisticsInF32) {
  const Case c{1, 2, 1, 5, 7, 8, 8, {0.5, false, {}}};
  const Inputs in(c);
  const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
  EXPECT_EQ(out.y.dtype(), DType::bf16);
  EXPECT_TRUE(same_bits(out.max, out.lse));
  EXPECT_TRUE(same_bits(out.sum, test::full({1, 2, 5}, 1, DType::f32)));
}

TEST_F(AttentionInBf16, GivesZerosToQueriesThatSeeNothing) {
  const Case c{1, 1, 1, 80, 7, 8, 8, {0.5, true, {}}};  // 73 of them
  Inputs in(c);
  in.q.narrow(2, 0, 73).fill(std::nan(""));
  const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
  const auto blind = [](const Tensor& t) { return t.narrow(2, 0, 73); };
  EXPECT_TRUE(same_bits(blind(out.y), test::zeros({1, 1, 73, 8}, DType::bf16)));
  EXPECT_TRUE(
      same_bits(blind(out.lse),
                test::full({1, 1, 73}, -std::numeric_limits<double>::infinity(), DType::f32)));
  EXPECT_FALSE(std::isnan(test::dot(out.y, out.y)));
}

TEST_F(AttentionInBf16, OfFlashHasTheSameBitsAgain) {
  const Case c{1, 2, 1, 70, 80, 64, 64, {0.125, true, {}}};
  const Inputs in(c);
  test::expect_same_bits_for_any_threads([&] {
    const AttentionResult out = ops::attention(in.q, in.k, in.v, c.options);
    const AttentionGradients g =
        ops::attention_backward(in.grad_y, in.q, in.k, in.v, out, c.options);
    return std::vector<Tensor>{out.y, out.lse, g.dq, g.dk, g.dv};
  });
}

TEST_F(AttentionInBf16, ReadsAndGivesHeadsAsViews) {
  const AttentionOptions options{0.5, true, {}};
  const Tensor rows = randn({2, 7, 24}, 1, DType::bf16);
  const Tensor heads = rows.reshape({2, 7, 3, 8}).transpose(1, 2), dense = heads.contiguous();
  const AttentionResult out = ops::attention(heads, heads, heads, options);
  const AttentionResult same = ops::attention(dense, dense, dense, options);
  EXPECT_TRUE(same_bits(out.y, same.y));
  EXPECT_TRUE(out.y.transpose(1, 2).reshape({2, 7, 24}).shares_storage_with(out.y));
  const Tensor grad_y = randn({2, 3, 8, 7}, 2, DType::bf16).transpose(2, 3);  // columns apart
  AttentionResult strange = same;
  strange.y = same.y.contiguous();  // in memory as (B, H, T, D)
  const AttentionGradients g = ops::attention_backward(grad_y, heads, heads, heads, out, options);
  const AttentionGradients g_same =
      ops::attention_backward(grad_y.contiguous(), dense, dense, dense, strange, options);
  EXPECT_TRUE(same_bits(g.dq, g_same.dq));
  EXPECT_TRUE(same_bits(g.dk, g_same.dk));
  EXPECT_TRUE(same_bits(g.dv, g_same.dv));
}

// Vectors of 16 bytes are read where rows begin at multiples of that and have no number beyond the last
// vector; whichever operand does not, numbers are read one by one.
TEST_F(AttentionInBf16, ReadsRowsThatDoNotBeginAtVectors) {
  const AttentionOptions options{0.5, true, {}};
  const Shape shape{2, 3, 7, 8};
  std::vector<Tensor> whole;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) whole.push_back(randn(shape, seed, DType::bf16));
  const auto results = [&](const std::vector<Tensor>& x) {
    const AttentionResult out = ops::attention(x[0], x[1], x[2], options);
    const AttentionGradients g = ops::attention_backward(x[3], x[0], x[1], x[2], out, options);
    return std::vector<Tensor>{out.y, g.dq, g.dk, g.dv};
  };
  const std::vector<Tensor> expected = results(whole);
  const auto expect_same = [&](const std::vector<Tensor>& x, const std::vector<Tensor>& y) {
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(same_bits(x[i], y[i])) << "output " << i;
  };
  for (std::size_t odd = 0; odd < whole.size(); ++odd) {
    std::vector<Tensor> x = whole;
    x[odd] =
        test::zeros({shape.numel() + 1}, DType::bf16).narrow(0, 1, shape.numel()).reshape(shape);
    x[odd].copy_from(whole[odd]);
    expect_same(results(x), expected);
  }
  std::vector<Tensor> narrow, dense;  // rows of 5 numbers, 16 bytes apart
  for (const Tensor& x : whole) {
    narrow.push_back(x.narrow(3, 0, 5));
    dense.push_back(narrow.back().contiguous());
  }
  expect_same(results(narrow), results(dense));
}

TEST_F(AttentionInBf16, KeepsANaNThatIsSeen) {
  Inputs in({1, 1, 1, 2, 3, 8, 8, {}});
  in.v.narrow(2, 2, 1).narrow(3, 0, 1).fill(std::nan(""));
  const Tensor y = ops::attention(in.q, in.k, in.v, {1, false, {}}).y.to(DType::f32);
  EXPECT_TRUE(std::isnan(y.to_vector<float>()[0]));
  EXPECT_FALSE(std::isnan(y.to_vector<float>()[1]));
}

TEST(AttentionOnTheCpu, RefusesBf16) {
  const test::MeantForTheCpu refused;
  const Tensor x = Tensor::zeros({1, 1, 2, 8}, DType::bf16);
  EXPECT_EQ(message_of<DTypeError>([&] { ops::attention(x, x, x); }),
            "attention: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
