// gelu forward and backward, both forms, at the hidden layer of the benchmark model's ViT.
// Arithmetic bounds it, erf and exp above all; of_copy says how far it is from being free.

#include "autograd/ops.h"
#include "bench/harness.h"
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
    add({"gelu/forward" + what, 0, 2 * bytes, [form] {
           const Tensor x = randn(kShape, 1);
           return Trial{[=] { return Tensors{ops::gelu(x, form)}; }, value_of(composed(form), {x})};
         }});
    add({"gelu/backward" + what, 0, 3 * bytes, [form] {
           const Tensor x = randn(kShape, 1), grad_y = randn(kShape, 2);
           return Trial{[=] { return Tensors{ops::gelu_backward(grad_y, x, form)}; },
                        gradients_of(composed(form), {x}, grad_y)};
         }});
  }
});

}  // namespace
}  // namespace chainline::bench
