#include "tensor/ops/cross_entropy.h"

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/compare.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/where.h"

namespace chainline {
namespace {

/// The targets as constants of the calculus: which tokens are labelled, 1 or 0, shape (..., 1), and
/// the distribution that each is compared with, (..., V): 1 - e on the target, e / V everywhere.
struct Labels {
  Variable labelled, wanted;
};

Labels labels_of(const Tensor& targets, const Variable& logits,
                 const ops::CrossEntropyOptions& options) {
  const auto V = static_cast<double>(logits.shape()[-1]), e = options.label_smoothing;
  const Tensor column = targets.unsqueeze(-1).contiguous();
  const Device device = logits.value().device();
  const Tensor ignore =
      Tensor::full({}, static_cast<double>(options.ignore_index), DType::i64, device);
  const Tensor labelled = ops::not_equal(column, ignore.broadcast_to(column.shape()));
  // An ignored token picks class 0; its mask takes it out again.
  const Tensor zero = Tensor::full({}, 0, DType::i64, device).broadcast_to(column.shape());
  const Tensor index = ops::where(labelled, column, zero);
  const Tensor uniform = Tensor::full(logits.shape(), e / V, logits.dtype(), device);
  const Tensor peak = Tensor::full(index.shape(), 1 - e, logits.dtype(), device);
  return {Variable(labelled.to(logits.dtype())),
          Variable(ops::scatter_add(uniform, -1, index, peak))};
}

/// The per-sample gradient (B) spread over the tokens and classes of the logits.
Variable spread(const Variable& grad_loss, const Variable& logits) {
  Shape shape = grad_loss.shape();
  while (shape.rank() < logits.shape().rank()) shape = shape.inserted(-1, 1);
  return reshape(grad_loss, shape);
}

Variables backward_composed(const Variables& inputs, const Node& attributes);

struct CrossEntropyBackwardRule final : Node {
  ops::CrossEntropyOptions options;
  Tensor targets;
  std::string_view name() const override { return "cross_entropy_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [grad_loss, logits] = saved<2>();
    return vjp(backward_composed, {grad_loss, logits}, *this, grad_outputs);
  }
};

// dlogits = grad_loss * labelled * (softmax(logits) - wanted)
Variables backward_composed(const Variables& inputs, const Node& attributes) {
  const auto& rule = static_cast<const CrossEntropyBackwardRule&>(attributes);
  const Variable &grad_loss = inputs[0], &logits = inputs[1];
  const Labels labels = labels_of(rule.targets, logits, rule.options);
  return {spread(grad_loss, logits) * labels.labelled * (softmax_composed(logits) - labels.wanted)};
}

struct CrossEntropyRule final : Node {
  ops::CrossEntropyOptions options;
  Tensor targets;
  std::string_view name() const override { return "cross_entropy"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const Variables s = saved_list();  // two; or four with a grad_loss foreseen and its dlogits
    const Variable &grad_loss = grad_outputs[0], &logits = s[0], &lse = s[1];
    const bool foreseen = s.size() == 4 && same_bits(grad_loss.value(), s[2].value());
    const Tensor dlogits = foreseen ? s[3].value()
                                    : ops::cross_entropy_backward(grad_loss.value(), logits.value(),
                                                                  targets, lse.value(), options);
    const auto fill = [&](CrossEntropyBackwardRule& rule) {
      rule.options = options;
      rule.targets = targets;
      rule.save("grad_loss", grad_loss);
      rule.save("logits", logits);
    };
    return record<CrossEntropyBackwardRule>({grad_loss, logits}, {dlogits}, fill);
  }
};

}  // namespace

Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const ops::CrossEntropyOptions& options) {
  const ops::CrossEntropyResult out = ops::cross_entropy(logits.value(), targets, options);
  const auto fill = [&](CrossEntropyRule& rule) {
    rule.options = options;
    rule.targets = targets;
    rule.save("logits", logits);
    rule.save("lse", out.lse);
  };
  return record<CrossEntropyRule>({logits}, {out.loss}, fill)[0];
}

Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const ops::CrossEntropyOptions& options, const Tensor& grad_loss) {
  if (!logits.requires_grad() || !recording()) return cross_entropy(logits, targets, options);
  const ops::CrossEntropyWithGradient out =
      ops::cross_entropy_with_gradient(logits.value(), targets, grad_loss, options);
  const auto fill = [&](CrossEntropyRule& rule) {
    rule.options = options;
    rule.targets = targets;
    rule.save("logits", logits);
    rule.save("lse", out.result.lse);
    rule.save("grad_loss", grad_loss);
    rule.save("dlogits", out.dlogits);
  };
  return record<CrossEntropyRule>({logits}, {out.result.loss}, fill)[0];
}

Variable cross_entropy_composed(const Variable& logits, const Tensor& targets,
                                const ops::CrossEntropyOptions& options) {
  const Labels labels = labels_of(targets, logits, options);
  const Variable token =
      neg(sum(labels.labelled * labels.wanted * log_softmax_composed(logits), {-1}));
  return token.shape().rank() == 1 ? token : sum(token, {1});
}

}  // namespace chainline
