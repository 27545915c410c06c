#include "experiments/projection/eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// The scalar product in 8 lanes that fold by halves: a fixed order that vectorizes.
double dot(const double* a, const double* b, std::int64_t n) {
  constexpr std::int64_t kLanes = 8;
  double lane[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) lane[l] += a[i + l] * b[i + l];
  for (std::int64_t l = 0; i + l < n; ++l) lane[l] += a[i + l] * b[i + l];
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

/// The matrix and what becomes of it: everything goes by rows, which lie side by side in memory.
class Decomposition {
 public:
  Decomposition(std::vector<double> a, std::int64_t m)
      : m_(m), a_(std::move(a)), z_(a_.size(), 0.0) {
    diagonal_.resize(static_cast<std::size_t>(m));
    off_.resize(static_cast<std::size_t>(m), 0.0);
    beta_.resize(static_cast<std::size_t>(m), 0.0);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < i; ++j) row(a_, i)[j] = row(a_, j)[i];
  }

  SymmetricEigen run() {
    tridiagonalize();
    accumulate();
    for (std::int64_t l = 0; l < m_; ++l) diagonalize(l);
    std::vector<std::int64_t> order(static_cast<std::size_t>(m_));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return d(a) > d(b); });
    SymmetricEigen eigen;
    for (const std::int64_t k : order) {
      eigen.values.push_back(d(k));
      eigen.vectors.insert(eigen.vectors.end(), row(z_, k), row(z_, k) + m_);
    }
    return eigen;
  }

 private:
  double* row(std::vector<double>& matrix, std::int64_t i) { return matrix.data() + i * m_; }
  double& d(std::int64_t i) { return diagonal_[static_cast<std::size_t>(i)]; }
  double& e(std::int64_t i) { return off_[static_cast<std::size_t>(i)]; }

  /// A <- H A H for the reflections H = I - beta v v^T that clear row k beyond its neighbour of
  /// the diagonal; v stays in row k.
  void tridiagonalize() {
    std::vector<double> p(static_cast<std::size_t>(m_));
    for (std::int64_t k = 0; k < m_; ++k) {
      d(k) = row(a_, k)[k];
      if (k + 1 == m_) break;
      const std::int64_t first = k + 1, rest = m_ - first;
      double* v = row(a_, k) + first;
      const double norm = std::sqrt(dot(v, v, rest));
      const double tail = rest > 1 ? dot(v + 1, v + 1, rest - 1) : 0.0;
      if (tail == 0) {
        e(k) = v[0];
        continue;  // beta stays 0: nothing to clear
      }
      // The sign that adds: v[0] - e has no cancellation.
      e(k) = v[0] > 0 ? -norm : norm;
      v[0] -= e(k);
      const double beta = 2 / (v[0] * v[0] + tail);
      beta_[static_cast<std::size_t>(k)] = beta;
      for (std::int64_t i = 0; i < rest; ++i)
        p[static_cast<std::size_t>(i)] = beta * dot(row(a_, first + i) + first, v, rest);
      const double half = 0.5 * beta * dot(p.data(), v, rest);
      for (std::int64_t i = 0; i < rest; ++i) p[static_cast<std::size_t>(i)] -= half * v[i];
      for (std::int64_t i = 0; i < rest; ++i) {
        double* to = row(a_, first + i) + first;
        const double vi = v[i], pi = p[static_cast<std::size_t>(i)];
        for (std::int64_t j = 0; j < rest; ++j)
          to[j] -= vi * p[static_cast<std::size_t>(j)] + pi * v[j];
      }
    }
  }

  /// z = (H_0 H_1 ...)^T, whose rows become the vectors: the product from its end, so that each
  /// reflection meets only the block that it changes.
  void accumulate() {
    for (std::int64_t i = 0; i < m_; ++i) row(z_, i)[i] = 1;
    for (std::int64_t k = m_ - 2; k >= 0; --k) {
      const double beta = beta_[static_cast<std::size_t>(k)];
      if (beta == 0) continue;
      const std::int64_t first = k + 1, rest = m_ - first;
      const double* v = row(a_, k) + first;
      for (std::int64_t i = first; i < m_; ++i) {
        double* to = row(z_, i) + first;
        const double factor = beta * dot(to, v, rest);
        for (std::int64_t j = 0; j < rest; ++j) to[j] -= factor * v[j];
      }
    }
  }

  /// QL steps until e(l) is negligible beside its neighbours on the diagonal.
  void diagonalize(std::int64_t l) {
    constexpr int kMost = 60;  // 2 on average; more than 30 have not been seen by anyone
    for (int step = 0;; ++step) {
      std::int64_t end = l;
      while (end + 1 < m_ && std::abs(e(end)) > std::numeric_limits<double>::epsilon() *
                                                    (std::abs(d(end)) + std::abs(d(end + 1))))
        ++end;
      if (end == l) return;
      check<ValueError>(step < kMost, "symmetric_eigen: value ", l, ": expected to converge in ",
                        kMost, " steps");
      double g = (d(l + 1) - d(l)) / (2 * e(l));
      const double root = std::sqrt(g * g + 1);
      g = d(end) - d(l) + e(l) / (g + (g >= 0 ? root : -root));
      double s = 1, c = 1, p = 0;
      bool split = false;
      for (std::int64_t i = end - 1; i >= l && !split; --i) {
        const double f = s * e(i), b = c * e(i);
        const double r = std::sqrt(f * f + g * g);
        e(i + 1) = r;
        if (r == 0) {  // the matrix falls apart here
          d(i + 1) -= p;
          e(end) = 0;
          split = true;
          break;
        }
        s = f / r;
        c = g / r;
        g = d(i + 1) - p;
        const double turn = (d(i) - g) * s + 2 * c * b;
        p = s * turn;
        d(i + 1) = g + p;
        g = c * turn - b;
        double *low = row(z_, i), *high = row(z_, i + 1);
        for (std::int64_t j = 0; j < m_; ++j) {
          const double was = high[j];
          high[j] = s * low[j] + c * was;
          low[j] = c * low[j] - s * was;
        }
      }
      if (split) continue;
      d(l) -= p;
      e(l) = g;
      e(end) = 0;
    }
  }

  std::int64_t m_;
  std::vector<double> a_, z_;
  std::vector<double> diagonal_, off_, beta_;
};

}  // namespace

SymmetricEigen symmetric_eigen(std::vector<double> a, std::int64_t m) {
  check<ShapeError>(m >= 0 && a.size() == static_cast<std::size_t>(m * m),
                    "symmetric_eigen: matrix: expected ", m, " x ", m, " numbers, got ", a.size());
  double most = 0;
  for (const double x : a) {
    check<ValueError>(std::isfinite(x), "symmetric_eigen: matrix: expected finite numbers, got ",
                      x);
    most = std::max(most, std::abs(x));
  }
  // Squares of the entries must neither overflow nor vanish: bring them to about 1, exactly.
  int exponent = 0;
  std::frexp(most, &exponent);
  for (double& x : a) x = std::ldexp(x, -exponent);
  SymmetricEigen eigen = Decomposition(std::move(a), m).run();
  for (double& value : eigen.values) value = std::ldexp(value, exponent);
  return eigen;
}

}  // namespace chainline::experiments
