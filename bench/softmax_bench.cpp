// softmax forward and backward at the scores of the benchmark model's attention (which the fused
// attention never stores) and at its logits; log_softmax at the logits.

#include "autograd/ops.h"
#include "bench/copies.h"
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

const Suite softmax_suite([] {
  for (const Op& op : kOps) {
    const Composed composed = [op](const Variables& in) { return op.composed(in[0]); };
    const Shape shape{op.rows, op.C};
    const double bytes = 4.0 * static_cast<double>(op.rows * op.C);
    if (op.backward == nullptr) {
      add_with_copies({op.name, 2 * bytes,
                       [=] {
                         return Batch{{randn(shape, 1)}, {}};
                       },
                       [op](const Batch& b) { return Tensors{op.forward(b.rows[0])}; },
                       [=](const Batch& b) { return value_of(composed, b.rows); }});
      continue;
    }
    // x, of which the op needs no more than y; then y and grad_y.
    add_with_copies(
        {op.name, 3 * bytes,
         [=] {
           const Tensor x = randn(shape, 1);
           return Batch{{x, op.forward(x), randn(shape, 2)}, {}};
         },
         [op](const Batch& b) { return Tensors{op.backward(b.rows[2], b.rows[1])}; },
         [=](const Batch& b) { return gradients_of(composed, {b.rows[0]}, b.rows[2]); }});
  }
});

}  // namespace
}  // namespace chainline::bench
