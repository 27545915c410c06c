#include "experiments/projection/tsne.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "experiments/projection/pca.h"
#include "experiments/projection/points.h"
#include "tensor/error.h"
#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kLanes = 4;
constexpr std::int64_t kGrain = 16;  // points of a thread at a time

inline double folded(double* lane) {
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

// --- the affinities of the points ---

/// Weights exp(-b (d_j - least)) of one point's neighbours, itself left out, and what they add up
/// to.
struct Weights {
  double sum = 0, mean = 0;  // mean of d_j - least under the weights

  Weights(const double* squared, std::int64_t self, std::int64_t n, double least, double b,
          double* weights) {
    for (std::int64_t j = 0; j < n; ++j)
      weights[j] = math::exp_at_most_one(-b * (squared[j] - least));
    weights[self] = 0;
    double lanes[kLanes] = {}, moments[kLanes] = {};
    for (std::int64_t j = 0; j < n; ++j) {
      lanes[j % kLanes] += weights[j];
      moments[j % kLanes] += j == self ? 0.0 : weights[j] * (squared[j] - least);
    }
    sum = folded(lanes);
    mean = folded(moments) / sum;
  }

  /// In nats.
  double entropy(double b) const { return math::log(sum) + b * mean; }
};

/// p_j|i of one point. The search halves an interval of b as scikit-learn's does; the nearest
/// neighbour's distance is subtracted first, which changes no share and keeps the sum above 1.
void conditional(const double* squared, std::int64_t self, std::int64_t n, double perplexity,
                 double* shares) {
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < n; ++j)
    if (j != self) least = std::min(least, squared[j]);
  const double goal = math::log(perplexity);
  double low = 0, high = std::numeric_limits<double>::infinity(), b = 1;
  double sum = 0;
  // 1e-5 nats are 0.001 % of the perplexity. The 200 steps reach every f64 scale; they run out
  // only where no b gives the perplexity: more points lie at the least distance than it asks for.
  for (int step = 0; step < 200; ++step) {
    const Weights weights(squared, self, n, least, b, shares);
    sum = weights.sum;
    const double excess = weights.entropy(b) - goal;
    if (std::abs(excess) <= 1e-5) break;
    (excess > 0 ? low : high) = b;
    b = high == std::numeric_limits<double>::infinity() ? 2 * b : (low + high) / 2;
  }
  for (std::int64_t j = 0; j < n; ++j) shares[j] /= sum;
}

/// Rows of p with the numbers of a row padded to whole lanes: (n, stride).
std::int64_t stride_of(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

std::vector<double> joint(const std::vector<double>& rows, std::int64_t n, std::int64_t d,
                          double perplexity) {
  const std::vector<double> squared = squared_distances(rows, n, d);
  std::vector<double> shares(squared.size());
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      conditional(&squared[static_cast<std::size_t>(i * n)], i, n, perplexity,
                  &shares[static_cast<std::size_t>(i * n)]);
  });
  const std::int64_t stride = stride_of(n);
  std::vector<double> p(static_cast<std::size_t>(n * stride), 0.0);
  const double scale = 0.5 / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      p[static_cast<std::size_t>(i * stride + j)] =
          scale * (shares[static_cast<std::size_t>(i * n + j)] +
                   shares[static_cast<std::size_t>(j * n + i)]);
  return p;
}

// --- the forces between points of the plane ---

/// What the other points do to one: with w = 1 / (1 + |y_i - y_j|^2),
/// attraction = sum p w (y_i - y_j), repulsion = sum w^2 (y_i - y_j), weight = sum w.
struct Force {
  double attraction[2], repulsion[2], weight;
};

/// kLanes numbers side by side; the compiler makes what the instruction set has of them.
using Lanes [[gnu::vector_size(kLanes * sizeof(double))]] = double;

inline double folded(const Lanes& lanes) {
  double lane[kLanes];
  for (std::int64_t l = 0; l < kLanes; ++l) lane[l] = lanes[l];
  return folded(lane);
}

inline Force force(const double* p, const double* x, const double* y, std::int64_t self,
                   std::int64_t stride) {
  const Lanes one = Lanes{} + 1, at_x = Lanes{} + x[self], at_y = Lanes{} + y[self];
  Lanes ax{}, ay{}, rx{}, ry{}, sum{};
  for (std::int64_t j = 0; j < stride; j += kLanes) {
    Lanes pj, xj, yj;
    std::memcpy(&pj, p + j, sizeof(pj));
    std::memcpy(&xj, x + j, sizeof(xj));
    std::memcpy(&yj, y + j, sizeof(yj));
    const Lanes dx = at_x - xj, dy = at_y - yj;
    const Lanes w = one / (one + (dx * dx + dy * dy));
    const Lanes pull = pj * w, push = w * w;
    ax += pull * dx;
    ay += pull * dy;
    rx += push * dx;
    ry += push * dy;
    sum += w;
  }
  // The point itself is at distance 0: no force, and a weight of 1.
  return {{folded(ax), folded(ay)}, {folded(rx), folded(ry)}, folded(sum) - 1};
}

/// What force() needs of all points, padded to whole lanes.
struct Field {
  const double *p, *x, *y;
  std::int64_t stride;
};

inline void find_forces(const Field& f, std::int64_t begin, std::int64_t end, Force* forces) {
  for (std::int64_t i = begin; i < end; ++i)
    forces[i] = force(f.p + i * f.stride, f.x, f.y, i, f.stride);
}

#if defined(__x86_64__)
[[gnu::target("avx2"), gnu::flatten]] void find_forces_avx2(const Field& f, std::int64_t begin,
                                                            std::int64_t end, Force* forces) {
  find_forces(f, begin, end, forces);
}
#endif

/// The points of the plane and how they move.
class Descent {
 public:
  /// p (n, stride); x, y (n).
  Descent(std::vector<double> p, std::vector<double> x, std::vector<double> y)
      : n_(x.size()), p_(std::move(p)), y_{std::move(x), std::move(y)}, forces_(n_) {
    for (int c : {0, 1}) {
      gradient_[c].resize(n_);
      // So far away that the square is infinite and the weight 0.
      y_[c].resize(static_cast<std::size_t>(stride_of(static_cast<std::int64_t>(n_))), 1e200);
    }
  }

  /// `steps` steps with a momentum and gains of their own.
  void run(int steps, double momentum, double exaggeration, double rate) {
    std::vector<double> update[2], gains[2];
    for (int c : {0, 1}) {
      update[c].assign(n_, 0.0);
      gains[c].assign(n_, 1.0);
    }
    for (int step = 0; step < steps; ++step) {
      find_gradient(exaggeration);
      for (int c : {0, 1}) {
        for (std::size_t i = 0; i < n_; ++i) {
          double& u = update[c][i];
          double& gain = gains[c][i];
          const double g = gradient_[c][i];
          gain = std::max(0.01, u * g < 0 ? gain + 0.2 : gain * 0.8);
          u = momentum * u - rate * (gain * g);
          y_[c][i] += u;
        }
      }
    }
  }

  Tsne result() {
    find_gradient(1);
    Tsne tsne;
    double square = 0;
    std::vector<double> points;
    for (std::size_t i = 0; i < n_; ++i) {
      for (int c : {0, 1}) {
        square += gradient_[c][i] * gradient_[c][i];
        points.push_back(y_[c][i]);
      }
    }
    tsne.gradient_norm = std::sqrt(square);
    tsne.points = Tensor::from(points, {static_cast<std::int64_t>(n_), 2});
    tsne.kl_divergence = divergence();
    return tsne;
  }

 private:
  /// gradient = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j), with q = w / sum w.
  void find_gradient(double exaggeration) {
    const Field field{p_.data(), y_[0].data(), y_[1].data(),
                      static_cast<std::int64_t>(y_[0].size())};
    parallel_for(static_cast<std::int64_t>(n_), kGrain, [&](std::int64_t begin, std::int64_t end) {
#if defined(__x86_64__)
      if (isa() >= Isa::avx2) {
        find_forces_avx2(field, begin, end, forces_.data());
        return;
      }
#endif
      find_forces(field, begin, end, forces_.data());
    });
    weight_ = 0;
    for (const Force& f : forces_) weight_ += f.weight;
    for (int c : {0, 1})
      for (std::size_t i = 0; i < n_; ++i)
        gradient_[c][i] =
            4 * (exaggeration * forces_[i].attraction[c] - forces_[i].repulsion[c] / weight_);
  }

  double divergence() const {
    std::vector<double> rows(n_);
    parallel_for(static_cast<std::int64_t>(n_), kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        for (std::size_t j = 0; j < n_; ++j) {
          const double p = p_[at * y_[0].size() + j];
          if (j == at || p == 0) continue;
          const double dx = y_[0][at] - y_[0][j], dy = y_[1][at] - y_[1][j];
          rows[at] += p * math::log(p * weight_ * (1 + (dx * dx + dy * dy)));
        }
      }
    });
    double sum = 0;
    for (const double row : rows) sum += row;
    return sum;
  }

  std::size_t n_;
  std::vector<double> p_;     // (n, stride)
  std::vector<double> y_[2];  // (stride)
  std::vector<double> gradient_[2];
  std::vector<Force> forces_;
  double weight_ = 0;  // sum of w over all pairs
};

}  // namespace

Tsne tsne(const Tensor& points, const TsneOptions& options) {
  check<ShapeError>(points.rank() == 2 && points.shape()[0] >= 3,
                    "tsne: points: expected (n, d) with n of at least 3, got ", points.shape());
  const std::int64_t n = points.shape()[0];
  check<ValueError>(options.perplexity >= 1 && options.perplexity <= static_cast<double>(n - 1),
                    "tsne: perplexity: expected at least 1 and at most ", n - 1, ", the others of ",
                    n, " points, got ", options.perplexity);
  check<ValueError>(options.exaggerated_steps >= 0 && options.steps >= options.exaggerated_steps,
                    "tsne: steps: expected at least the ", options.exaggerated_steps,
                    " exaggerated ones, got ", options.steps);
  check<ValueError>(options.components >= 2 && options.exaggeration >= 1,
                    "tsne: components, exaggeration: expected at least 2 and 1, got ",
                    options.components, ", ", options.exaggeration);
  check<ValueError>(
      options.learning_rate >= 0 && options.learning_rate < std::numeric_limits<double>::infinity(),
      "tsne: learning_rate: expected 0 (automatic) or more, got ", options.learning_rate);
  const Pca pca = principal_components(points, options.components);
  const auto d = static_cast<std::int64_t>(pca.variance.size());
  check<ValueError>(d >= 2, "tsne: points: expected points that fill at least 2 dimensions, got ",
                    d);
  const std::vector<double> rows = pca.transform(points).to_vector<double>();
  std::vector<double> start[2];
  // The standard deviation has n in its denominator, as in scikit-learn.
  const double size = static_cast<double>(n);
  const double scale = 1e-4 / std::sqrt(pca.variance[0] * (size - 1) / size);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t c : {0, 1})
      start[c].push_back(scale * rows[static_cast<std::size_t>(i * d + c)]);
  const double rate = options.learning_rate > 0 ? options.learning_rate
                                                : std::max(size / options.exaggeration / 4, 50.0);
  Descent descent(joint(rows, n, d, options.perplexity), start[0], start[1]);
  descent.run(options.exaggerated_steps, 0.5, options.exaggeration, rate);
  descent.run(options.steps - options.exaggerated_steps, 0.8, 1, rate);
  Tsne result = descent.result();
  result.components = d;
  return result;
}

}  // namespace chainline::experiments
