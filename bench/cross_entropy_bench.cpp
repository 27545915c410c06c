// cross_entropy forward and backward at the benchmark model's logits, of which 12 tokens a sample
// are labelled, and with all of them labelled.

#include "autograd/ops.h"
#include "bench/copies.h"
#include "bench/model_shapes.h"
#include "tensor/ops/cross_entropy.h"

namespace chainline::bench {
namespace {

using namespace model;

struct Labels {
  const char* name;
  std::int64_t labelled;  // tokens at the end of each sample
};
constexpr Labels kLabels[] = {{"logits_12_of_88", 12}, {"logits_all", kTokens}};

Tensor targets(const Labels& l) {
  std::vector<std::int64_t> target =
      randint({kBatch, kTokens}, kVocabulary, 2).to_vector<std::int64_t>();
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (static_cast<std::int64_t>(i) % kTokens < kTokens - l.labelled) target[i] = -100;
  }
  return Tensor::from(target, {kBatch, kTokens});
}

const Suite cross_entropy_suite([] {
  for (const Labels& l : kLabels) {
    // Only the rows of labelled tokens must be read; all of dlogits must be written.
    const double read = 4.0 * static_cast<double>(kBatch * l.labelled * kVocabulary);
    const double written = 4.0 * static_cast<double>(kTextRows * kVocabulary);
    const Tensor target = targets(l);
    const Composed composed = [target](const Variables& in) {
      return cross_entropy_composed(in[0], target, {});
    };
    // The batch is logits and targets, then lse and grad_loss for the backward.
    const auto inputs = [=] {
      const Tensor x = randn({kBatch, kTokens, kVocabulary}, 1);
      return Batch{{x, target, ops::cross_entropy(x, target).lse, randn({kBatch}, 3)}, {}};
    };
    add_with_copies(
        {std::string("cross_entropy/forward/") + l.name, read, inputs,
         [](const Batch& b) { return Tensors{ops::cross_entropy(b.rows[0], b.rows[1]).loss}; },
         [=](const Batch& b) { return value_of(composed, {b.rows[0]}); }});
    add_with_copies(
        {std::string("cross_entropy/backward/") + l.name, read + written, inputs,
         [](const Batch& b) {
           return Tensors{ops::cross_entropy_backward(b.rows[3], b.rows[0], b.rows[1], b.rows[2])};
         },
         [=](const Batch& b) { return gradients_of(composed, {b.rows[0]}, b.rows[3]); }});
    // As a training step does it: the loss and dlogits in one pass.
    add_with_copies(
        {std::string("cross_entropy/with_gradient/") + l.name, read + written, inputs,
         [](const Batch& b) {
           return Tensors{
               ops::cross_entropy_with_gradient(b.rows[0], b.rows[1], b.rows[3]).dlogits};
         },
         [=](const Batch& b) { return gradients_of(composed, {b.rows[0]}, b.rows[3]); }});
  }
});

}  // namespace
}  // namespace chainline::bench
