#pragma once

#include "experiments/analysis/study_results.h"
#include "experiments/report/report.h"
#include "experiments/study/study.h"
#include "experiments/study/world.h"

namespace chainline::experiments {

/// The report of a study, for a reviewer who has not read the code: verdicts first, then every
/// figure of the paper with the controls that decide, the pictures, the method and its limits, and
/// how to do it again.
///
/// `results` is what results.json holds:
///
///     {"study", "data": {"spec", "name", "licence", "sha256"}, "jobs": {"all", "missing"},
///      "command", "analysis": analyse(), "gates": judge_gates(), "claims": judge_claims()}
///
/// Of `runs` come the curves that an analysis only sums up: projections, relabelled users by layer,
/// differences of twins by step. A unfinished study gives a report too: a section names the figures
/// that lack their runs, and one without any is left out and named in the summary. A number that
/// doesn't exist is a dash or a gap. Titles say what the numbers say, computed from them.
///
/// **Errors** FileError for results that are no object; those of World for pictures that cannot be
/// drawn.
Report study_report(const Json& results, const StudyResults& runs, const Json& manifest,
                    const World& world, const Study& study);

}  // namespace chainline::experiments
