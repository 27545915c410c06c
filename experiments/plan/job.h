#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/plan/store.h"

namespace chainline::experiments {

/// The result of a job that another one needs.
struct NeededResult {
  std::string name;
  Json result;
  std::filesystem::path folder;  ///< with its other files; "" for one adopted without them
};

/// What a job's function is given. Its result may follow from `config` (not from where Job::places
/// has put what it names), and from the results and files of `needs`, which stand in the order of
/// Job::needs, and from nothing else: the names, for instance, are those of one plan, and the job's
/// key does not know them.
struct JobContext {
  std::string name, key;
  Json config;
  std::filesystem::path folder;  ///< its own; what a killed sitting wrote there is still there
  std::vector<NeededResult> needs;
  /// Says how much of the job is done, from 0 to 1.
  std::function<void(double)> progress;
};

/// The functions that do jobs, by kind. An error that one throws is the job's failure; one that
/// takes long notes interrupts (InterruptNote), leaves in its folder what it can go on from, and
/// throws Interrupted.
using JobKinds = std::map<std::string, std::function<Json(const JobContext&)>>;

/// Does the job that job.json in the folder describes, in this process, and stores its result.
/// Whoever calls it holds the folder's lock. A job that is done is not done again.
///
/// **Errors** those of the job's function; FileError for what is not a described job's folder or
/// lacks the results that it needs; ValueError for a kind that has no function.
void do_job(const Store& store, const std::filesystem::path& folder, const JobKinds& kinds,
            const std::function<void(double)>& progress);

/// A job that was done again.
struct JobReplay {
  std::string name;  ///< in its plan
  bool same_code = false;
  /// Where its result is another one now, as a JSON patch from the stored one to the new: nothing
  /// where all is as it was. Members called "seconds", which say how long something took, count not.
  Json differences;
};

/// Does a finished job once more, with `scratch` for its folder, and compares what comes out. Nothing
/// in the store is changed.
///
/// **Errors** those of do_job; FileError for a job that has no result yet.
JobReplay replay_job(const Store& store, const std::filesystem::path& folder,
                     const std::filesystem::path& scratch, const JobKinds& kinds,
                     const std::function<void(double)>& progress);

/// How a process that does one job is asked to: the arguments `FOLDER [--lock FILE] [--adopt DIR]...`.
struct JobCall {
  std::filesystem::path folder;
  int lock = -1;  ///< the open file of the lock that the caller has; -1 to take it
  std::vector<std::filesystem::path> adopted;
};

std::vector<std::string> to_arguments(const JobCall& call);

/// do_job in a process of its own. How far it is, is kept in the file `progress` of the folder.
///
/// **Errors** those of do_job; FileError for a folder that another process works in.
void answer_call(const JobCall& call, const JobKinds& kinds);

/// What the file `progress` of a job's folder says, 0 where there is none.
double progress_in(const std::filesystem::path& folder);

}  // namespace chainline::experiments
