#include "experiments/memorization/exposure.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/error.h"

namespace chainline::experiments {

SampledExposure sampled_exposure(double secret, std::span<const double> candidates) {
  check<ValueError>(std::isfinite(secret),
                    "sampled_exposure: secret: expected a finite perplexity, got ", secret);
  check<ValueError>(!candidates.empty(),
                    "sampled_exposure: candidates: expected at least one, got none");
  std::int64_t below = 0, ties = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    check<ValueError>(std::isfinite(candidates[i]), "sampled_exposure: candidate ", i,
                      ": expected a finite perplexity, got ", candidates[i]);
    below += candidates[i] < secret;
    ties += candidates[i] == secret;
  }
  SampledExposure exposure;
  exposure.candidates = static_cast<std::int64_t>(candidates.size());
  exposure.rank = 1 + static_cast<double>(below) + static_cast<double>(ties) / 2;
  exposure.ceiling = std::log2(static_cast<double>(candidates.size() + 1));
  exposure.bits = exposure.ceiling - std::log2(exposure.rank);
  return exposure;
}

double null_exposure(std::int64_t candidates) {
  check<ValueError>(candidates >= 1, "null_exposure: candidates: expected at least one, got ",
                    candidates);
  double sum = 0;  // log2 of the factorial; lgamma keeps a global sign that threads would share
  for (std::int64_t rank = 2; rank <= candidates + 1; ++rank)
    sum += std::log2(static_cast<double>(rank));
  const auto places = static_cast<double>(candidates + 1);
  return std::log2(places) - sum / places;
}

ExtrapolatedExposure extrapolated_exposure(double secret, const SkewNormalFit& fit,
                                           double ceiling) {
  check<ValueError>(std::isfinite(secret),
                    "extrapolated_exposure: secret: expected a finite perplexity, got ", secret);
  check<ValueError>(ceiling > 0, "extrapolated_exposure: ceiling: expected bits above 0, got ",
                    ceiling);
  ExtrapolatedExposure exposure;
  exposure.uncapped = -fit.distribution.log_cdf(secret) / std::numbers::ln2;
  exposure.bits = std::min(exposure.uncapped, ceiling);
  exposure.ceiling = ceiling;
  exposure.at_ceiling = exposure.uncapped >= ceiling;
  exposure.trusted = fit.good();
  return exposure;
}

}  // namespace chainline::experiments
