// cross_entropy forward and backward at the benchmark model's logits, of which 12 tokens a sample
// are labelled, and with all of them labelled.

#include "autograd/ops.h"
#include "bench/harness.h"
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
    const auto logits = [] { return randn({kBatch, kTokens, kVocabulary}, 1); };
    const Tensor target = targets(l);
    const Composed composed = [target](const Variables& in) {
      return cross_entropy_composed(in[0], target, {});
    };
    add({std::string("cross_entropy/forward/") + l.name, 0, read, [=] {
           const Tensor x = logits();
           return Trial{[=] { return Tensors{ops::cross_entropy(x, target).loss}; },
                        value_of(composed, {x})};
         }});
    add({std::string("cross_entropy/backward/") + l.name, 0, read + written, [=] {
           const Tensor x = logits(), grad_loss = randn({kBatch}, 3);
           const Tensor lse = ops::cross_entropy(x, target).lse;
           return Trial{
               [=] { return Tensors{ops::cross_entropy_backward(grad_loss, x, target, lse)}; },
               gradients_of(composed, {x}, grad_loss)};
         }});
  }
});

}  // namespace
}  // namespace chainline::bench
