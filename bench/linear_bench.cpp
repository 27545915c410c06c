// linear forward, and its three gradients, at the widths of the benchmark model: matmul's products
// with a bias, and dweight as a sum of the samples' sums; and a residual added by the product itself
// or after it.

#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/model_shapes.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/linear.h"

namespace chainline::bench {
namespace {

using namespace model;

struct Layer {
  const char* name;
  std::int64_t T, K, N;  // tokens of a sample, inputs, outputs
};
constexpr Layer kLayersTimed[] = {
    {"vit_qkv", kPatches, kChannels, kChannels},
    {"vit_fc1", kPatches, kChannels, kVisionHidden},
    {"vit_fc2", kPatches, kVisionHidden, kChannels},
    {"decoder_gate", kTokens, kChannels, kTextHidden},
    {"decoder_down", kTokens, kTextHidden, kChannels},
};

Variable composed(const Variables& in) { return linear_composed(in[0], in[1], in[2]); }

Variable with_residual(const Variables& in) { return linear_composed(in[0], in[1], in[2], in[3]); }

Tensors inputs(const Layer& l) {
  return {randn({kBatch, l.T, l.K}, 1), randn({l.N, l.K}, 2), randn({l.N}, 3)};
}

const Suite linear_suite([] {
  for (const Layer& l : kLayersTimed) {
    const double flops = 2.0 * static_cast<double>(kBatch * l.T * l.K * l.N);
    add({std::string("linear/forward/") + l.name, flops, 0, [l] {
           const Tensors in = inputs(l);
           return Trial{[in] { return Tensors{ops::linear(in[0], in[1], in[2])}; },
                        value_of(composed, in)};
         }});
    add({std::string("linear/backward/") + l.name, 2 * flops, 0, [l] {
           const Tensors in = inputs(l);
           const Tensor grad_y = randn({kBatch, l.T, l.N}, 4);
           return Trial{[=] {
                          return Tensors{ops::linear_backward_input(grad_y, in[1]),
                                         ops::linear_backward_weight(grad_y, in[0]),
                                         ops::linear_backward_bias(grad_y)};
                        },
                        gradients_of(composed, in, grad_y)};
         }});
    if (l.N != kChannels) continue;  // a layer that ends a branch beside a residual
    const auto ending = [&](const char* how, auto run) {
      add({std::string("linear/") + how + l.name, flops, 0, [l, run] {
             Tensors in = inputs(l);
             in.push_back(randn({kBatch, l.T, l.N}, 4));
             return Trial{[in, run] { return Tensors{run(in)}; }, value_of(with_residual, in)};
           }});
    };
    ending("residual_within/",
           [](const Tensors& in) { return ops::linear(in[0], in[1], in[2], in[3]); });
    ending("residual_after/",
           [](const Tensors& in) { return ops::add(in[3], ops::linear(in[0], in[1], in[2])); });
  }
});

}  // namespace
}  // namespace chainline::bench
