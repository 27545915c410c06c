#include "experiments/statistics/user_runs.h"

#include <cmath>
#include <cstddef>

#include "tensor/error.h"

namespace chainline::experiments {

void check_memberships(const char* op, const std::vector<std::vector<int>>& in) {
  check<ValueError>(!in.empty(), op, ": runs: expected at least one, got none");
  for (std::size_t r = 0; r < in.size(); ++r) {
    std::size_t inside = 0;
    for (const int membership : in[r]) {
      check<ValueError>(membership == 0 || membership == 1, op, ": run ", r,
                        ": expected memberships of 0 and 1, got ", membership);
      inside += membership == 1;
    }
    check<ValueError>(inside > 0 && inside < in[r].size(), op, ": run ", r,
                      ": expected users IN and OUT, got ", inside, " IN of ", in[r].size());
  }
}

void check_user_runs(const char* op, const UserRuns& runs) {
  check<ShapeError>(runs.values.size() == runs.in.size(), op, ": in: expected memberships of ",
                    runs.values.size(), " runs, got ", runs.in.size());
  check_memberships(op, runs.in);
  for (std::size_t r = 0; r < runs.in.size(); ++r) {
    check<ShapeError>(runs.values[r].size() == runs.in[r].size(), op, ": run ", r, ": expected ",
                      runs.in[r].size(), " users, got ", runs.values[r].size());
    for (const double value : runs.values[r])
      check<ValueError>(std::isfinite(value), op, ": run ", r, ": expected finite values, got ",
                        value);
  }
}

std::vector<double> run_effects(const UserRuns& runs) {
  check_user_runs("run_effects", runs);
  std::vector<double> effects;
  for (std::size_t r = 0; r < runs.in.size(); ++r) {
    double sum[2] = {0, 0}, users[2] = {0, 0};  // by membership
    for (std::size_t u = 0; u < runs.in[r].size(); ++u) {
      const int side = runs.in[r][u];
      sum[side] += runs.values[r][u];
      users[side] += 1;
    }
    effects.push_back(sum[1] / users[1] - sum[0] / users[0]);
  }
  return effects;
}

}  // namespace chainline::experiments
