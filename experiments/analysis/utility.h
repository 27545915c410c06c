#pragma once

#include "experiments/analysis/selection.h"
#include "experiments/data/dataset.h"

namespace chainline::experiments {

/// Noise at or below this is none: such a run is the control of those with noise, clipped alike and
/// over the same steps, and proves no privacy.
inline constexpr double kControlNoise = 0.01;

/// {KIND: the accuracy of giving all its questions their most common answer}: what needs no picture.
/// reproduce() has it as StudyResults::study["constant_accuracy"].
Json constant_accuracy(const Split& test);

/// "utility" of analyse(): what answering questions lost by training with watermarks. A mix is scored
/// on the kinds of its own questions ("own"), and on all beside it: what a model that was tuned on
/// counting makes of colours says little of what watermarks cost. `study` is StudyResults::study,
/// whose plan says which mixes and rates there should be, and whose "constant_accuracy" what no skill is.
Json utility(const Runs& runs, const Json& study, const AnalysisOptions& options);

/// Whether training on a mix taught anything that watermarks could cost: the clean model answers the
/// mix's own kinds better, by the lower limit of its score, than by their most common answers
/// (`utility` is what utility() returned). True where one of the two numbers is not known.
bool has_skill(const Json& utility, const std::string& mix);

/// "sweep" of analyse(): clean runs at other learning rates, by which the study's were chosen.
Json rate_sweep(const Runs& runs);

/// "private_utility" of analyse(): the same scores after training with noise for privacy.
Json private_utility(const Runs& runs, const AnalysisOptions& options);

}  // namespace chainline::experiments
