#include "experiments/memorization/lira.h"

#include <cmath>
#include <limits>

#include "experiments/memorization/skew_normal.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// What the other runs say of one user's scores on one side (in or out).
struct Side {
  double count = 0, mean = kNaN, squares = 0;  // squares about the mean
};

Side side_of(const RunValues& phi, const RunMembership& in, std::size_t left_out, std::size_t user,
             int member) {
  Side side;
  double sum = 0;
  for (std::size_t r = 0; r < phi.size(); ++r)
    if (r != left_out && in[r][user] == member) {
      sum += phi[r][user];
      ++side.count;
    }
  if (side.count == 0) return side;
  side.mean = sum / side.count;
  for (std::size_t r = 0; r < phi.size(); ++r)
    if (r != left_out && in[r][user] == member)
      side.squares += (phi[r][user] - side.mean) * (phi[r][user] - side.mean);
  return side;
}

/// NaN unless positive: no spread decides nothing.
double deviation(double squares, double degrees) {
  const double variance = squares / degrees;
  return degrees > 0 && variance > 0 ? std::sqrt(variance) : kNaN;
}

double log_normal_density(double x, double mean, double deviation) {
  const double z = (x - mean) / deviation;
  return -z * z / 2 - std::log(deviation);  // less log sqrt(2 pi), which a ratio loses
}

/// Asks `score(phi, in mean, in deviation, out mean, out deviation)` for each cell.
template <class F>
LiraScores attack(const RunValues& phi, const RunMembership& in, LiraSpread spread,
                  const F& score) {
  const std::size_t users = phi[0].size();
  LiraScores result;
  for (std::size_t r = 0; r < phi.size(); ++r) {
    std::vector<Side> sides[2];  // by membership, one per user
    double pooled[2];
    for (int member = 0; member < 2; ++member) {
      double squares = 0, degrees = 0;
      for (std::size_t u = 0; u < users; ++u) {
        sides[member].push_back(side_of(phi, in, r, u, member));
        squares += sides[member][u].squares;
        if (sides[member][u].count > 0) degrees += sides[member][u].count - 1;
      }
      pooled[member] = deviation(squares, degrees);
    }
    std::vector<double> row;
    for (std::size_t u = 0; u < users; ++u) {
      double s[2];
      for (int member = 0; member < 2; ++member)
        s[member] = spread == LiraSpread::shared
                        ? pooled[member]
                        : deviation(sides[member][u].squares, sides[member][u].count - 1);
      const double value = score(phi[r][u], sides[1][u].mean, s[1], sides[0][u].mean, s[0]);
      result.undefined += std::isnan(value);
      row.push_back(value);
    }
    result.score.push_back(std::move(row));
  }
  return result;
}

}  // namespace

double log_odds(double log_p) {
  check<ValueError>(log_p <= 0, "log_odds: log_p: expected at most 0, got ", log_p);
  return log_p - std::log(-std::expm1(log_p));
}

double user_log_odds(std::span<const double> log_p) {
  check<ValueError>(!log_p.empty(), "user_log_odds: log_p: expected at least one, got none");
  double sum = 0;
  for (const double value : log_p) sum += log_odds(value);
  return sum / static_cast<double>(log_p.size());
}

LiraScores lira_online(const RunValues& phi, const RunMembership& in, LiraSpread spread) {
  check_runs("lira_online", phi, in);
  return attack(
      phi, in, spread, [](double x, double mean_in, double s_in, double mean_out, double s_out) {
        return log_normal_density(x, mean_in, s_in) - log_normal_density(x, mean_out, s_out);
      });
}

LiraScores lira_offline(const RunValues& phi, const RunMembership& in, LiraSpread spread) {
  check_runs("lira_offline", phi, in);
  return attack(phi, in, spread, [](double x, double, double, double mean_out, double s_out) {
    return -log_normal_cdf((mean_out - x) / s_out);
  });
}

MembershipReport evaluate_lira(const LiraScores& scores, const RunMembership& in,
                               const UserBootstrap& bootstrap, const std::vector<double>& allowed) {
  check<ShapeError>(scores.score.size() == in.size(), "evaluate_lira: in: expected ",
                    scores.score.size(), " runs as there are scores, got ", in.size());
  std::vector<double> flat;
  std::vector<int> members;
  std::vector<std::int64_t> users;
  for (std::size_t r = 0; r < in.size(); ++r) {
    check<ShapeError>(scores.score[r].size() == in[r].size(), "evaluate_lira: in: run ", r,
                      ": expected ", scores.score[r].size(), " users, got ", in[r].size());
    for (std::size_t u = 0; u < in[r].size(); ++u) {
      if (std::isnan(scores.score[r][u])) continue;
      flat.push_back(scores.score[r][u]);
      members.push_back(in[r][u]);
      users.push_back(static_cast<std::int64_t>(u));
    }
  }
  return evaluate_membership(flat, members, users, bootstrap, allowed);
}

}  // namespace chainline::experiments
