// rope forward and backward at the queries of the benchmark model's decoder, laid out as its layers
// give them. Angles are computed once for each position and pair.

#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/model_shapes.h"
#include "tensor/ops/rope.h"

namespace chainline::bench {
namespace {

using namespace model;

constexpr double kTheta = 10000;

/// (B, H, T, D) as a view of (B, T, H * D).
Tensor heads(std::uint64_t seed) {
  return randn({kBatch, kTokens, kHeads, kHeadWidth}, seed).transpose(1, 2);
}

Variable composed(const Variables& in) {
  return rope_composed(in[0], Tensor::arange(kTokens, DType::i64), kTheta);
}

const Suite rope_suite([] {
  const double bytes = 4.0 * 2 * static_cast<double>(kTextRows * kChannels);
  add({"rope/forward/decoder", 0, bytes, [] {
         const Tensor x = heads(1), positions = Tensor::arange(kTokens, DType::i64);
         return Trial{[=] { return Tensors{ops::rope(x, positions, kTheta)}; },
                      value_of(composed, {x})};
       }});
  add({"rope/backward/decoder", 0, bytes, [] {
         const Tensor x = heads(1), grad_y = heads(2);
         const Tensor positions = Tensor::arange(kTokens, DType::i64);
         return Trial{[=] { return Tensors{ops::rope_backward(grad_y, positions, kTheta)}; },
                      gradients_of(composed, {x}, grad_y)};
       }});
});

}  // namespace
}  // namespace chainline::bench
