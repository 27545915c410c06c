#pragma once

#include "experiments/pages/page.h"

namespace chainline::experiments {

/// The sections of a study's report, in their order there. One without data has no figures.
Part summary_part(const StudyPage& page);
Part utility_part(const StudyPage& page);
Part gradient_part(const StudyPage& page);
Part training_part(const StudyPage& page);
Part probing_part(const StudyPage& page);
Part memorization_part(const StudyPage& page);
Part defence_part(const StudyPage& page);
Part projection_part(const StudyPage& page);
Part gallery_part(const StudyPage& page);
Part method_part(const StudyPage& page);
Part again_part(const StudyPage& page);

/// The headline numbers.
std::vector<Fact> study_facts(const StudyPage& page);
/// What was done and what came out, in a few sentences.
std::string study_summary(const StudyPage& page);

}  // namespace chainline::experiments
