// gelu forward and backward, both forms, at the hidden layer of the benchmark model's ViT.
// Arithmetic bounds it, erf and exp above all; of_copy says how far it is from being free.

#include "autograd/ops.h"
#include "bench/copies.h"
#include "bench/model_shapes.h"
#include "tensor/ops/gelu.h"

namespace chainline::bench {
namespace {

using namespace model;

const Shape kShape{kVisionRows, kVisionHidden};

Composed composed(GeluForm form) {
  return [form](const Variables& in) { return gelu_composed(in[0], form); };
}

const Suite gelu_suite([] {
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    const std::string what = form == GeluForm::erf ? "_erf/vit_hidden" : "_tanh/vit_hidden";
    const auto bytes = 4.0 * static_cast<double>(kShape.numel());
    add_with_copies({"gelu/forward" + what, 2 * bytes,
                     [] {
                       return Batch{{randn(kShape, 1)}, {}};
                     },
                     [form](const Batch& b) { return Tensors{ops::gelu(b.rows[0], form)}; },
                     [form](const Batch& b) { return value_of(composed(form), b.rows); }});
    add_with_copies(
        {"gelu/backward" + what, 3 * bytes,
         [] {
           return Batch{{randn(kShape, 1), randn(kShape, 2)}, {}};
         },
         [form](const Batch& b) { return Tensors{ops::gelu_backward(b.rows[1], b.rows[0], form)}; },
         [form](const Batch& b) { return gradients_of(composed(form), {b.rows[0]}, b.rows[1]); }});
  }
});

}  // namespace
}  // namespace chainline::bench
