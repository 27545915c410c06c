#pragma once

#include <cstdint>
#include <span>

#include "experiments/memorization/skew_normal.h"

namespace chainline::experiments {

/// log2 |R| of the ids that are ten digits: the exposure of the likeliest of all.
inline constexpr double kTenDigitBits = 33.219280948873624;

/// How far in front of sampled candidates a secret stands.
struct SampledExposure {
  double bits = 0;
  double rank = 0;     // 1 for the likeliest; the middle of its places where others tie
  double ceiling = 0;  // log2(n + 1): more than that n candidates cannot show
  std::int64_t candidates = 0;
};

/// Exposure by sampling, the secret counted as one more candidate:
///
///     -log2 Pr_{s' in sample}[Px(s') <= Px(s)] = log2(n + 1) - log2(rank)
///     rank = 1 + #{Px(s') < Px(s)} + #{Px(s') = Px(s)} / 2
///
/// Without memorization each rank is as likely, so Pr[bits >= x] is about 2^-x: exponential, with
/// mean and standard deviation 1 / ln 2 = 1.443 bits.
///
/// **Units** log2-perplexities Px = -sum_t log2 p_t; the candidates' without that of the secret.
/// **Errors** ValueError for no candidates or a perplexity that is not finite.
/// **Bits** a function of libm (log2).
/// **Source** Carlini, Liu, Erlingsson, Kos and Song: The Secret Sharer (2019)
SampledExposure sampled_exposure(double secret, std::span<const double> candidates);

/// The mean of sampled_exposure among n candidates when every rank is as likely,
/// log2(n + 1) - log2((n + 1)!) / (n + 1): what to subtract before calling bits memorization.
///
/// **Errors** ValueError for fewer than one candidate.
double null_exposure(std::int64_t candidates);

/// Exposure beyond what the sample can show, read off a fitted distribution.
struct ExtrapolatedExposure {
  double bits = 0;      // at most the ceiling
  double uncapped = 0;  // -log2 F_skew(Px(s)) as it came out
  double ceiling = 0;   // log2 |R|: no secret is rarer than one of all
  bool at_ceiling = false;
  bool trusted = false;  // the fit is good(); where it is not, bits are no finding
};

/// -log2 F_skew(Px(s)) with a distribution that was fitted to candidates of the same length.
///
/// **Errors** ValueError for a perplexity that is not finite or a ceiling that is not positive.
/// **Bits** a function of libm.
ExtrapolatedExposure extrapolated_exposure(double secret, const SkewNormalFit& fit,
                                           double ceiling = kTenDigitBits);

}  // namespace chainline::experiments
