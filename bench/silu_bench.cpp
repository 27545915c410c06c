// silu and silu_gate forward and backward at the hidden layer of the benchmark model's decoder.
// Arithmetic bounds them, exp above all; of_copy says how far they are from being free.

#include "autograd/ops.h"
#include "bench/copies.h"
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
  add_with_copies({"silu/forward/decoder_hidden", 2 * bytes,
                   [] {
                     return Batch{{randn(kShape, 1)}, {}};
                   },
                   [](const Batch& b) { return Tensors{ops::silu(b.rows[0])}; },
                   [](const Batch& b) { return value_of(composed, b.rows); }});
  add_with_copies({"silu/backward/decoder_hidden", 3 * bytes,
                   [] {
                     return Batch{{randn(kShape, 1), randn(kShape, 2)}, {}};
                   },
                   [](const Batch& b) { return Tensors{ops::silu_backward(b.rows[1], b.rows[0])}; },
                   [](const Batch& b) { return gradients_of(composed, {b.rows[0]}, b.rows[1]); }});
  add_with_copies({"silu_gate/forward/decoder_hidden", 3 * bytes,
                   [] {
                     return Batch{{randn(kShape, 1), randn(kShape, 2)}, {}};
                   },
                   [](const Batch& b) { return Tensors{ops::silu_gate(b.rows[0], b.rows[1])}; },
                   [](const Batch& b) { return value_of(gate_composed, b.rows); }});
  add_with_copies({"silu_gate/backward/decoder_hidden", 5 * bytes,
                   [] {
                     return Batch{{randn(kShape, 1), randn(kShape, 2), randn(kShape, 3)}, {}};
                   },
                   [](const Batch& b) {
                     const ops::SiluGateGradients g =
                         ops::silu_gate_backward(b.rows[2], b.rows[0], b.rows[1]);
                     return Tensors{g.dgate, g.dup};
                   },
                   [](const Batch& b) {
                     return gradients_of(gate_composed, {b.rows[0], b.rows[1]}, b.rows[2]);
                   }});
});

}  // namespace
}  // namespace chainline::bench
