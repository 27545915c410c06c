// silu and silu_gate forward and backward at the hidden layer of the benchmark model's decoder.
// Arithmetic bounds them, exp above all; of_copy says how far they are from being free.

#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/model_shapes.h"
#include "tensor/ops/silu.h"

namespace chainline::bench {
namespace {

using namespace model;

const Shape kShape{kTextRows, kTextHidden};

Variable composed(const Variables& in) { return silu_composed(in[0]); }
Variable gate_composed(const Variables& in) { return silu_gate_composed(in[0], in[1]); }

const Suite silu_suite([] {
  const auto bytes = 4.0 * static_cast<double>(kShape.numel());
  add({"silu/forward/decoder_hidden", 0, 2 * bytes, [] {
         const Tensor x = randn(kShape, 1);
         return Trial{[=] { return Tensors{ops::silu(x)}; }, value_of(composed, {x})};
       }});
  add({"silu/backward/decoder_hidden", 0, 3 * bytes, [] {
         const Tensor x = randn(kShape, 1), grad_y = randn(kShape, 2);
         return Trial{[=] { return Tensors{ops::silu_backward(grad_y, x)}; },
                      gradients_of(composed, {x}, grad_y)};
       }});
  add({"silu_gate/forward/decoder_hidden", 0, 3 * bytes, [] {
         const Tensor gate = randn(kShape, 1), up = randn(kShape, 2);
         return Trial{[=] { return Tensors{ops::silu_gate(gate, up)}; },
                      value_of(gate_composed, {gate, up})};
       }});
  add({"silu_gate/backward/decoder_hidden", 0, 5 * bytes, [] {
         const Tensor gate = randn(kShape, 1), up = randn(kShape, 2), grad_y = randn(kShape, 3);
         return Trial{[=] {
                        const ops::SiluGateGradients g = ops::silu_gate_backward(grad_y, gate, up);
                        return Tensors{g.dgate, g.dup};
                      },
                      gradients_of(gate_composed, {gate, up}, grad_y)};
       }});
});

}  // namespace
}  // namespace chainline::bench
