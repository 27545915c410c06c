// softmax forward and backward at the scores of the benchmark model's attention (which the fused
// attention never stores) and at its logits; log_softmax at the logits.

#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/model_shapes.h"
#include "tensor/ops/softmax.h"

namespace chainline::bench {
namespace {

using namespace model;

struct Op {
  const char* name;
  Tensor (*forward)(const Tensor&);
  Tensor (*backward)(const Tensor&, const Tensor&);
  Variable (*composed)(const Variable&);
  std::int64_t rows, C;
};
constexpr std::int64_t kScoreRows = kBatch * kHeads * kPatches;
constexpr Op kOps[] = {
    {"softmax/forward/vit_scores", ops::softmax, nullptr, softmax_composed, kScoreRows, kPatches},
    {"softmax/forward/logits", ops::softmax, nullptr, softmax_composed, kTextRows, kVocabulary},
    {"softmax/backward/vit_scores", ops::softmax, ops::softmax_backward, softmax_composed,
     kScoreRows, kPatches},
    {"softmax/backward/logits", ops::softmax, ops::softmax_backward, softmax_composed, kTextRows,
     kVocabulary},
    {"log_softmax/forward/logits", ops::log_softmax, nullptr, log_softmax_composed, kTextRows,
     kVocabulary},
    {"log_softmax/backward/logits", ops::log_softmax, ops::log_softmax_backward,
     log_softmax_composed, kTextRows, kVocabulary},
};

Trial prepare(const Op& op) {
  const Tensor x = randn({op.rows, op.C}, 1);
  const Composed composed = [f = op.composed](const Variables& in) { return f(in[0]); };
  if (op.backward == nullptr) {
    return {[=] { return Tensors{op.forward(x)}; }, value_of(composed, {x})};
  }
  const Tensor y = op.forward(x), grad_y = randn({op.rows, op.C}, 2);
  return {[=] { return Tensors{op.backward(grad_y, y)}; }, gradients_of(composed, {x}, grad_y)};
}

const Suite softmax_suite([] {
  for (const Op& op : kOps) {
    const int tensors = op.backward == nullptr ? 2 : 3;  // x, y; or grad_y, y, dx
    add({op.name, 0, 4.0 * tensors * static_cast<double>(op.rows * op.C),
         [op] { return prepare(op); }});
  }
});

}  // namespace
}  // namespace chainline::bench
