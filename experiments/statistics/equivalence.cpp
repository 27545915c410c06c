#include "experiments/statistics/equivalence.h"

#include <cmath>

#include "experiments/statistics/distributions.h"
#include "experiments/statistics/hierarchical.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

void check_question(const char* op, double margin, double alpha) {
  check<ValueError>(margin > 0 && std::isfinite(margin), op,
                    ": margin: expected a positive number, got ", margin);
  check<ValueError>(alpha > 0 && alpha < 0.5, op, ": alpha: expected a share of (0, 1/2), got ",
                    alpha);
}

bool inside(const Interval& interval, double margin) {
  return interval.low > -margin && interval.high < margin;
}

}  // namespace

Equivalence equivalence_t(std::span<const double> differences, double margin, double alpha) {
  check_question("equivalence_t", margin, alpha);
  const RunMean effect = run_mean_t(differences, 1 - 2 * alpha);
  // P(T <= x / e); with no spread at all x alone decides, and on the margin nothing is shown.
  const auto below = [&](double x) {
    if (effect.standard_error > 0)
      return student_t_cdf(x / effect.standard_error, static_cast<double>(effect.df));
    return x < 0 ? 0.0 : 1.0;
  };
  Equivalence result;
  result.mean = effect.mean;
  result.p_low = below(-effect.mean - margin);
  result.p_high = below(effect.mean - margin);
  result.interval = effect.interval;
  result.within = inside(result.interval, margin);
  return result;
}

Equivalence equivalence_bootstrap(double mean, const std::vector<double>& replicates, double margin,
                                  double alpha) {
  check_question("equivalence_bootstrap", margin, alpha);
  Equivalence result;
  result.mean = mean;
  result.interval = percentile_interval(replicates, 1 - 2 * alpha);
  double all = 1, low = 1, high = 1;
  for (const double value : replicates) {
    if (std::isnan(value)) continue;
    all += 1;
    low += value <= -margin;
    high += value >= margin;
  }
  result.p_low = low / all;
  result.p_high = high / all;
  result.within = inside(result.interval, margin);
  return result;
}

}  // namespace chainline::experiments
