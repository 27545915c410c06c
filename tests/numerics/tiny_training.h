#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "nn/checkpoint.h"
#include "nn/optimizer.h"
#include "tests/nn/tiny.h"

namespace chainline::test {

/// The training of golden.txt's line "training": 20 steps of AdamW on four samples of different
/// lengths. Everything that must not show can be chosen.
struct TinyTraining {
  static constexpr std::int64_t kSamples = 4, kSteps = 20;
  static constexpr double kLearningRate = 1e-2, kMaxNorm = 1;

  /// Padded to `width` tokens; the longest sample has 5.
  explicit TinyTraining(std::int64_t width = 5) {
    const std::vector<std::vector<std::int64_t>> texts{
        {2, 1, 5, 6, 7}, {3, 1, 4, 8}, {2, 1, 9, 10}, {5, 1, 3}};
    std::vector<std::int64_t> padded;
    for (const std::vector<std::int64_t>& text : texts) {
      lengths.push_back(static_cast<std::int64_t>(text.size()));
      padded.insert(padded.end(), text.begin(), text.end());
      padded.resize(lengths.size() * static_cast<std::size_t>(width), 0);
    }
    ids = test::from(padded, {kSamples, width});
  }

  nn::Mllm model = tiny_mllm();
  std::vector<nn::NamedParameter> parameters = nn::named_parameters(model);
  nn::AdamW adamw{parameters, {}};
  Tensor ids;
  std::vector<std::int64_t> lengths;
  Tensor images = randn({kSamples, 3, 8, 8}, 5, DType::f32);

  /// The losses of the samples [first, first + n), with `width` columns of their ids.
  Variable losses(std::int64_t first, std::int64_t n, std::int64_t width) const {
    const Tensor part = ids.narrow(0, first, n).narrow(1, 0, width).contiguous();
    std::vector<std::int64_t> labelled = part.to_vector<std::int64_t>();
    for (std::int64_t& label : labelled) {
      if (label <= 1) label = -100;  // nothing is learnt of images and padding
    }
    const Tensor labels = test::from(labelled, part.shape());
    const nn::Splice plan = nn::splice(part, labels, model.image_rows(), model.config());
    const nn::MllmOutput out = model(Variable(images.narrow(0, first, n).contiguous()), part, plan);
    return cross_entropy(out.logits, plan.labels, {});
  }

  /// The sum of the samples' gradients, in micro-batches of these sizes.
  std::vector<Tensor> gradients(const std::vector<std::int64_t>& split) const {
    GradientAccumulator sums(nn::variables_of(parameters));
    std::int64_t first = 0;
    for (const std::int64_t n : split) {
      sums.add(sum(losses(first, n, ids.shape()[1]), {0}));
      first += n;
    }
    return sums.finish();
  }

  void step(std::vector<Tensor> gradients) {
    nn::clip_by_global_norm(gradients, kMaxNorm);
    adamw.step(gradients, kLearningRate);
  }

  std::string hash() const { return nn::hash_of(parameters); }

  /// The hash after all steps.
  std::string run(const std::vector<std::int64_t>& split = {kSamples}) {
    while (adamw.steps() < kSteps) step(gradients(split));
    return hash();
  }
};

}  // namespace chainline::test
