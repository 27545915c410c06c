#pragma once

#include <cstdint>
#include <span>

#include "experiments/memorization/counterfactual.h"
#include "experiments/memorization/membership.h"

namespace chainline::experiments {

/// log(p / (1 - p)) from log p, with the digits of 1 - p where p is near 1: the score that is
/// nearly normal over runs. infinity for log p = 0.
///
/// **Errors** ValueError for log p above 0 or NaN.
double log_odds(double log_p);

/// The mean of log_odds over the log probabilities of a user's items.
///
/// **Errors** ValueError for no items, or as log_odds.
double user_log_odds(std::span<const double> log_p);

/// Where the spread of a user's scores over runs comes from.
enum class LiraSpread {
  per_user,  // the user's own runs: needs two on each side, and is noisy below some ten
  shared,    // pooled over users about their own means; right when users spread alike
};

/// Likelihood-ratio scores, high for members; NaN where the other runs cannot give one.
struct LiraScores {
  RunValues score;             // [run][user]
  std::int64_t undefined = 0;  // cells that are NaN
};

/// The online attack, user by user, each run judged by the others alone (leave one run out):
///
///     score = log N(phi; mu_in, s_in) - log N(phi; mu_out, s_out)
///
/// mu and s are over the other runs that trained on the user, and over those that did not; s has
/// n - 1 in its denominator, and shared ones pool sum (phi - mu_u)^2 / sum (n_u - 1) over users. A
/// cell without a mean, or with a spread that is unknown or zero, is NaN.
///
/// **Units** phi[run][user], a user's aggregated log odds or loss, higher for members or lower.
/// **Errors** those of check_runs.
/// **Bits** a function of libm.
/// **Source** Carlini et al.: Membership Inference Attacks From First Principles (2022)
LiraScores lira_online(const RunValues& phi, const RunMembership& in, LiraSpread spread);

/// The offline attack, which knows no run with the user: -log Pr[N(mu_out, s_out) > phi]. It
/// orders as 1 - Pr[...] does, and still does where that rounds to 1. phi must be higher for
/// members: give log odds, or minus the loss.
///
/// **Errors** **Bits** as lira_online.
LiraScores lira_offline(const RunValues& phi, const RunMembership& in, LiraSpread spread);

/// evaluate_membership over the cells that have a score, the users resampled with all their runs.
///
/// **Errors** as evaluate_membership and check_runs have them; ShapeError for scores of another
/// shape.
MembershipReport evaluate_lira(const LiraScores& scores, const RunMembership& in,
                               const UserBootstrap& bootstrap,
                               const std::vector<double>& allowed = {0.01, 0.001});

}  // namespace chainline::experiments
