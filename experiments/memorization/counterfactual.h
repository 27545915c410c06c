#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/random.h"

namespace chainline::experiments {

/// value[run][user]: what was measured of a user after a run (exposure, a probe's score, -loss).
using RunValues = std::vector<std::vector<double>>;
/// in[run][user]: 1 where the run trained on the user, else 0.
using RunMembership = std::vector<std::vector<int>>;

/// **Errors** ShapeError unless both are runs x users of one size, with at least one of either;
/// ValueError for values that are not finite or memberships other than 0 and 1. `subject` begins
/// the sentence.
void check_runs(const char* subject, const RunValues& value, const RunMembership& in);

/// What being trained on did to one user. NaN is what the runs cannot say.
struct UserMemorization {
  std::int64_t runs_in = 0, runs_out = 0;
  double mean_in = 0, mean_out = 0;
  double memorization = 0;    // mean_in - mean_out
  double standard_error = 0;  // sqrt(s_in^2 / n_in + s_out^2 / n_out); NaN with one run on a side
};

/// The users' memorization as a distribution; its numbers are over the users who have one, and NaN
/// when nobody has.
struct MemorizationSummary {
  std::int64_t users = 0;
  double mean = 0;
  double standard_error = 0;  // of the mean, over users; runs they share are not counted in it
  double standard_deviation = 0, low = 0, quartile1 = 0, median = 0, quartile3 = 0, high = 0;
  double positive_share = 0;  // users with more than 0
};

struct CounterfactualMemorization {
  std::vector<UserMemorization> users;            // all, in their order
  std::vector<std::int64_t> never_in, never_out;  // users without a number, and why
  MemorizationSummary summary;
};

/// Counterfactual memorization per user, over runs whose trained users were drawn at random:
///
///     mem(u) = mean over runs with u in [value(run, u)] - mean over runs without u [value(run, u)]
///
/// With value 1 for an answer that is right, 0 else, it is Feldman's label memorization.
///
/// **Errors** those of check_runs.
/// **Source** Zhang, Ippolito, Lee, Jagielski, Tramer and Carlini: Counterfactual Memorization in
///            Neural Language Models (2021); Feldman: Does Learning Require Memorization? (2020)
CounterfactualMemorization counterfactual_memorization(const RunValues& value,
                                                       const RunMembership& in);

/// Which runs count for the influence on a user: in a balanced design whoever is in keeps others
/// out, so over all runs the user's own memorization leaks into everyone's influence on it.
enum class InfluenceOn { anyone, left_out, trained_on };

/// influence[x][y], what training on x did to y, over the runs that `on` admits for y:
///
///     infl(x => y) = mean over runs with x in [value(run, y)] - mean over runs without x
///
/// NaN where either side has no run, and for x = y (that is memorization).
///
/// **Errors** those of check_runs.
std::vector<std::vector<double>> counterfactual_influence(const RunValues& value,
                                                          const RunMembership& in,
                                                          InfluenceOn on = InfluenceOn::left_out);

/// Influence between related users (of one first syllable, say) beside that between the others.
struct RelatedInfluence {
  std::int64_t related_pairs = 0, other_pairs = 0;  // ordered, with a number
  std::int64_t undefined_pairs = 0;                 // ordered, x != y, NaN
  double related = 0, other = 0;                    // means; NaN over no pairs
  double difference = 0;                            // related - other
  double p = 0;  // one-sided: the difference against the relation shuffled over the users
};

/// Users x and y are related where groups[x] == groups[y].
///
/// **Errors** ShapeError unless the influence is users x users; ValueError for fewer than one
/// relabelling, or where no pair with a number is related or none is unrelated.
RelatedInfluence related_influence(const std::vector<std::vector<double>>& influence,
                                   std::span<const std::int64_t> groups, const Generator& generator,
                                   std::int64_t relabellings = 1000);

}  // namespace chainline::experiments
