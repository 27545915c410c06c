#include "experiments/statistics/plateau.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "experiments/statistics/hierarchical.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Points {
  std::span<const double> b, y, weights;
};

void check_points(const char* op, const Points& points) {
  check<ShapeError>(points.y.size() == points.b.size() && points.weights.size() == points.b.size(),
                    op, ": y: expected values and weights of ", points.b.size(),
                    " batch sizes, got ", points.y.size(), " and ", points.weights.size());
  for (std::size_t i = 0; i < points.b.size(); ++i) {
    check<ValueError>(points.b[i] > 0 && std::isfinite(points.b[i]), op,
                      ": batch_sizes: expected positive sizes, got ", points.b[i]);
    check<ValueError>(points.weights[i] > 0 && std::isfinite(points.weights[i]), op,
                      ": weights: expected positive ones, got ", points.weights[i]);
    check<ValueError>(points.y[i] >= 0 && std::isfinite(points.y[i]), op,
                      ": y: expected finite values of 0 or more, got ", points.y[i]);
  }
  const std::set<double> sizes(points.b.begin(), points.b.end());
  check<ValueError>(sizes.size() >= 3, op, ": batch_sizes: expected 3 or more that differ, got ",
                    sizes.size());
}

/// The best plateau and decay for one offset, with x = (1 + offset) / (b + offset).
PlateauFit fit_at(const Points& points, double offset, bool with_plateau) {
  double all = 0, x_sum = 0, y_sum = 0, xx = 0, xy = 0;
  const auto x_of = [&](std::size_t i) { return (1 + offset) / (points.b[i] + offset); };
  for (std::size_t i = 0; i < points.b.size(); ++i) {
    const double w = points.weights[i], x = x_of(i);
    all += w;
    x_sum += w * x;
    y_sum += w * points.y[i];
    xx += w * x * x;
    xy += w * x * points.y[i];
  }
  PlateauFit fit;
  fit.offset = offset;
  fit.decay = xy / xx;  // of the line through 0
  if (with_plateau) {
    const double x_mean = x_sum / all, y_mean = y_sum / all;
    double centred_xx = 0, centred_xy = 0;
    for (std::size_t i = 0; i < points.b.size(); ++i) {
      const double w = points.weights[i], x = x_of(i) - x_mean;
      centred_xx += w * x * x;
      centred_xy += w * x * (points.y[i] - y_mean);
    }
    const double slope = centred_xy / centred_xx;
    const double intercept = y_mean - slope * x_mean;
    // The sum of squares is convex: where the free minimum has a negative part, the least with
    // that part at 0 is the least of all. Both cannot be negative, as no y is.
    if (slope < 0) {
      fit.rises = slope < -1e-12 * y_mean;  // not by the rounding of equal values
      fit.plateau = y_mean;
      fit.decay = 0;
    } else if (intercept >= 0) {
      fit.plateau = intercept;
      fit.decay = slope;
    }
  }
  for (std::size_t i = 0; i < points.b.size(); ++i) {
    const double error = points.y[i] - fit.plateau - fit.decay * x_of(i);
    fit.residual += points.weights[i] * error * error;
  }
  return fit;
}

PlateauFit best_fit(const Points& points, bool with_plateau) {
  const auto fit_of = [&](double offset) { return fit_at(points, offset, with_plateau); };
  // From no offset over a thousandth of the smallest size to the largest, 24 points a decade.
  const auto [smallest, largest] = std::minmax_element(points.b.begin(), points.b.end());
  std::vector<double> grid = {0};
  for (double c = *smallest * 1e-3; c < *largest; c *= std::pow(10, 1.0 / 24)) grid.push_back(c);
  grid.push_back(*largest);
  PlateauFit best = fit_of(0);
  std::size_t place = 0;
  for (std::size_t i = 1; i < grid.size(); ++i) {
    const PlateauFit fit = fit_of(grid[i]);
    if (fit.residual < best.residual) {
      best = fit;
      place = i;
    }
  }
  double low = grid[place == 0 ? 0 : place - 1];
  double high = grid[std::min(place + 1, grid.size() - 1)];
  const double golden = 1 / std::numbers::phi;
  double left = high - golden * (high - low), right = low + golden * (high - low);
  PlateauFit at_left = fit_of(left), at_right = fit_of(right);
  // The residual's minimum is flat: an offset is placed to some sqrt(2^-52) of b + offset.
  while (high - low > 1e-9 * (high + *smallest)) {
    if (at_left.residual <= at_right.residual) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - golden * (high - low);
      at_left = fit_of(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + golden * (high - low);
      at_right = fit_of(right);
    }
  }
  for (const PlateauFit& fit : {at_left, at_right})
    if (fit.residual < best.residual) best = fit;
  return best;
}

}  // namespace

double predicted_cosine(const GradientMoments& m, double b) {
  check<ValueError>(b > 0, "predicted_cosine: b: expected a positive batch size, got ", b);
  const double g = m.g_square + m.g_variance / b;
  const double both = m.g_square + m.product + (m.g_variance + m.covariance) / b;
  const double changed = m.g_square + 2 * m.product + m.d_square +
                         (m.g_variance + 2 * m.covariance + m.d_variance) / b;
  return both / std::sqrt(g * changed);
}

GradientMoments gradient_moments(const GradientSums& sums) {
  check<ValueError>(sums.samples >= 2, "gradient_moments: samples: expected at least 2, got ",
                    sums.samples);
  const auto n = static_cast<double>(sums.samples);
  GradientMoments m;
  m.g_variance = (sums.g_mean - sums.g_of_mean) * n / (n - 1);
  m.d_variance = (sums.d_mean - sums.d_of_mean) * n / (n - 1);
  m.covariance = (sums.product_mean - sums.product_of_mean) * n / (n - 1);
  m.g_square = sums.g_of_mean - m.g_variance / n;
  m.d_square = sums.d_of_mean - m.d_variance / n;
  m.product = sums.product_of_mean - m.covariance / n;
  return m;
}

double squared_tangent(double cosine) {
  check<ValueError>(std::abs(cosine) > 0, "squared_tangent: cosine: expected a number but 0, got ",
                    cosine);
  return std::max(0.0, 1 / (cosine * cosine) - 1);
}

double PlateauFit::at(double b) const { return plateau + decay * (1 + offset) / (b + offset); }

double PlateauFit::ratio() const {
  const double first = plateau + decay;
  return first > 0 ? plateau / first : kNaN;
}

PlateauFit fit_plateau(std::span<const double> batch_sizes, std::span<const double> y,
                       std::span<const double> weights) {
  const Points points{batch_sizes, y, weights};
  check_points("fit_plateau", points);
  return best_fit(points, true);
}

PlateauFit fit_without_plateau(std::span<const double> batch_sizes, std::span<const double> y,
                               std::span<const double> weights) {
  const Points points{batch_sizes, y, weights};
  check_points("fit_without_plateau", points);
  return best_fit(points, false);
}

PlateauStudy study_plateau(std::span<const double> batch_sizes,
                           const std::vector<std::vector<double>>& values, std::int64_t replicates,
                           const Generator& generator, double confidence) {
  const char* op = "study_plateau";
  check<ShapeError>(values.size() == batch_sizes.size(), op, ": values: expected those of ",
                    batch_sizes.size(), " batch sizes, got ", values.size());
  check<ValueError>(replicates >= 2 && replicates < std::int64_t{1} << 32, op,
                    ": replicates: expected 2 .. 2^32 - 1, got ", replicates);
  std::vector<double> means, weights;
  for (std::size_t i = 0; i < values.size(); ++i) {
    check<ValueError>(!values[i].empty(), op, ": values: expected batches of size ", batch_sizes[i],
                      ", got none");
    means.push_back(mean(values[i]));
  }
  const double largest = means.empty() ? 0 : *std::max_element(means.begin(), means.end());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scale = largest > 0 ? std::max(means[i], 1e-3 * largest) : 1;
    weights.push_back(static_cast<double>(values[i].size()) / (scale * scale));
  }
  check_points(op, {batch_sizes, means, weights});
  PlateauStudy study;
  study.fit = best_fit({batch_sizes, means, weights}, true);
  study.without_plateau = best_fit({batch_sizes, means, weights}, false);

  std::vector<double> plateaus, decays, ratios;
  for (std::int64_t r = 0; r < replicates; ++r) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(r));
    std::vector<double> drawn;
    for (const std::vector<double>& batches : values) {
      double sum = 0;
      for (std::size_t k = 0; k < batches.size(); ++k) sum += batches[random.below(batches.size())];
      drawn.push_back(sum / static_cast<double>(batches.size()));
    }
    const PlateauFit fit = best_fit({batch_sizes, drawn, weights}, true);
    plateaus.push_back(fit.plateau);
    decays.push_back(fit.decay);
    if (!std::isnan(fit.ratio())) ratios.push_back(fit.ratio());
  }
  study.plateau = percentile_interval(plateaus, confidence);
  study.decay = percentile_interval(decays, confidence);
  study.ratio = ratios.empty() ? Interval{kNaN, kNaN} : percentile_interval(ratios, confidence);
  return study;
}

}  // namespace chainline::experiments
