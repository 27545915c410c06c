// rope forward and backward at the queries of the benchmark model's decoder, laid out as its layers
// give them. Angles are computed once for each position and pair.

#include "autograd/ops.h"
#include "bench/copies.h"
#include "bench/model_shapes.h"
#include "tensor/ops/rope.h"

namespace chainline::bench {
namespace {

using namespace model;

constexpr double kTheta = 10000;

/// As a linear layer gives them: (B, T, H, D), which rope takes as the view (B, H, T, D).
Tensor heads(std::uint64_t seed) { return randn({kBatch, kTokens, kHeads, kHeadWidth}, seed); }
Tensor as_heads(const Tensor& x) { return x.transpose(1, 2); }

Variable composed(const Variables& in) {
  return rope_composed(in[0], Tensor::arange(kTokens, DType::i64), kTheta);
}

const Suite rope_suite([] {
  const double bytes = 4.0 * 2 * static_cast<double>(kTextRows * kChannels);
  const Tensor positions = Tensor::arange(kTokens, DType::i64);
  add_with_copies(
      {"rope/forward/decoder", bytes,
       [] {
         return Batch{{heads(1)}, {}};
       },
       [=](const Batch& b) { return Tensors{ops::rope(as_heads(b.rows[0]), positions, kTheta)}; },
       [](const Batch& b) { return value_of(composed, {as_heads(b.rows[0])}); }});
  add_with_copies({"rope/backward/decoder", bytes,
                   [] {
                     return Batch{{heads(2)}, {}};
                   },
                   [=](const Batch& b) {
                     return Tensors{ops::rope_backward(as_heads(b.rows[0]), positions, kTheta)};
                   },
                   [](const Batch& b) {
                     const Tensor grad_y =
                         as_heads(b.rows[0]);  // the gradient does not depend on x
                     return gradients_of(composed, {grad_y}, grad_y);
                   }});
});

}  // namespace
}  // namespace chainline::bench
