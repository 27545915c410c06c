#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/analysis/estimate.h"
#include "experiments/analysis/study_results.h"
#include "experiments/statistics/plateau.h"

namespace chainline::experiments {

/// One number of each batch, [run][batch].
using Batches = std::vector<std::vector<double>>;

/// The gradient jobs of one kind of checkpoint, all of the same groups and batch sizes.
struct GradientJobs {
  std::string at;
  std::vector<const Json*> jobs;
  std::vector<std::string> groups;
  std::vector<double> sizes;
  Sources sources;

  /// **Errors** FileError naming the run for groups or sizes other than those of the other runs.
  GradientJobs(const StudyResults& results, std::string checkpoint);

  bool has(const std::string& comparison) const;

  /// "cosine" or "norm_ratio" of single batches. A null is NaN: a group without gradient.
  Batches batches(const std::string& comparison, const char* what, std::size_t group,
                  std::size_t size) const;
  /// |g' - g|^2 / |g|^2 from the cosine and the ratio of the norms.
  Batches changes(const std::string& comparison, std::size_t group, std::size_t size) const;

  /// The moments "G2", "GD", "D2", "S", "Sd", "X" and "n" of a comparison and group in one job; a
  /// null without.
  const Json& moments(const Json& job, const std::string& comparison,
                      const std::string& group) const;
};

/// What predicted_cosine() takes, from a job's moments; NaN for what is not there.
CosineMoments cosine_moments_of(const Json& moments);

}  // namespace chainline::experiments
