#pragma once

#include <cstdint>
#include <vector>

#include "experiments/gradients/per_sample.h"
#include "experiments/training/samples.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// K[a, b] = g_a . g_b of the gradients of SampleGradients, (N, N) row-major. Holds all of them.
///
/// **Errors** those of SampleGradients; ValueError when the gradients exceed 4 GiB.
/// **Bits** exact: f64 sums of exact products in the order of the elements, then over parameters.
std::vector<double> gradient_gram(nn::Mllm& model, const Samples& samples,
                                  const std::vector<std::int64_t>& which,
                                  const SampleGradientOptions& options);

/// How much of a sample's gradient is its own, 0 for one that the others could do without and 1 for
/// one that is at right angles to them all (with a small ridge):
///
///   leverage_i   = [K (K + ridge I)^-1]_ii
///   uniqueness_i = leverage_i / (1 - leverage_i)
struct GradientLeverage {
  double leverage = 0, uniqueness = 0;
};

/// The leverages of the samples of a Gram matrix (N, N).
///
/// **Errors** ShapeError unless it has N^2 entries; ValueError for a ridge that isn't above 0, or so
/// small beside the matrix that K + ridge I has no Cholesky factor in f64.
/// **Bits** f64 with IEEE's operations alone: 1 - leverage_i = ridge |L^-1 e_i|^2, L the Cholesky
/// factor of K + ridge I, so that no digits are lost where a leverage is near 1.
std::vector<GradientLeverage> gradient_leverages(const std::vector<double>& gram, std::int64_t n,
                                                 double ridge);

}  // namespace chainline::experiments
