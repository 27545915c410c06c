#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/statistics/statistics.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// What the gradients of single samples are, with and without a change of the data (a watermark):
/// g of mean G, and g + d, d of mean D. For the batch gradients are means over samples.
struct GradientMoments {
  double g_square = 0;    // |G|^2
  double d_square = 0;    // |D|^2
  double product = 0;     // G . D
  double g_variance = 0;  // S, the trace of the covariance of g
  double d_variance = 0;  // Sd, that of d
  double covariance = 0;  // C, the trace of the covariance of g with d
};

/// The cosine of the gradients of one batch of b samples with and without the change:
///
///     (|G|^2 + G.D + (S + C)/b) / sqrt((|G|^2 + S/b) (|G + D|^2 + (S + 2C + Sd)/b))
///
/// a ratio of expectations. The mean cosine of batches differs from it by some 1/d, where d is the
/// number of directions that the noise fills, which is large.
///
/// **Errors** ValueError for b that is not positive.
double predicted_cosine(const GradientMoments& moments, double b);

/// Sums of the gradients of `samples` samples, as they were measured.
struct GradientSums {
  std::int64_t samples = 0;
  double g_of_mean = 0, g_mean = 0;              // |mean g|^2 and the mean of |g|^2
  double d_of_mean = 0, d_mean = 0;              // the same of d
  double product_of_mean = 0, product_mean = 0;  // (mean g).(mean d) and the mean of g.d
};

/// Unbiased moments: a covariance is (mean of products - product of means) n / (n - 1), and a product
/// of true means is that of the means less the covariance / n. An estimate of |D|^2 may be negative.
///
/// **Errors** ValueError for fewer than 2 samples.
GradientMoments gradient_moments(const GradientSums& sums);

/// 1/cos^2 - 1, the squared tangent of the angle between two gradients. It doesn't know the sign of
/// the cosine. 0 for a cosine that rounding put beyond 1.
///
/// **Errors** ValueError for NaN or 0.
double squared_tangent(double cosine);

/// y(b) = plateau + decay (1 + offset) / (b + offset): what stays at any batch size b, and what
/// averages away; decay is its part at b = 1.
struct PlateauFit {
  double plateau = 0, decay = 0, offset = 0;  // none is negative
  double residual = 0;                        // weighted sum of squares
  bool rises = false;                         // y grows with b: decay was held at 0

  double at(double b) const;
  double ratio() const;  // plateau / y(1); NaN where y(1) is 0
};

/// Weighted least squares of the squared tangent over batch sizes. If the change has no systematic
/// part, D = 0, theory has no plateau: y(b) = Sd / (b |G|^2 + S). With D across G it is, exactly,
///
///     plateau = |D|^2 / |G|^2,   offset = S / |G|^2,   decay (1 + offset) = Sd / |G|^2 - plateau offset
///
/// where the last is negative, the cosine falls as b grows.
///
/// For a given offset the best plateau >= 0 and decay >= 0 are in closed form; the offset is found
/// on a logarithmic grid and by golden section between the neighbours of its best point. Offsets go
/// up to the largest batch size: a part that has not even halved there cannot be told from one that
/// stays, and counts as plateau.
///
/// **Errors** ShapeError for lists of unequal length; ValueError for fewer than 3 different batch
/// sizes, sizes or weights that are not positive, or values that are not finite and 0 or more.
PlateauFit fit_plateau(std::span<const double> batch_sizes, std::span<const double> y,
                       std::span<const double> weights);

/// The same with the plateau held at 0.
PlateauFit fit_without_plateau(std::span<const double> batch_sizes, std::span<const double> y,
                               std::span<const double> weights);

struct PlateauStudy {
  PlateauFit fit, without_plateau;
  Interval plateau, decay, ratio;  // of `fit`, bootstrap over batches; NaN ratios do not count
};

/// Fits the means of values[size][batch], the squared tangents of single batches. A mean has the
/// weight (its batches) / (its square): of batches that spread in proportion to their mean. Means
/// below a thousandth of the largest have the weight of that. The bootstrap draws batches with
/// replacement within each size and keeps the weights.
///
/// Where all values are 0, so are both parts, and the interval of the ratio is NaN.
///
/// **Errors** as fit_plateau; ValueError for a size without batches, fewer than 2 replicates or a
/// confidence outside of (0, 1).
PlateauStudy study_plateau(std::span<const double> batch_sizes,
                           const std::vector<std::vector<double>>& values, std::int64_t replicates,
                           const Generator& generator, double confidence = 0.95);

}  // namespace chainline::experiments
