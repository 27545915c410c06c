#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "experiments/gradients/comparison.h"
#include "experiments/training/privacy.h"
#include "nn/checkpoint.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {

/// 24 samples of the tiny data: users 0 to 4 have four each in turn, the last four are nobody's.
inline std::vector<std::int64_t> five_users() {
  std::vector<std::int64_t> units;
  for (std::int64_t s = 0; s < 24; ++s) units.push_back(s < 20 ? s % 5 : Samples::kOwnUnit);
  return units;
}

struct PrivateWorld {
  Dataset data = tiny_data();
  LoadedModel model = tiny_model(data);
  Samples samples = tiny_samples(data, model);
  TrainingConfig config = tiny_training();

  PrivateWorld() {
    samples.set_units(five_users());
    config.normalization = Normalization::per_sample;
    config.batch = 4;
    config.dp_clip = 0.5;
    config.dp_noise = 0.8;
  }
  PrivateUnits units() const {
    return PrivateUnits(samples, config.dp_unit, config.batch, config.seed);
  }
  /// The gradient of the summed loss of some samples.
  std::vector<Tensor> gradient_of(const std::vector<std::int64_t>& batch) {
    GradientOptions options(1);
    options.normalization = Normalization::sum;
    return batch_gradients(model.model, samples, batch, options);
  }
  std::vector<nn::NamedParameter> parameters() { return nn::trainable_parameters(model.model); }
  std::string weights() { return nn::hash_of(nn::named_parameters(model.model)); }
};

/// The length of all tensors together, in f64 as one chain. Against another order of the sum it is off
/// by kLengthError of it at most: half of 2 n 2^-53 for n squares, n below 2^14 here.
inline constexpr double kLengthError = 0x1p-39;
inline double length_of(const std::vector<Tensor>& tensors) {
  double squares = 0;
  for (const Tensor& t : tensors) {
    for (const float x : t.to_vector<float>()) squares += double{x} * x;
  }
  return std::sqrt(squares);
}

}  // namespace chainline::experiments
