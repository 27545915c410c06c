#include "experiments/probing/logistic.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tensor/isa.h"
#include "tensor/math.h"

namespace chainline::experiments {
namespace {

/// The scalar product in 16 lanes (lane l takes the elements l, l + 16, ...) that fold by halves: a
/// fixed order that vectorizes.
double dot(const double* a, const double* b, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  double lane[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) lane[l] = std::fma(a[i + l], b[i + l], lane[l]);
  for (std::int64_t l = 0; i + l < n; ++l) lane[l] = std::fma(a[i + l], b[i + l], lane[l]);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return dot(a.data(), b.data(), static_cast<std::int64_t>(a.size()));
}

/// y += factor * x.
void add_scaled(double factor, const double* x, double* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = std::fma(factor, x[i], y[i]);
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

/// The lower triangle of A A^T, for A (m, k) row-major.
std::vector<double> gram_matrix(const std::vector<double>& a, std::int64_t m, std::int64_t k) {
  std::vector<double> gram(static_cast<std::size_t>(m * m), 0.0);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j <= i; ++j)
      gram[static_cast<std::size_t>(i * m + j)] =
          dot(&a[static_cast<std::size_t>(i * k)], &a[static_cast<std::size_t>(j * k)], k);
  return gram;
}

/// The lower Cholesky factor of diagonal I + scale G, for the lower triangle of G (m, m).
std::vector<double> cholesky(const std::vector<double>& gram, std::int64_t m, double diagonal,
                             double scale) {
  std::vector<double> l(static_cast<std::size_t>(m * m), 0.0);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      const double entry =
          (i == j ? diagonal : 0.0) + scale * gram[static_cast<std::size_t>(i * m + j)];
      const double* row_i = &l[static_cast<std::size_t>(i * m)];
      const double* row_j = &l[static_cast<std::size_t>(j * m)];
      const double rest = entry - dot(row_i, row_j, j);
      l[static_cast<std::size_t>(i * m + j)] = i == j ? std::sqrt(rest) : rest / row_j[j];
    }
  }
  return l;
}

/// Solves L L^T x = b in place.
void solve(const std::vector<double>& l, std::int64_t m, double* b) {
  for (std::int64_t i = 0; i < m; ++i) {
    const double* row = &l[static_cast<std::size_t>(i * m)];
    b[i] = (b[i] - dot(row, b, i)) / row[i];
  }
  for (std::int64_t i = m - 1; i >= 0; --i) {
    const double* row = &l[static_cast<std::size_t>(i * m)];
    b[i] /= row[i];
    add_scaled(-b[i], row, b, i);
  }
}

/// a log(a / c), 0 at a = 0.
double entropy_term(double a, double c) { return a > 0 ? a * math::log(a / c) : 0.0; }

double decision_of(const LogisticFit& fit, const float* features) {
  double sum = fit.intercept;
  for (std::size_t j = 0; j < fit.weights.size(); ++j)
    sum = std::fma(fit.weights[j], static_cast<double>(features[j]), sum);
  return sum;
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma"), gnu::flatten]] double decision_avx2(const LogisticFit& fit,
                                                               const float* features) {
  return decision_of(fit, features);
}
#endif

}  // namespace

/// What does not depend on c.
struct LogisticRegression::Items {
  std::int64_t n = 0, d = 0;
  std::vector<double> x;  // (n, d), centred, divided by scale
  std::vector<double> mean, scale;
  std::vector<double> gram;  // of the features or the items, whichever are fewer
};

#if defined(__x86_64__)
// Nearly all time goes into sums of fma over rows, and where the instruction is not allowed an fma
// is a call of the C library. So the functions that hold the loops are compiled once more, with all
// that they call, for processors with AVX2 and FMA; fma gives the same bits either way. They are
// declared inline since another file's function might stand in for one that is not, and then the
// compiler calls it rather than take it in (-fPIC).
struct LogisticRegression::Avx2 {
  [[gnu::target("avx2,fma"), gnu::flatten]] static void prepare(Items& items, bool standardize) {
    LogisticRegression::prepare(items, standardize);
  }
  [[gnu::target("avx2,fma"), gnu::flatten]] static void factorize(LogisticRegression& r) {
    r.factorize();
  }
  [[gnu::target("avx2,fma"), gnu::flatten]] static LogisticFit minimum(
      const LogisticRegression& r, std::span<const int> labels) {
    return r.minimum(labels);
  }
};
#endif

/// A place (w, b), the intercept last, and what f looks like there.
struct LogisticRegression::Point {
  std::vector<double> at;         // (d + 1)
  std::vector<double> gradient;   // (d + 1)
  std::vector<double> residual;   // (n) p - y
  std::vector<double> curvature;  // (n) c p (1 - p)
  double objective = 0;
};

double LogisticFit::decision(const float* features) const {
#if defined(__x86_64__)
  if (isa() >= Isa::avx2) return decision_avx2(*this, features);
#endif
  return decision_of(*this, features);
}

LogisticRegression::LogisticRegression(const Features& features, std::span<const std::int64_t> rows,
                                       const LogisticOptions& options)
    : options_(options), n_(static_cast<std::int64_t>(rows.size())), d_(features.columns) {
  check<ShapeError>(
      features.rows >= 0 && features.columns >= 0 &&
          features.values.size() == static_cast<std::size_t>(features.rows * features.columns),
      "logistic: features: expected ", features.rows, " x ", features.columns, " values, got ",
      features.values.size());
  check<ValueError>(n_ > 0, "logistic: rows: expected at least one, got none");
  const auto items = std::make_shared<Items>();
  items->n = n_;
  items->d = d_;
  items->x.reserve(static_cast<std::size_t>(n_ * d_));
  for (const std::int64_t row : rows) {
    check<ValueError>(row >= 0 && row < features.rows, "logistic: rows: expected 0 .. ",
                      features.rows - 1, ", got ", row);
    for (std::int64_t j = 0; j < d_; ++j) {
      const float value = features.row(row)[j];
      check<ValueError>(std::isfinite(value), "logistic: features: item ", row, ", feature ", j,
                        ": expected a finite number, got ", value);
      items->x.push_back(static_cast<double>(value));
    }
  }
#if defined(__x86_64__)
  if (isa() >= Isa::avx2)
    Avx2::prepare(*items, options.standardize);
  else
#endif
    prepare(*items, options.standardize);
  items_ = items;
  set_c(options.c);
}

LogisticRegression LogisticRegression::with_c(double c) const {
  LogisticRegression other = *this;
  other.set_c(c);
  return other;
}

void LogisticRegression::set_c(double c) {
  check<ValueError>(c > 0 && c < std::numeric_limits<double>::infinity(),
                    "logistic: c: expected a positive number, got ", c);
  check<ValueError>(options_.tolerance > 0 && options_.max_steps > 0,
                    "logistic: tolerance, max_steps: expected positive numbers, got ",
                    options_.tolerance, ", ", options_.max_steps);
  options_.c = c;
#if defined(__x86_64__)
  if (isa() >= Isa::avx2) {
    Avx2::factorize(*this);
    return;
  }
#endif
  factorize();
}

/// Centres and scales the rows, and multiplies them with each other.
inline void LogisticRegression::prepare(Items& items, bool standardize) {
  const auto d = static_cast<std::size_t>(items.d);
  const auto n = static_cast<double>(items.n);
  items.mean.assign(d, 0.0);
  items.scale.assign(d, 1.0);
  const auto row_of = [&](std::int64_t i) { return &items.x[static_cast<std::size_t>(i) * d]; };
  if (items.d == 0) return;
  for (std::int64_t i = 0; i < items.n; ++i)
    add_scaled(1 / n, row_of(i), items.mean.data(), items.d);
  for (std::int64_t i = 0; i < items.n; ++i) add_scaled(-1, items.mean.data(), row_of(i), items.d);
  if (standardize) {
    std::vector<double> variance(d, 0.0);
    for (std::int64_t i = 0; i < items.n; ++i)
      for (std::size_t j = 0; j < d; ++j)
        variance[j] = std::fma(row_of(i)[j], row_of(i)[j] / n, variance[j]);
    for (std::size_t j = 0; j < d; ++j) {
      // What rounding of the mean can leave of a constant feature is no variance to divide by.
      const double rounding = n * std::numeric_limits<double>::epsilon() * std::abs(items.mean[j]);
      if (variance[j] > rounding * rounding) items.scale[j] = std::sqrt(variance[j]);
    }
    for (std::int64_t i = 0; i < items.n; ++i)
      for (std::size_t j = 0; j < d; ++j) row_of(i)[j] /= items.scale[j];
  }
  if (items.d <= items.n) {
    std::vector<double> transposed(items.x.size());
    for (std::int64_t i = 0; i < items.n; ++i)
      for (std::int64_t j = 0; j < items.d; ++j)
        transposed[static_cast<std::size_t>(j * items.n + i)] = row_of(i)[j];
    items.gram = gram_matrix(transposed, items.d, items.n);
  } else {
    items.gram = gram_matrix(items.x, items.n, items.d);
  }
}

/// Takes the preconditioner's Cholesky factor.
inline void LogisticRegression::factorize() {
  if (d_ == 0) return;
  factor_ = d_ <= n_ ? cholesky(items_->gram, d_, 1.0, options_.c / 4)
                     : cholesky(items_->gram, n_, 4 / options_.c, 1.0);
}

/// sum = X^T f(X v), where f(i, x_i . v) is asked once per item: every row is read once, and is
/// still in the cache when it is added.
template <class F>
void LogisticRegression::pass(const double* v, double* sum, const F& f) const {
  std::fill(sum, sum + d_, 0.0);
  for (std::int64_t i = 0; i < n_; ++i) {
    const double* row = items_->x.data() + i * d_;
    add_scaled(f(static_cast<std::size_t>(i), dot(row, v, d_)), row, sum, d_);
  }
}

inline void LogisticRegression::evaluate(Point& point, std::span<const int> labels) const {
  const auto n = static_cast<std::size_t>(n_), d = static_cast<std::size_t>(d_);
  point.residual.resize(n);
  point.curvature.resize(n);
  point.gradient.resize(d + 1);
  double loss = 0, slope = 0;
  pass(point.at.data(), point.gradient.data(), [&](std::size_t i, double score) {
    const double m = score + point.at[d];
    loss += log_loss(labels[i] == 1 ? m : -m);
    // p - y, small where the item is fitted well, without the digits that 1 - p would lose.
    point.residual[i] = labels[i] == 1 ? -math::sigmoid(-m) : math::sigmoid(m);
    point.curvature[i] = options_.c * math::sigmoid(m) * math::sigmoid(-m);
    slope += point.residual[i];
    return point.residual[i];
  });
  for (std::size_t j = 0; j < d; ++j)
    point.gradient[j] = point.at[j] + options_.c * point.gradient[j];
  point.gradient[d] = options_.c * slope;
  point.objective = 0.5 * dot(point.at.data(), point.at.data(), d_) + options_.c * loss;
}

inline void LogisticRegression::precondition(const std::vector<double>& from,
                                             std::vector<double>& to) const {
  to = from;
  if (d_ == 0) {
    // Only the intercept is left.
  } else if (d_ <= n_) {
    solve(factor_, d_, to.data());
  } else {
    std::vector<double> items(static_cast<std::size_t>(n_)), back(static_cast<std::size_t>(d_));
    pass(from.data(), back.data(), [&](std::size_t i, double score) { return items[i] = score; });
    solve(factor_, n_, items.data());
    pass(from.data(), back.data(), [&](std::size_t i, double) { return items[i]; });
    add_scaled(-1, back.data(), to.data(), d_);
  }
  to[static_cast<std::size_t>(d_)] /= options_.c / 4 * static_cast<double>(n_);
}

/// Conjugate gradients on H s = -g, until the residual has shrunk to `accuracy`. Every iterate is
/// a direction of descent.
inline void LogisticRegression::newton_direction(const Point& at, double accuracy,
                                                 std::vector<double>& direction,
                                                 int& products) const {
  const auto d = static_cast<std::size_t>(d_);
  direction.assign(d + 1, 0.0);
  std::vector<double> residual(d + 1), solved, search, product(d + 1);
  for (std::size_t j = 0; j <= d; ++j) residual[j] = -at.gradient[j];
  precondition(residual, solved);
  search = solved;
  double energy = dot(residual, solved);
  const double goal = accuracy * accuracy * energy;
  // In exact arithmetic d + 1 steps suffice; rounding may ask for some more.
  const std::int64_t most = 2 * (std::min(n_, d_) + 1) + 10;
  for (std::int64_t step = 0; step < most && energy > goal; ++step) {
    double slope = 0;
    pass(search.data(), product.data(), [&](std::size_t i, double score) {
      const double bent = at.curvature[i] * (score + search[d]);
      slope += bent;
      return bent;
    });
    for (std::size_t j = 0; j < d; ++j) product[j] += search[j];
    product[d] = slope;
    ++products;
    const double bend = dot(search, product);
    if (!(bend > 0)) break;  // the curvature has underflowed: what is there must do
    const double length = energy / bend;
    add_scaled(length, search.data(), direction.data(), d_ + 1);
    add_scaled(-length, product.data(), residual.data(), d_ + 1);
    precondition(residual, solved);
    const double next = dot(residual, solved);
    for (std::size_t j = 0; j <= d; ++j) search[j] = solved[j] + next / energy * search[j];
    energy = next;
  }
}

inline double LogisticRegression::duality_gap(const Point& point,
                                              std::span<const int> labels) const {
  // Dual variables a_i = c |p_i - y_i|, of the class with the larger sum scaled down: feasible
  // means 0 <= a <= c and equal sums over the classes.
  const auto n = static_cast<std::size_t>(n_);
  double sums[2] = {0, 0};
  for (std::size_t i = 0; i < n; ++i) sums[labels[i]] += std::abs(point.residual[i]);
  const double least = std::min(sums[0], sums[1]);
  std::vector<double> dual(n), w(static_cast<std::size_t>(d_));
  double entropy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double sum = sums[labels[i]];
    dual[i] = -options_.c * point.residual[i] * (sum > 0 ? least / sum : 0);
    const double a = std::abs(dual[i]);
    entropy += entropy_term(a, options_.c) + entropy_term(options_.c - a, options_.c);
  }
  pass(point.at.data(), w.data(), [&](std::size_t i, double) { return dual[i]; });
  return point.objective + 0.5 * dot(w, w) + entropy;
}

LogisticFit LogisticRegression::fit(std::span<const int> labels) const {
  check<ShapeError>(static_cast<std::int64_t>(labels.size()) == n_, "logistic: labels: expected ",
                    n_, ", got ", labels.size());
  std::int64_t ones = 0;
  for (const int label : labels) {
    check<ValueError>(label == 0 || label == 1, "logistic: labels: expected 0 or 1, got ", label);
    ones += label;
  }
  check<ValueError>(ones > 0 && ones < n_, "logistic: labels: expected both classes, got ", ones,
                    " ones in ", n_);
#if defined(__x86_64__)
  if (isa() >= Isa::avx2) return Avx2::minimum(*this, labels);
#endif
  return minimum(labels);
}

inline LogisticFit LogisticRegression::minimum(std::span<const int> labels) const {
  const auto d = static_cast<std::size_t>(d_);
  LogisticFit fit;
  Point point, next;
  point.at.assign(d + 1, 0.0);
  evaluate(point, labels);
  fit.initial_gradient = fit.gradient = largest(point.gradient);
  std::vector<double> direction;
  while (!(fit.converged = fit.gradient <= options_.tolerance * fit.initial_gradient) &&
         fit.steps < options_.max_steps) {
    ++fit.steps;
    const double accuracy = std::min(0.1, fit.gradient / fit.initial_gradient);
    newton_direction(point, accuracy, direction, fit.products);
    const double slope = dot(point.gradient, direction);
    // Near the minimum f differs by less than its rounding; there the full step is right.
    const double rounding = 1e-14 * std::abs(point.objective);
    bool lower = false;
    for (double length = 1; !lower && length > 1e-10; length /= 2) {
      next.at = point.at;
      add_scaled(length, direction.data(), next.at.data(), d_ + 1);
      evaluate(next, labels);
      lower = next.objective <= point.objective + 1e-4 * length * slope + rounding;
    }
    if (!lower) break;
    std::swap(point, next);
    fit.gradient = largest(point.gradient);
  }
  fit.objective = point.objective;
  fit.duality_gap = duality_gap(point, labels);
  fit.intercept = point.at[d];
  fit.weights.resize(d);
  for (std::size_t j = 0; j < d; ++j) {
    fit.weights[j] = point.at[j] / items_->scale[j];
    fit.intercept -= fit.weights[j] * items_->mean[j];
  }
  return fit;
}

}  // namespace chainline::experiments
