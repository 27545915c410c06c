#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/plan/code_version.h"

namespace chainline::experiments {

/// One piece of work of a plan, with a result that follows from nothing but what its key names.
struct Job {
  std::string name;                ///< of this plan, for people; no part of the key
  std::string kind;                ///< which function does it
  Json config = Json::object();    ///< what that function is given
  std::vector<std::string> needs;  ///< names of jobs whose results it is given, in this order
  /// Where on this machine is what the config names by its content, {"easy-vqa:sha256=HEX":
  /// "easy-vqa:FOLDER"}: the function is given the place, and the key knows the content alone.
  Json places = Json::object();
  double weight = 1;  ///< the seconds that it is expected to take
  /// Whether those who need it read files of its folder, too: then a result without the folder
  /// (Store) is enough only where none of them is left to do.
  bool files_needed = false;
  std::string code = code_version();  ///< which code it runs
};

/// Jobs with their keys, checked: names are unique, needs are known and form no circle, and no two
/// jobs are the same work.
///
///     key = SHA-256 of the JSON {"code": code, "config": config, "kind": kind,
///                                "needs": [key of each need, in order]}
///
/// A job whose config changes gets another key, and so do all that need it, directly or not, and
/// none else: under its key a result may be kept for good. A config is compared and handed on as
/// its text would be read, so that a job is given the same wherever it runs.
class Plan {
 public:
  /// **Errors** ValueError naming the job and what is wrong with it.
  explicit Plan(std::vector<Job> jobs);

  std::size_t size() const { return jobs_.size(); }
  const Job& job(std::size_t i) const { return jobs_[i]; }
  const std::string& key(std::size_t i) const { return keys_[i]; }
  /// The JSON whose SHA-256 is the key.
  const Json& identity(std::size_t i) const { return identities_[i]; }
  /// The places of the jobs that this one needs, in the order of Job::needs.
  const std::vector<std::size_t>& needs(std::size_t i) const { return needs_[i]; }
  /// The places of the jobs that need this one.
  const std::vector<std::size_t>& needed_by(std::size_t i) const { return needed_by_[i]; }
  /// All places, each after those that it needs.
  const std::vector<std::size_t>& order() const { return order_; }
  /// **Errors** ValueError for a name that no job has.
  std::size_t place_of(const std::string& name) const;

 private:
  void sort();

  std::vector<Job> jobs_;
  std::vector<std::string> keys_;
  std::vector<Json> identities_;
  std::vector<std::vector<std::size_t>> needs_, needed_by_;
  std::vector<std::size_t> order_;
};

/// Of the jobs that could start now, the one that should: the first in the plan that others wait
/// for, or else the first. `done` says for every job of the plan whether it is done, `startable`
/// lists places in ascending order, at least one.
std::size_t next_job(const Plan& plan, const std::vector<bool>& done,
                     const std::vector<std::size_t>& startable);

}  // namespace chainline::experiments
