#include "experiments/memorization/counterfactual.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/statistics/statistics.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_or_nan(const std::vector<double>& values) {
  return values.empty() ? kNaN : mean(values);
}

MemorizationSummary summarize(const std::vector<double>& values) {
  MemorizationSummary summary;
  summary.users = static_cast<std::int64_t>(values.size());
  if (values.empty()) {
    summary.mean = summary.standard_error = summary.standard_deviation = kNaN;
    summary.low = summary.quartile1 = summary.median = summary.quartile3 = summary.high = kNaN;
    summary.positive_share = kNaN;
    return summary;
  }
  const auto n = static_cast<double>(values.size());
  summary.mean = mean(values);
  summary.standard_deviation = values.size() < 2 ? kNaN : standard_deviation(values);
  summary.standard_error = summary.standard_deviation / std::sqrt(n);
  summary.low = quantile(values, 0);
  summary.quartile1 = quantile(values, 0.25);
  summary.median = quantile(values, 0.5);
  summary.quartile3 = quantile(values, 0.75);
  summary.high = quantile(values, 1);
  summary.positive_share =
      static_cast<double>(
          std::count_if(values.begin(), values.end(), [](double value) { return value > 0; })) /
      n;
  return summary;
}

/// The mean influence between users of one group and that between users of different ones.
struct Means {
  double related = kNaN, other = kNaN;
  std::int64_t related_pairs = 0, other_pairs = 0;
};

Means means_by_relation(const std::vector<std::vector<double>>& influence,
                        std::span<const std::int64_t> groups) {
  Means means;
  double sum[2] = {0, 0};
  std::int64_t pairs[2] = {0, 0};
  for (std::size_t x = 0; x < influence.size(); ++x)
    for (std::size_t y = 0; y < influence.size(); ++y) {
      if (x == y || std::isnan(influence[x][y])) continue;
      const int related = groups[x] == groups[y];
      sum[related] += influence[x][y];
      ++pairs[related];
    }
  means.related_pairs = pairs[1];
  means.other_pairs = pairs[0];
  if (pairs[1] > 0) means.related = sum[1] / static_cast<double>(pairs[1]);
  if (pairs[0] > 0) means.other = sum[0] / static_cast<double>(pairs[0]);
  return means;
}

}  // namespace

void check_runs(const char* subject, const RunValues& value, const RunMembership& in) {
  check<ShapeError>(!value.empty() && !value[0].empty(), subject,
                    ": value: expected at least one run of one user, got none");
  check<ShapeError>(in.size() == value.size(), subject, ": in: expected ", value.size(),
                    " runs as value has, got ", in.size());
  const std::size_t users = value[0].size();
  for (std::size_t r = 0; r < value.size(); ++r) {
    check<ShapeError>(value[r].size() == users && in[r].size() == users, subject, ": run ", r,
                      ": expected values and memberships of ", users, " users, got ",
                      value[r].size(), " and ", in[r].size());
    for (std::size_t u = 0; u < users; ++u) {
      check<ValueError>(std::isfinite(value[r][u]), subject, ": value: run ", r, ", user ", u,
                        ": expected a finite number, got ", value[r][u]);
      check<ValueError>(in[r][u] == 0 || in[r][u] == 1, subject, ": in: run ", r, ", user ", u,
                        ": expected 0 or 1, got ", in[r][u]);
    }
  }
}

CounterfactualMemorization counterfactual_memorization(const RunValues& value,
                                                       const RunMembership& in) {
  check_runs("counterfactual_memorization", value, in);
  CounterfactualMemorization result;
  std::vector<double> known;
  for (std::size_t u = 0; u < value[0].size(); ++u) {
    std::vector<double> side[2];  // by membership
    for (std::size_t r = 0; r < value.size(); ++r) side[in[r][u]].push_back(value[r][u]);
    UserMemorization user;
    user.runs_in = static_cast<std::int64_t>(side[1].size());
    user.runs_out = static_cast<std::int64_t>(side[0].size());
    user.mean_in = mean_or_nan(side[1]);
    user.mean_out = mean_or_nan(side[0]);
    user.memorization = user.mean_in - user.mean_out;
    user.standard_error = kNaN;
    if (side[0].size() >= 2 && side[1].size() >= 2) {
      const double s_in = standard_deviation(side[1]), s_out = standard_deviation(side[0]);
      user.standard_error = std::sqrt(s_in * s_in / static_cast<double>(side[1].size()) +
                                      s_out * s_out / static_cast<double>(side[0].size()));
    }
    result.users.push_back(user);
    if (side[1].empty()) result.never_in.push_back(static_cast<std::int64_t>(u));
    if (side[0].empty()) result.never_out.push_back(static_cast<std::int64_t>(u));
    if (!side[0].empty() && !side[1].empty()) known.push_back(user.memorization);
  }
  result.summary = summarize(known);
  return result;
}

std::vector<std::vector<double>> counterfactual_influence(const RunValues& value,
                                                          const RunMembership& in, InfluenceOn on) {
  check_runs("counterfactual_influence", value, in);
  const std::size_t users = value[0].size();
  std::vector<std::vector<double>> influence(users, std::vector<double>(users, kNaN));
  for (std::size_t x = 0; x < users; ++x)
    for (std::size_t y = 0; y < users; ++y) {
      if (x == y) continue;
      double sum[2] = {0, 0};
      std::int64_t runs[2] = {0, 0};
      for (std::size_t r = 0; r < value.size(); ++r) {
        if (on == InfluenceOn::left_out && in[r][y] == 1) continue;
        if (on == InfluenceOn::trained_on && in[r][y] == 0) continue;
        sum[in[r][x]] += value[r][y];
        ++runs[in[r][x]];
      }
      if (runs[0] > 0 && runs[1] > 0)
        influence[x][y] =
            sum[1] / static_cast<double>(runs[1]) - sum[0] / static_cast<double>(runs[0]);
    }
  return influence;
}

RelatedInfluence related_influence(const std::vector<std::vector<double>>& influence,
                                   std::span<const std::int64_t> groups, const Generator& generator,
                                   std::int64_t relabellings) {
  const std::size_t users = groups.size();
  check<ShapeError>(influence.size() == users, "related_influence: influence: expected ", users,
                    " rows as there are groups, got ", influence.size());
  for (std::size_t x = 0; x < users; ++x)
    check<ShapeError>(influence[x].size() == users, "related_influence: influence: row ", x,
                      ": expected ", users, " users, got ", influence[x].size());
  check<ValueError>(relabellings >= 1 && relabellings < std::int64_t{1} << 32,
                    "related_influence: relabellings: expected 1 .. 2^32 - 1, got ", relabellings);
  const Means means = means_by_relation(influence, groups);
  check<ValueError>(means.related_pairs > 0 && means.other_pairs > 0,
                    "related_influence: groups: expected related and unrelated pairs, got ",
                    means.related_pairs, " and ", means.other_pairs);
  RelatedInfluence result;
  result.related_pairs = means.related_pairs;
  result.other_pairs = means.other_pairs;
  result.undefined_pairs =
      static_cast<std::int64_t>(users * (users - 1)) - means.related_pairs - means.other_pairs;
  result.related = means.related;
  result.other = means.other;
  result.difference = means.related - means.other;
  std::vector<double> controls;
  std::vector<std::int64_t> shuffled(groups.begin(), groups.end());
  for (std::int64_t s = 0; s < relabellings; ++s) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(s));
    shuffled.assign(groups.begin(), groups.end());
    random.shuffle(shuffled);
    const Means control = means_by_relation(influence, shuffled);
    // Where a shuffle leaves one side without a number it can contradict nothing: it counts as a
    // control that reached the difference.
    const double difference = control.related - control.other;
    controls.push_back(std::isnan(difference) ? std::numeric_limits<double>::infinity()
                                              : difference);
  }
  result.p = permutation_p_value(result.difference, controls);
  return result;
}

}  // namespace chainline::experiments
