#pragma once

#include <cstdint>
#include <vector>

#include "autograd/variable.h"
#include "experiments/training/samples.h"
#include "nn/mllm.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

struct SampleGradientOptions {
  std::int64_t micro_batch = 4;  ///< gradients that are held at a time; changes no bit
  Normalization normalization = Normalization::per_token;
};

/// The gradients of some samples, each by itself:
///
///   g_b = N scale_b d loss_b / d parameters
///
/// with N samples, loss_b the summed cross-entropy of sample b's answer tokens and scale_b its factor
/// in a batch of all of them (cross_entropy_scale). Their mean is so the gradient of that batch,
/// except for Normalization::sum, where N scale_b = 1 and the mean is its N-th part.
///
/// **Bits** exact: of neither threads nor micro-batches.
class SampleGradients {
 public:
  /// Keeps references to the model and the samples.
  ///
  /// **Errors** ValueError for a micro_batch below 1 or no samples.
  SampleGradients(nn::Mllm& model, const Samples& samples, std::vector<std::int64_t> which,
                  const SampleGradientOptions& options);

  /// How many micro-batches there are.
  std::int64_t parts() const;

  /// The gradients of a micro-batch's samples in the order of `which`: for each one f32 tensor on the
  /// CPU per trainable parameter, undefined where the sample doesn't reach it.
  ///
  /// **Errors** those of Samples::batch.
  std::vector<std::vector<Tensor>> part(std::int64_t number) const;

 private:
  nn::Mllm& model_;
  const Samples& samples_;
  std::vector<std::int64_t> which_;
  SampleGradientOptions options_;
  Variables parameters_;
  std::int64_t tokens_ = 0;  // labelled ones of all samples
};

}  // namespace chainline::experiments
