#pragma once

#include <cstdint>
#include <vector>

namespace chainline::experiments {

/// Renyi differential privacy of one step of the Gaussian mechanism on a Poisson sample: each item
/// takes part with probability `rate`, the sum of vectors of norm at most 1 gets noise of standard
/// deviation `sigma`. At a whole order a >= 2 it is exactly
///
///     1 / (a - 1) log sum_{k=0..a} binom(a, k) (1 - q)^(a-k) q^k exp((k^2 - k) / 2 sigma^2)
///
/// Since the binomial terms alone sum to 1, it is computed as log1p of the sum over k >= 2 with
/// expm1 in place of exp, itself a log-sum-exp: small rates keep their digits, large orders do not
/// overflow.
///
/// **Errors** ValueError for a rate outside of [0, 1], a sigma that is not positive, or an order
/// below 2.
/// **Bits** a function of libm.
/// **Source** Mironov, Talwar and Zhang: Renyi Differential Privacy of the Sampled Gaussian
///            Mechanism (2019)
double subsampled_gaussian_rdp(double rate, double sigma, std::int64_t order);

/// (epsilon, delta): with probability delta aside, no outcome is more than e^epsilon times as
/// likely with the item as without.
struct PrivacyLoss {
  double epsilon = 0, delta = 0;
};

struct AccountedPrivacy {
  PrivacyLoss loss;
  std::int64_t order = 0;      // of the tightest bound
  bool at_last_order = false;  // a larger order could bound tighter; the bound holds all the same
};

/// The orders that the accountant tries: 2 .. 64 and steps of 2^(1/4) up to 4096.
const std::vector<std::int64_t>& rdp_orders();

/// epsilon after `steps` steps, which add up at every order:
///
///     eps = min_a steps rdp(a) + log((a - 1) / a) - (log delta + log a) / (a - 1),   at least 0
///
/// One user in several items of a batch is not one item: clip per user, or see group_privacy.
///
/// **Errors** as subsampled_gaussian_rdp; ValueError for a delta outside of (0, 1) or negative
/// steps.
/// **Source** Canonne, Kamath and Steinke: The Discrete Gaussian (2020), proposition 12
AccountedPrivacy account_privacy(double rate, double sigma, std::int64_t steps, double delta);

/// The least noise, to one part in 10^6 from above, whose epsilon is at most `epsilon`.
///
/// **Errors** as account_privacy; ValueError for an epsilon that is not positive, or that even
/// sigma = 10^6 does not reach.
double noise_for_privacy(double epsilon, double rate, std::int64_t steps, double delta);

/// What a bound for one item says of k items together: (k eps, k e^((k-1) eps) delta). At a few
/// hundred items per user the delta is far above 1 and the bound void; it is reported as 1.
///
/// **Errors** ValueError for less than one item, a negative epsilon, or a delta outside of [0, 1].
PrivacyLoss group_privacy(const PrivacyLoss& loss, std::int64_t items);

/// What an attack proves a mechanism to leak at least, with the given confidence:
///
///     eps >= max(log((TPR - delta) / FPR), log((1 - delta - FPR) / (1 - TPR))),   at least 0
///
/// with the low Clopper-Pearson limit for TPR and the high one for FPR, each missed with half of
/// 1 - confidence. The attack's threshold must not have been chosen on the same trials, and the
/// trials must be independent.
///
/// **Errors** ValueError as clopper_pearson_interval, or for a delta outside of [0, 1).
/// **Source** Jagielski, Ullman and Oprea: Auditing Differentially Private Machine Learning (2020)
double audited_epsilon(std::int64_t true_positives, std::int64_t members,
                       std::int64_t false_positives, std::int64_t others, double delta,
                       double confidence = 0.95);

}  // namespace chainline::experiments
