#include "experiments/gradients/per_sample.h"

#include <algorithm>
#include <utility>

#include "autograd/engine.h"
#include "experiments/training/loss.h"
#include "nn/parameter.h"
#include "tensor/ops/binary.h"

namespace chainline::experiments {

SampleGradients::SampleGradients(nn::Mllm& model, const Samples& samples,
                                 std::vector<std::int64_t> which,
                                 const SampleGradientOptions& options)
    : model_(model),
      samples_(samples),
      which_(std::move(which)),
      options_(options),
      parameters_(nn::variables_of(nn::trainable_parameters(model))) {
  check<ValueError>(!which_.empty(), "sample_gradients: expected at least 1 sample, got 0");
  check<ValueError>(options.micro_batch >= 1,
                    "sample_gradients: micro_batch: expected at least 1, got ",
                    options.micro_batch);
  for (const std::int64_t sample : which_) tokens_ += samples.labelled(sample);
}

std::int64_t SampleGradients::parts() const {
  return (static_cast<std::int64_t>(which_.size()) - 1) / options_.micro_batch + 1;
}

std::vector<std::vector<Tensor>> SampleGradients::part(std::int64_t number) const {
  check<ValueError>(number >= 0 && number < parts(), "sample_gradients: part: expected 0 .. ",
                    parts() - 1, ", got ", number);
  const auto count = static_cast<std::int64_t>(which_.size());
  const std::int64_t begin = number * options_.micro_batch;
  const std::int64_t size = std::min(options_.micro_batch, count - begin);
  const std::vector<std::int64_t> part(which_.begin() + begin, which_.begin() + begin + size);
  const BatchTensors tensors(samples_.batch(part, model_.config().pad_token_id), model_.device());
  // The scales of a batch of one sample are N times those of a batch of N, but for per_token's.
  LossInputs inputs = loss_inputs(model_, tensors, options_.normalization, tokens_, 1);
  if (options_.normalization == Normalization::per_token) {
    inputs.scale = ops::mul_scalar(inputs.scale, static_cast<double>(count));
  }
  const BatchLoss loss = loss_of(model_, inputs);
  GradOptions options = loss.options();
  options.unreached = Unreached::undefined;
  const Variables gradients = per_sample_gradients({loss.by_sample}, parameters_, options);
  std::vector<std::vector<Tensor>> by_sample(static_cast<std::size_t>(size));
  for (std::int64_t b = 0; b < size; ++b) {
    for (const Variable& g : gradients) {
      by_sample[static_cast<std::size_t>(b)].push_back(
          g.defined() ? g.value().select(0, b).contiguous().to(kCpu) : Tensor());
    }
  }
  return by_sample;
}

}  // namespace chainline::experiments
