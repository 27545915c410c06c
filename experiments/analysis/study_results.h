#pragma once

#include <filesystem>
#include <vector>

#include "experiments/data/json.h"

namespace chainline::experiments {

/// What the jobs of a study gave, each as one JSON object. A study may be unfinished: runs that are
/// missing are simply not there, in any of the lists.
///
/// Of `study` the analysis reads, where it is there,
///
///     "planned": {"bases": n, "runs": n, "gradients": n, "twins": n}   how many there will be
///     "grid_reference": b                 the batch size at which the grid's rules agree
struct StudyResults {
  Json study = Json::object();
  std::vector<Json> bases;      ///< models before fine-tuning, and how well they read
  std::vector<Json> runs;       ///< one per fine-tuned model
  std::vector<Json> gradients;  ///< one per checkpoint whose gradients were compared
  std::vector<Json> twins;      ///< pairs of trainings that differ in named watermarks
};

/// {"study", "bases", "runs", "gradients", "twins"}.
Json to_json(const StudyResults& results);

/// The reverse of to_json.
///
/// **Errors** FileError naming `where` for anything but an object with exactly these members, each of
/// its type.
StudyResults study_results(const Json& json, const std::string& where);

}  // namespace chainline::experiments
