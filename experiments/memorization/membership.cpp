#include "experiments/memorization/membership.h"

#include <algorithm>
#include <cmath>

#include "experiments/statistics/distributions.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

OperatingPoint operating_point(const std::vector<RocPoint>& curve, std::int64_t members,
                               std::int64_t others, double allowed, double confidence) {
  check<ValueError>(allowed >= 0 && allowed <= 1,
                    "at_false_positive_rate: allowed: expected 0 .. 1, got ", allowed);
  // Both rates grow along the curve, so the last admitted point catches most.
  const RocPoint* last = &curve.front();  // calls nobody a member
  for (const RocPoint& point : curve)
    if (point.false_positive_rate <= allowed) last = &point;
  OperatingPoint result;
  result.allowed = allowed;
  result.threshold = last->threshold;
  result.false_positive_rate = last->false_positive_rate;
  result.true_positive_rate = last->true_positive_rate;
  result.false_positives = std::llround(last->false_positive_rate * static_cast<double>(others));
  result.true_positives = std::llround(last->true_positive_rate * static_cast<double>(members));
  result.true_positive_interval =
      clopper_pearson_interval(result.true_positives, members, confidence);
  return result;
}

}  // namespace

OperatingPoint at_false_positive_rate(std::span<const double> scores, std::span<const int> members,
                                      double allowed, double confidence) {
  const RankedScores ranked({scores.begin(), scores.end()}, {members.begin(), members.end()});
  const std::int64_t positives = std::count(members.begin(), members.end(), 1);
  return operating_point(ranked.curve(), positives,
                         static_cast<std::int64_t>(members.size()) - positives, allowed,
                         confidence);
}

MembershipReport evaluate_membership(std::span<const double> scores, std::span<const int> members,
                                     std::span<const std::int64_t> users,
                                     const UserBootstrap& bootstrap,
                                     const std::vector<double>& allowed) {
  check<ValueError>(users.size() == scores.size(),
                    "evaluate_membership: users: expected one for each of ", scores.size(),
                    " scores, got ", users.size());
  const RankedScores ranked({scores.begin(), scores.end()}, {members.begin(), members.end()});
  MembershipReport report;
  report.members = std::count(members.begin(), members.end(), 1);
  report.others = static_cast<std::int64_t>(members.size()) - report.members;
  report.auc = ranked.auc();
  report.auc_by_user = bootstrap.interval(
      users, [&](std::span<const double> weights) { return ranked.auc(weights); });
  const std::vector<RocPoint> curve = ranked.curve();
  for (const RocPoint& point : curve)
    report.largest_advantage =
        std::max(report.largest_advantage, point.true_positive_rate - point.false_positive_rate);
  for (const double rate : allowed)
    report.points.push_back(
        operating_point(curve, report.members, report.others, rate, bootstrap.confidence));
  return report;
}

LossAttack loss_attack(std::span<const double> losses, std::span<const int> members,
                       double threshold) {
  check<ValueError>(losses.size() == members.size(),
                    "loss_attack: members: expected one for each of ", losses.size(),
                    " losses, got ", members.size());
  double called[2] = {0, 0}, all[2] = {0, 0};  // by membership
  for (std::size_t i = 0; i < losses.size(); ++i) {
    check<ValueError>(!std::isnan(losses[i]), "loss_attack: loss ", i,
                      ": expected a number, got NaN");
    check<ValueError>(members[i] == 0 || members[i] == 1, "loss_attack: member ", i,
                      ": expected 0 or 1, got ", members[i]);
    ++all[members[i]];
    called[members[i]] += losses[i] < threshold;
  }
  check<ValueError>(all[0] > 0 && all[1] > 0, "loss_attack: members: expected both classes, got ",
                    all[1], " members in ", losses.size());
  LossAttack attack;
  attack.true_positive_rate = called[1] / all[1];
  attack.false_positive_rate = called[0] / all[0];
  attack.advantage = attack.true_positive_rate - attack.false_positive_rate;
  return attack;
}

std::vector<double> reference_scores(std::span<const double> log_p_tuned,
                                     std::span<const double> log_p_base) {
  check<ShapeError>(log_p_tuned.size() == log_p_base.size(),
                    "reference_scores: log_p_base: expected ", log_p_tuned.size(), ", got ",
                    log_p_base.size());
  std::vector<double> scores;
  for (std::size_t i = 0; i < log_p_tuned.size(); ++i)
    scores.push_back(log_p_tuned[i] - log_p_base[i]);
  return scores;
}

}  // namespace chainline::experiments
