#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/training/samples.h"
#include "experiments/training/trainer.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// How far two trainings are apart in one part of the model.
struct TwinDistance {
  double weights = 0;    ///< |w_a - w_b| / |w_0|, w_0 the common weights before the first step
  double gradients = 0;  ///< |g_a - g_b| / |g_a|, before clipping
};

/// Two trainings after the same step.
struct TwinPoint {
  std::int64_t step = 0;
  double loss_a = 0, loss_b = 0;
  bool identical = false;               ///< losses, gradients and weights are equal in bits
  std::vector<TwinDistance> distances;  ///< by group
};

struct TwinCurves {
  std::vector<std::string> groups;      ///< kAllParameters, then gradient_group()s in their order
  std::vector<std::int64_t> different;  ///< the samples whose images the two don't share
  std::vector<TwinPoint> points;

  /// Whether no step differs in a bit: the baseline that a watermark is measured against.
  bool identical() const;
};

/// Trains two models in lock step that share every random stream: the same first weights, the same
/// texts in the same order, and images that differ, in a watermark, for some samples. Because equal
/// trainings are equal in bits, every distance is caused by those images; without one it is 0 exactly.
///
///   d_w = |w_a - w_b| / |w_0|,   d_g = |g_a - g_b| / |g_a|,   by part of the model and step
///
/// A distance is 0 where nothing differs, and NaN or infinite where something does and what it is
/// divided by is 0. The models end with the weights of their trainings.
///
/// **Errors** ValueError for models with other first weights or parameters, or samples with other
/// texts; those of Trainer
/// **Bits** f64 sums of exact differences in the order of the elements and parameters; the roots are
/// correctly rounded
TwinCurves train_twins(nn::Mllm& model_a, const Samples& samples_a, nn::Mllm& model_b,
                       const Samples& samples_b, const TrainingConfig& config);

/// {"groups", "different_samples", "steps", "loss_a", "loss_b", "identical", "weights": {GROUP: [by
/// step]}, "gradients": {...}}; what is not a number is null.
Json to_json(const TwinCurves& curves);

}  // namespace chainline::experiments
