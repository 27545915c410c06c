#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/plan/plan.h"

namespace chainline::experiments {

/// A result as it was stored.
struct StoredResult {
  Json result;
  double seconds = 0;            ///< that the job took in the sitting that finished it
  std::filesystem::path folder;  ///< with the job's other files; "" where only the result is kept
};

/// Results of jobs by their keys, of which the first 16 digits make the names:
///
///     folder/KEY16/job.json      what the job is, written before it starts
///     folder/KEY16/result.json   its result, written last and whole: where it is, the job is done
///     folder/KEY16/lock          locked by the one process that works here (FolderLock)
///     folder/KEY16/log.txt       what it said
///     folder/KEY16/...           all else is the job's own, which finds it again when it was killed
///
/// Results that were brought from elsewhere, by another machine or out of a repository, are
/// adopted: they count as done, and nothing is written among them. What is adopted is a folder like
/// the above, or a file that write_results() wrote: results alone, one a line.
///
/// A stored result says what it is of, and reading it checks that this is what the key names.
class Store {
 public:
  /// **Errors** FileError for what is adopted and neither a folder nor a file of results, naming the
  /// line that is none.
  explicit Store(std::filesystem::path folder, std::vector<std::filesystem::path> adopted = {});

  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<std::filesystem::path>& adopted() const { return adopted_; }

  std::filesystem::path folder_of(const std::string& key) const;
  /// Whether the job was done in folder().
  bool is_finished(const std::string& key) const;
  /// Whether an adopted result of the job is there; `with_folder`: together with its other files.
  bool is_adopted(const std::string& key, bool with_folder) const;

  /// The job's result, from here rather than adopted, with its folder rather than without.
  ///
  /// **Errors** FileError where there is none, or another job's, or it was changed.
  StoredResult read(const std::string& key) const;
  StoredResult read(const Plan& plan, const std::string& job) const;

  /// Makes the job's folder, so that it can be locked there.
  void make_folder(const std::string& key) const;
  /// Writes what the job is into its folder, and takes away what writers that were killed left.
  void describe(const Plan& plan, std::size_t job) const;
  /// Makes the job done. Numbers that are none (NaN) become null.
  void write(const Json& identity, const Json& result, double seconds) const;

 private:
  std::filesystem::path folder_;
  std::vector<std::filesystem::path> adopted_;
  std::map<std::string, StoredResult> kept_;  // of adopted files, by key
};

/// Writes a line for each job of the plan that is done, in the order of the plan: a file to adopt.
///
/// **Errors** FileError where it cannot be written, and those of Store::read().
void write_results(const Plan& plan, const Store& store, const std::filesystem::path& file);

/// How it is with a job.
enum class JobState {
  finished,  ///< done here
  adopted,   ///< done elsewhere, and nobody needs more of it than is there
  ready,     ///< to do, and all that it needs is done
  waiting,   ///< for jobs that are to do
};

/// The state of every job of a plan.
std::vector<JobState> job_states(const Plan& plan, const Store& store);

}  // namespace chainline::experiments
