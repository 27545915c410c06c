#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/gradients/comparison.h"
#include "experiments/gradients/per_sample.h"
#include "experiments/training/samples.h"
#include "nn/mllm.h"
#include "nn/parameter.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// What two versions of the same samples do to the gradients of one part of the model, from samples
/// that stand for all others of their kind. With g_b the gradient of sample b's clean version, d_b
/// what its marked version adds, and means and covariances over samples:
///
///   gradient     |G|^2, G = E g          trace          S  = tr cov(g)
///   change       |D|^2, D = E d          change_trace   Sd = tr cov(d)
///   along        G.D                     cross_trace    X  = tr cov(g, d)
///
/// All six are unbiased: with m the sample mean of N, S = sum_b |g_b - m|^2 / (N - 1) and
/// |G|^2 = |m|^2 - S / N, since |m|^2 holds the N-th part of the noise; so a squared length may come
/// out below 0, where there is nothing but noise.
struct GradientMoments {
  std::string group;
  std::int64_t samples = 0;
  double gradient = 0, trace = 0;
  double change = 0, change_trace = 0;
  double along = 0, cross_trace = 0;
  std::vector<double> clean_norms, marked_norms;  ///< |g_b| and |g_b + d_b| of each sample

  /// B = S / |G|^2, the batch size at which a batch's gradient is half noise (McCandlish et al.: An
  /// Empirical Model of Large-Batch Training, 2018); NaN where |G|^2 isn't above 0.
  double noise_scale() const;
};

/// The cosine that batches of `size` samples in two versions are expected to have, infinity included:
///
///   (|G|^2 + G.D + (S + X)/b) / sqrt((|G|^2 + S/b) (|G|^2 + 2 G.D + |D|^2 + (S + 2 X + Sd)/b))
///
/// the quotient of expectations, which leaves out terms of the order of the spread of each. NaN
/// where a squared length isn't above 0.
double predicted_cosine(const GradientMoments& moments, double size);

/// |G|^2 and S from the mean squared lengths of the gradients of batches of two sizes s < l:
///
///   |G|^2 = (l |G_l|^2 - s |G_s|^2) / (l - s),   S = (|G_s|^2 - |G_l|^2) / (1/s - 1/l)
///
/// With s = 1 and l = N on the same samples they are those of GradientMoments.
///
/// **Errors** ValueError unless 1 <= small < large.
struct TwoSizes {
  double gradient = 0, trace = 0;
};
TwoSizes gradient_of_two_sizes(std::int64_t small, double small_squared, std::int64_t large,
                               double large_squared);

/// Gathers the moments of all parameters and of each part of the model, sample by sample. Holds two
/// means in f64, whatever the number of samples.
///
/// **Bits** exact: f64, in one pass by updates of means and of sums of products of deviations
/// (Welford: Note on a Method for Calculating Corrected Sums of Squares and Products, 1962), of which
/// equal samples leave exactly 0; in blocks of 4096 elements, each one chain, then over blocks and
/// parameters in order.
class GradientMomentSums {
 public:
  /// **Errors** ValueError for a parameter that belongs to no known part of the model.
  explicit GradientMomentSums(const std::vector<nn::NamedParameter>& parameters);

  /// Both versions of one sample: a tensor per parameter, undefined where a sample doesn't reach it,
  /// which counts as zeros.
  ///
  /// **Errors** ShapeError; DTypeError unless f32 on the CPU.
  void add(const std::vector<Tensor>& clean, const std::vector<Tensor>& marked);

  /// First all parameters, then the parts in the model's order.
  ///
  /// **Errors** ValueError for fewer than two samples, which have no covariance.
  std::vector<GradientMoments> moments() const;

 private:
  /// Sums over elements: of squared deviations and their products, and of squares.
  struct Sums {
    double trace = 0, change_trace = 0, cross_trace = 0;
    double clean = 0, marked = 0;
    Sums& operator+=(const Sums& o);
  };
  Sums add_parameter(std::size_t p, const Tensor& clean, const Tensor& marked);

  GradientGroups groups_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<double>> mean_, change_;  // by parameter
  std::vector<GradientMoments> sums_;               // by group; traces not divided yet
  std::int64_t samples_ = 0;
};

/// The moments of some samples: `clean` and `marked` hold the same samples in two versions.
///
/// **Errors** ValueError when the two differ in size or for fewer than two samples.
std::vector<GradientMoments> gradient_moments(nn::Mllm& model, const Samples& clean,
                                              const Samples& marked,
                                              const std::vector<std::int64_t>& which,
                                              const SampleGradientOptions& options);

/// A list of objects with all of it and noise_scale; what is not a number is null.
Json to_json(const std::vector<GradientMoments>& moments);

}  // namespace chainline::experiments
