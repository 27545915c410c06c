// Each version of exact attention has the bits of the CPU's, in each order of its threads. ops::attention
// takes the tiled one where it can, so the plain one is run here alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda/attention/plain.cuh"
#include "cuda/attention/tiled_backward.cuh"
#include "tensor/ops/attention.h"
#include "tests/cuda/emulator/each_order.h"
#include "tests/support.h"

namespace chainline::test {
namespace {

using ops::AttentionGradients;
using ops::AttentionOptions;
using ops::AttentionResult;

constexpr Device kCuda{DeviceType::cuda, 0};

struct Case {
  std::int64_t B, H, G, T, S, D, V;
  AttentionOptions options;
  bool underflows = false;  // alike keys, and a grad_y whose half is -0
};

std::vector<Case> cases() {
  const auto random_mask = [](const Shape& shape) { return randint(shape, 0, 2, 5).to(DType::u8); };
  return {{1, 1, 1, 1, 1, 1, 1, {1, false, {}}},
          {2, 4, 2, 7, 11, 5, 9, {0.4, true, {}}},
          {1, 2, 1, 70, 70, 16, 16, {0.25, true, {}}},    // more than a block and than a tile
          {1, 1, 1, 64, 96, 64, 64, {0.125, false, {}}},  // whole tiles
          {1, 1, 1, 70, 71, 8, 8, {0.25, true, {}}},      // a tile's last query sees one more
          {1, 2, 1, 1, 2, 4, 4, {0.5, false, {}}, true},
          {1, 1, 1, 33, 65, 40, 100, {0.2, true, {}}},  // wide, and more keys than queries
          {1, 2, 2, 40, 9, 3, 2, {0.6, true, {}}},      // queries that see nothing
          {2, 2, 1, 35, 67, 3, 5, {0.6, true, random_mask({2, 1, 35, 67})}},
          {1, 2, 1, 6, 6, 4, 4, {0.5, false, zeros({1, 1}, DType::u8)}},
          {1, 1, 1, 3, 0, 4, 4, {0.5, false, {}}},
          {1, 1, 1, 0, 3, 4, 4, {0.5, true, {}}},
          {1, 1, 1, 3, 4, 0, 4, {0.5, true, {}}}};
}

/// A key that is not a number in the last place, which most causal queries do not see.
Tensor spoilt(const Tensor& k) {
  Tensor result = k.clone();
  if (result.numel() > 0) {
    result.narrow(2, k.shape()[2] - 1, 1).fill(std::numeric_limits<double>::quiet_NaN());
  }
  return result;
}

/// The same bits, but for those of NaNs, which mean nothing.
template <class T>
bool same_numbers(const Tensor& a, const Tensor& b) {
  const std::vector<T> x = a.to_vector<T>(), y = b.to_vector<T>();
  const auto same = [](T p, T r) {
    return std::isnan(p) ? std::isnan(r) : p == r && std::signbit(p) == std::signbit(r);
  };
  return a.shape() == b.shape() && std::equal(x.begin(), x.end(), y.begin(), same);
}

/// Runs a version on the device and compares with the CPU. A spoilt key spoils all gradients of the
/// queries that see it, so each case is run without one, too.
template <class T>
void expect_bits_of_the_cpu(const Case& c, bool tiled, bool spoils) {
  const auto input = [&](const Shape& shape, std::uint64_t seed) {
    return randn(shape, seed, dtype_of<T>);
  };
  const Tensor q = input({c.B, c.H, c.T, c.D}, 1);
  Tensor k = input({c.B, c.G, c.S, c.D}, 2), v = input({c.B, c.G, c.S, c.V}, 3);
  if (spoils) k = spoilt(k), v = spoilt(v);
  Tensor dy = input({c.B, c.H, c.T, c.V}, 4);
  if (c.underflows) {
    k.fill(1);
    v.fill(1);
    dy.fill(-double{std::numeric_limits<T>::denorm_min()});
  }
  const AttentionResult out = ops::attention(q, k, v, c.options);
  const AttentionGradients g = ops::attention_backward(dy, q, k, v, out, c.options);

  const auto there = [](const Tensor& t) { return t.to(kCuda); };
  const auto like = [](const Tensor& t) { return Tensor::empty(t.shape(), t.dtype(), kCuda); };
  const Tensor dq = there(q), dk = there(k), dv = there(v), ddy = there(dy);
  Tensor mask;
  if (c.options.mask.defined()) {
    mask = there(c.options.mask).broadcast_to({c.B, c.H, c.T, c.S});
  }
  const cuda::AttentionSizes s(dq, dk, dv, c.options.causal, mask);
  Tensor y = like(out.y), lse = like(out.lse), max = like(out.max), sum = like(out.sum);
  Tensor grad_q = like(q), grad_k = like(k), grad_v = like(v);
  const double scale = c.options.scale;
  if (tiled) {
    cuda::run_tiled_attention<T>(s, dq, dk, dv, scale, y, lse, max, sum);
    cuda::run_tiled_attention_backward<T>(s, ddy, dq, dk, dv, y, max, sum, scale, grad_q, grad_k,
                                          grad_v);
  } else {
    cuda::run_plain_attention<T>(s, dq, dk, dv, scale, y, lse, max, sum);
    cuda::run_plain_attention_backward<T>(s, ddy, dq, dk, dv, y, max, sum, scale, grad_q, grad_k,
                                          grad_v);
  }
  const std::string what =
      std::string(tiled ? "tiled " : "plain ") + std::to_string(c.T) + " x " + std::to_string(c.S);
  EXPECT_TRUE(same_numbers<T>(y, out.y)) << what;
  EXPECT_TRUE(same_numbers<T>(lse, out.lse)) << what;
  EXPECT_TRUE(same_numbers<T>(max, out.max)) << what;
  EXPECT_TRUE(same_numbers<T>(sum, out.sum)) << what;
  EXPECT_TRUE(same_numbers<T>(grad_q, g.dq)) << what;
  EXPECT_TRUE(same_numbers<T>(grad_k, g.dk)) << what;
  EXPECT_TRUE(same_numbers<T>(grad_v, g.dv)) << what;
}

class AttentionSteps : public EachOrder {};
INSTANTIATE_TEST_SUITE_P(Orders, AttentionSteps, testing::ValuesIn(orders()), name_of);

TEST_P(AttentionSteps, HaveTheBitsOfTheCpu) {
  for (const Case& c : cases()) {
    for (const bool tiled : {false, true}) {
      for (const bool spoils : {false, true}) {
        expect_bits_of_the_cpu<float>(c, tiled, spoils);
        expect_bits_of_the_cpu<double>(c, tiled, spoils);
      }
    }
  }
}

}  // namespace
}  // namespace chainline::test
