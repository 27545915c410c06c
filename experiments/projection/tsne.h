#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace chainline::experiments {

/// scikit-learn's and the paper's defaults.
struct TsneOptions {
  double perplexity = 30;         // effective number of neighbours, 1 .. n - 1
  std::int64_t components = 100;  // of the PCA that comes first
  double exaggeration = 12;       // factor of p in the first stage
  int exaggerated_steps = 250;    // momentum 0.5
  int steps = 1000;               // of both stages; momentum 0.8 in the second
  double learning_rate = 0;       // 0: max(n / exaggeration / 4, 50)
};

struct Tsne {
  Tensor points;                // (n, 2) f64
  double kl_divergence = 0;     // sum p log(p / q), nats
  double gradient_norm = 0;     // of the divergence at the points
  std::int64_t components = 0;  // of the PCA that were there
};

/// t-SNE (van der Maaten and Hinton, 2008) in the plane, exact: every pair in every step.
///
///     p_j|i ~ exp(-b_i |x_i - x_j|^2),  b_i such that 2^entropy = perplexity
///     p_ij = (p_j|i + p_i|j) / 2n,   q_ij ~ 1 / (1 + |y_i - y_j|^2)
///     minimize KL(p | q) = sum_ij p_ij log(p_ij / q_ij)
///
/// x are the points' principal components. The start is the first two, scaled so that the first
/// has a standard deviation of 1e-4: nothing is random. Gradient descent with momentum and gains
/// (0.2 more while the step keeps its direction, else 0.8 times, at least 0.01), both anew for the
/// second stage. All steps are made; there is no early end.
///
/// **Errors** as principal_components(), of at least 3 points that fill 2 dimensions; ValueError
/// for options without sense.
/// **Bits** exact: per point the sums over the others in 4 lanes that fold by halves, then over the
/// points in order, whatever the number of threads and the instruction set (isa()).
/// **Source** https://www.jmlr.org/papers/v9/vandermaaten08a.html
Tsne tsne(const Tensor& points, const TsneOptions& options = {});

}  // namespace chainline::experiments
