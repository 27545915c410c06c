// attention forward and backward with the heads of the benchmark model, laid out as its layers give
// them, and decoding one token after 88. A causal product counts half of its flops.

#include <cmath>

#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/model_shapes.h"
#include "tensor/ops/attention.h"

namespace chainline::bench {
namespace {

using namespace model;

struct Heads {
  const char* name;
  std::int64_t B, T, S;
  bool causal;
};
constexpr Heads kShapes[] = {{"vit", kBatch, kPatches, kPatches, false},
                             {"decoder", kBatch, kTokens, kTokens, true},
                             {"decode_one", 1, 1, kTokens, true}};

/// (B, H, T, D) as a view of (B, T, H * D).
Tensor heads(std::int64_t B, std::int64_t T, std::uint64_t seed) {
  return randn({B, T, kHeads, kHeadWidth}, seed).transpose(1, 2);
}

Tensors inputs(const Heads& h) {
  return {heads(h.B, h.T, 1), heads(h.B, h.S, 2), heads(h.B, h.S, 3)};
}

ops::AttentionOptions options_of(const Heads& h) {
  ops::AttentionOptions options;
  options.scale = 1 / std::sqrt(static_cast<double>(kHeadWidth));
  options.causal = h.causal;
  return options;
}

Composed composed(const Heads& h) {
  return [options = options_of(h)](const Variables& in) {
    return attention_composed(in[0], in[1], in[2], options);
  };
}

const Suite attention_suite([] {
  for (const Heads& h : kShapes) {
    const bool half = h.causal && h.T == h.S;
    const double product =
        2.0 * static_cast<double>(h.B * kHeads * h.T * h.S * kHeadWidth) / (half ? 2 : 1);
    add({std::string("attention/forward/") + h.name, 2 * product, 0, [h] {
           const Tensors in = inputs(h);
           return Trial{
               [=] { return Tensors{ops::attention(in[0], in[1], in[2], options_of(h)).y}; },
               value_of(composed(h), in)};
         }});
    if (h.B == 1) continue;  // decoding has no backward
    add({std::string("attention/backward/") + h.name, 5 * product, 0, [h] {
           const Tensors in = inputs(h);
           const Tensor grad_y = heads(h.B, h.T, 4);
           const ops::AttentionResult forward = ops::attention(in[0], in[1], in[2], options_of(h));
           return Trial{[=] {
                          const ops::AttentionGradients g = ops::attention_backward(
                              grad_y, in[0], in[1], in[2], forward, options_of(h));
                          return Tensors{g.dq, g.dk, g.dv};
                        },
                        gradients_of(composed(h), in, grad_y)};
         }});
  }
});

}  // namespace
}  // namespace chainline::bench
