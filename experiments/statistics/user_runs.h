#pragma once

#include <vector>

namespace chainline::experiments {

/// One measured number per run and user, and who was IN the training data of each run. Runs may
/// have other users, or other numbers of them.
struct UserRuns {
  std::vector<std::vector<double>> values;  // [run][user]
  std::vector<std::vector<int>> in;         // [run][user] 1: IN, 0: OUT
  /// [run][user] numbers of the groups within which IN might have been dealt otherwise (pairs of
  /// users who were measured on the same pictures, say); empty: among all users of the run.
  std::vector<std::vector<int>> groups = {};
};

/// Refuses, in the name of `op`, what is not whole.
///
/// **Errors** ShapeError when the two disagree in runs or users; ValueError for no runs, a run
/// without users of both kinds, memberships other than 0 and 1, or values that are not finite.
void check_user_runs(const char* op, const UserRuns& runs);

/// The same of the memberships alone.
void check_memberships(const char* op, const std::vector<std::vector<int>>& in);

/// The effect in each run: the mean of the IN users less the mean of the OUT users.
///
/// **Errors** as check_user_runs.
std::vector<double> run_effects(const UserRuns& runs);

}  // namespace chainline::experiments
