#pragma once

#include <vector>

#include "autograd/engine.h"
#include "experiments/training/samples.h"
#include "nn/mllm.h"
#include "tensor/ops/cross_entropy.h"

namespace chainline::experiments {

/// What the loss of some samples is computed from, beside the model.
struct LossInputs {
  Tensor images, ids;     ///< as BatchTensors
  Tensor index, targets;  ///< of the splice: where rows come from, and what they predict
  Tensor scale;           ///< (B): the factor of each sample's loss

  /// The five, in this order.
  std::vector<Tensor*> tensors() { return {&images, &ids, &index, &targets, &scale}; }
};

/// The inputs of samples that are part of a batch with `batch_tokens` labelled tokens and
/// `batch_samples` samples, where the samples are.
LossInputs loss_inputs(const nn::Mllm& model, const BatchTensors& samples,
                       Normalization normalization, std::int64_t batch_tokens,
                       std::int64_t batch_samples);

/// sum_b scale_b loss_b, where loss_b is the summed cross-entropy of sample b's answer tokens. The
/// sum is left to the gradient: those of by_sample are the scales.
struct BatchLoss {
  Variable by_sample;  ///< (B): loss_b, with its history
  Tensor scaled;       ///< (B): scale_b loss_b
  Tensor scale;        ///< (B)

  /// What the engine is to be asked with by_sample for.
  GradOptions options() const;
};
BatchLoss loss_of(const nn::Mllm& model, const LossInputs& inputs);

}  // namespace chainline::experiments
