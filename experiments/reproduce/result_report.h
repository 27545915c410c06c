#pragma once

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/report/report.h"
#include "experiments/reproduce/defaults.h"

namespace chainline::experiments {

/// The report of a reproduction: every number in it is one of `results` or of the manifest, and
/// every picture one of the data.
Report result_report(const Json& results, const Json& manifest, const Dataset& data,
                     const ReproduceOptions& options);

/// The pages of the report, one function each (result_figures.cpp).
namespace result_figures {
Section accuracy(const Json& results, const std::string& command);
Section losses(const Json& results, const std::string& command);
Section gradients(const Json& results, const ReproduceOptions& options);
Section probes(const Json& results, const ReproduceOptions& options);
Section pictures(const Json& results, const Dataset& data, const ReproduceOptions& options,
                 const std::string& command);
}  // namespace result_figures

/// "chainline NAME --checkpoint ..." for a figure that a command of its own makes, one call a run.
std::string measuring_command(const std::string& name, const std::vector<std::string>& runs,
                              const ReproduceOptions& options);

}  // namespace chainline::experiments
