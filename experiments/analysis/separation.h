#pragma once

#include <string>
#include <vector>

#include "experiments/analysis/selection.h"

namespace chainline::experiments {

/// The layer of the primary endpoint, and why that one.
struct PrimaryLayer {
  std::string layer;  ///< "" without any probe
  std::string chosen_by;
  std::int64_t runs = 0;  ///< of T that chose it

  std::string sentence() const;
};

/// The decoder layer with the largest mean AUC of the username probe over the runs of the positive
/// control T, whose AUC decides no claim but whether the probe sees T; the last one without them.
PrimaryLayer primary_layer(const Runs& runs);

/// One question's probes of some runs, as numbers: those of every layer in each run.
struct ProbeRuns {
  std::vector<StudyRun> runs;
  std::vector<std::string> layers;
  std::vector<std::vector<double>> auc, accuracy;           // [run][layer]
  std::vector<std::vector<std::vector<double>>> controls;   // [run][layer][relabelling], AUC
  std::vector<std::vector<std::vector<double>>> decisions;  // [run][layer][user]

  std::optional<std::size_t> place(const std::string& layer) const;
};

/// **Errors** FileError for runs with other layers than the first.
ProbeRuns probe_runs(const std::vector<StudyRun>& runs, const std::string& question);

/// "separation", "relabelled" of analyse().
Json separation(const Runs& runs, const PrimaryLayer& primary, const AnalysisOptions& options);
Json relabelled(const Runs& runs, const PrimaryLayer& primary, const AnalysisOptions& options);

/// "transfer" of analyse(): probes of one condition that read the states of another.
Json transfer(const Runs& runs, const AnalysisOptions& options);

/// "silhouettes" of analyse(): whether seen and unseen users form clusters.
Json silhouettes(const Runs& runs, const AnalysisOptions& options);

/// "probes" and "projections" of analyse().
Json other_probes(const Runs& runs, const AnalysisOptions& options);
Json projections(const Runs& runs);

}  // namespace chainline::experiments
