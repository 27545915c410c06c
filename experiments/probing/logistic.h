#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensor/math.h"

namespace chainline::experiments {

/// Items side by side: values[i * columns + j] is feature j of item i. A view; it owns nothing.
struct Features {
  std::span<const float> values;
  std::int64_t rows = 0, columns = 0;

  const float* row(std::int64_t i) const { return values.data() + i * columns; }
};

/// log(1 + e^-margin), without overflow: the loss in nats of a decision that speaks for the true
/// label by `margin`.
inline double log_loss(double margin) {
  return std::max(0.0, -margin) + math::log(1.0 + math::exp(-std::abs(margin)));
}

struct LogisticOptions {
  double c = 1;              // weight of the loss against the penalty
  bool standardize = false;  // by the mean and the standard deviation (1/n) of the training items
  double tolerance = 1e-8;   // of the gradient, relative to that at zero
  int max_steps = 100;       // of Newton's method
};

/// What a fit found, and how far it may be from the minimum.
struct LogisticFit {
  std::vector<double> weights;  // of the features as they were given
  double intercept = 0;

  bool converged = false;       // gradient <= tolerance * initial_gradient
  double objective = 0;         // f at the solution
  double initial_gradient = 0;  // largest component at w = 0, b = 0
  double gradient = 0;          // largest component at the solution
  /// f less the dual objective at a feasible point: f is at most this above its minimum. Since f
  /// is strongly convex, |w - w*|^2 <= 2 duality_gap (up to rounding, about 1e-15 of f).
  double duality_gap = 0;
  int steps = 0;     // of Newton's method
  int products = 0;  // of the Hessian with a vector

  double decision(const float* features) const;
};

/// Logistic regression with an L2 penalty, as scikit-learn's LogisticRegression defines it:
///
///     f(w, b) = |w|^2 / 2 + c sum_i log(1 + exp(-s_i (w . x_i + b))),   s_i = 2 y_i - 1
///
/// The intercept b is not penalized, so centring the features changes neither w nor f. When they
/// are standardized, x and the penalized w are those of the standardized features.
///
/// Newton's method with conjugate gradients, preconditioned by the Cholesky factor of
/// I + c/4 X^T X >= H, which does not depend on the labels: one object serves every relabelling of
/// its items. With more features than items the factor is that of (4/c) I + X X^T (Woodbury).
///
/// **Units** all arithmetic in f64.
/// **Bits** exact: the order of every sum is fixed, and the same with every instruction set (isa()).
class LogisticRegression {
 public:
  /// Takes the given rows of the features.
  ///
  /// **Errors** ShapeError when the values do not make rows x columns; ValueError for rows outside
  /// of them, no rows, values that are not finite, or options without sense.
  LogisticRegression(const Features& features, std::span<const std::int64_t> rows,
                     const LogisticOptions& options = {});

  /// The same for another c. Both share the items and the products of their rows, which cost more
  /// than the factor.
  ///
  /// **Errors** ValueError unless c is positive.
  LogisticRegression with_c(double c) const;

  double c() const { return options_.c; }
  std::int64_t items() const { return n_; }

  /// Fits labels 0 and 1, one per given row, in that order. May be called from several threads.
  ///
  /// **Errors** ShapeError for another number of labels; ValueError for other labels or one class
  /// alone.
  LogisticFit fit(std::span<const int> labels) const;

 private:
  struct Items;
  struct Point;
  struct Avx2;
  static void prepare(Items& items, bool standardize);
  void set_c(double c);
  void factorize();
  LogisticFit minimum(std::span<const int> labels) const;
  void evaluate(Point& point, std::span<const int> labels) const;
  void newton_direction(const Point& at, double accuracy, std::vector<double>& direction,
                        int& products) const;
  void precondition(const std::vector<double>& from, std::vector<double>& to) const;
  double duality_gap(const Point& point, std::span<const int> labels) const;
  template <class F>
  void pass(const double* v, double* sum, const F& f) const;

  LogisticOptions options_;
  std::int64_t n_ = 0, d_ = 0;
  std::shared_ptr<const Items> items_;
  std::vector<double> factor_;  // lower Cholesky factor, min(n, d) squared
};

}  // namespace chainline::experiments
