#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/statistics/statistics.h"
#include "experiments/training/samples.h"
#include "experiments/training/trainer.h"
#include "nn/mllm.h"
#include "nn/parameter.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

struct GradientOptions {
  explicit GradientOptions(std::uint64_t random_seed) : seed(random_seed) {}

  std::uint64_t seed;  // of the order in which samples fill the batches, and of the bootstrap
  std::vector<std::int64_t> batch_sizes = {1, 4, 16, 64};
  std::int64_t batches = 8;  // of every size, disjoint among each other
  std::int64_t micro_batch = 16;
  std::int64_t bootstrap = 2000;
  Normalization normalization = Normalization::per_token;
};

/// How two gradients of the same weights lie to each other.
///
///   cosine = g.h / (|g| |h|),   norm_ratio = |h| / |g|
///
/// Both are NaN where a gradient is zero everywhere.
struct Agreement {
  double cosine = 0, norm_ratio = 0;
};

/// A figure over several batches.
struct Spread {
  double mean = 0;
  Interval interval;  // 95 %, bootstrap over the batches
  std::vector<double> values;
};

/// What was found for one part of the model at one batch size.
struct GradientPoint {
  std::string group;
  std::int64_t batch_size = 0;
  Spread cosine, norm_ratio;  // of the clean batch and its watermarked version
  Spread other_batch;         // cosine of the clean batch and the next clean batch: its noise
};

/// The part of the model that a parameter belongs to: "vision embeddings", "vision layer 1", ...,
/// "projector", "embeddings", "decoder layer 1", ..., "lm_head" (with the norm before it).
///
/// **Errors** ValueError for a name that is of none of them.
std::string gradient_group(const std::string& parameter);

/// The name of all parameters together, first in every result.
inline constexpr const char* kAllParameters = "all parameters";

/// All parameters and the parts of the model, and which of the parts each parameter is in.
struct GradientGroups {
  std::vector<std::string> names = {kAllParameters};
  std::vector<std::size_t> of_parameter;

  /// **Errors** those of gradient_group.
  explicit GradientGroups(const std::vector<nn::NamedParameter>& parameters);
};

/// The f32 gradients of one batch, one per trainable parameter, as the trainer computes them.
std::vector<Tensor> batch_gradients(nn::Mllm& model, const Samples& samples,
                                    const std::vector<std::int64_t>& batch,
                                    const GradientOptions& options);

/// Compares two gradients of the same parameters.
///
/// **Bits** f64 sums of exact products in the order of the elements. A gradient and itself have
/// cosine 1 and ratio 1, exactly.
Agreement compare(const std::vector<Tensor>& g, const std::vector<Tensor>& h);

/// The same for every group, in the groups' order.
std::vector<Agreement> compare_by_group(const GradientGroups& groups, const std::vector<Tensor>& g,
                                        const std::vector<Tensor>& h);

/// Same weights, same batch, with and without watermarks: `clean` and `marked` hold the same
/// samples. Returns a point per part of the model and batch size, parts in the model's order.
///
/// **Errors** ValueError when the two differ in size, or have fewer samples than the largest batch
/// size needs, or for fewer than two batches (an interval needs them).
std::vector<GradientPoint> compare_gradients(nn::Mllm& model, const Samples& clean,
                                             const Samples& marked, const GradientOptions& options);

/// A list of objects; what is not a number is null.
Json to_json(const std::vector<GradientPoint>& points);

}  // namespace chainline::experiments
