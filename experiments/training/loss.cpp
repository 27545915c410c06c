#include "experiments/training/loss.h"

#include "autograd/ops.h"
#include "tensor/ops/binary.h"

namespace chainline::experiments {

LossInputs loss_inputs(const nn::Mllm& model, const BatchTensors& samples,
                       Normalization normalization, std::int64_t batch_tokens,
                       std::int64_t batch_samples) {
  const nn::Splice plan =
      nn::splice(samples.ids, samples.labels, model.image_rows(), model.config(), samples.patches);
  return {samples.images, samples.ids, plan.index, plan.labels,
          ops::cross_entropy_scale(normalization, samples.labelled, batch_tokens, batch_samples,
                                   DType::f32)};
}

BatchLoss loss_of(const nn::Mllm& model, const LossInputs& inputs) {
  const nn::MllmOutput out =
      model(Variable(inputs.images), inputs.ids, {inputs.index, inputs.targets, {}});
  ops::CrossEntropyOptions options;
  options.ignore_index = model.config().ignore_index;
  const Variable by_sample = cross_entropy(out.logits, inputs.targets, options, inputs.scale);
  return {by_sample, ops::mul(by_sample.value(), inputs.scale), inputs.scale};
}

GradOptions BatchLoss::options() const {
  GradOptions options;
  options.grad_outputs = {Variable(scale)};
  options.release = true;
  return options;
}

}  // namespace chainline::experiments
