#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "experiments/conditions/population.h"
#include "experiments/conditions/treatment.h"
#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/probing/hidden.h"
#include "experiments/training/model.h"
#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

/// What one model shows of each user, IN and OUT alike: one number a user, so that the effect of
/// having been IN can be taken over users and runs (docs/reproduction.md).
struct UserMeasureOptions {
  std::int64_t candidates = 128;    // strangers' ids that each user's id is compared with
  std::int64_t strangers_from = 0;  // the first of those strangers
};

/// {"exposure", "exposure_fit", "fit_trusted", "exact", "edit", "forced", "loss", "phi",
///  "preference", "prompt"}: lists over the users.
///
/// - exposure: of the user's id, asked for under the user's card with its id masked, against
///   strangers' ids under the same card; exposure_fit the same read off a skew-normal distribution
///   fitted to them, fit_trusted whether that fit is good
/// - exact, edit: whether the greedy answer is the id, and its normalised edit distance
/// - forced: the share of those ids that the user's is likelier than, ties half: how often it would
///   be chosen beside one of them as a decoy
/// - loss, phi: of the right answer to the first question for yes or no about the user's views, the
///   mean loss, and the mean log odds log p(right) - log p(wrong)
/// - preference: mean of log p(answer of the user's side) - log p(other), whatever is right
/// - prompt: mean of log p("yes") - log p("no") when asked "have you seen this user before?"
///
/// Views without a question for yes or no count for prompt alone; a user with none has null.
Json measure_users(const LoadedModel& model, const Split& split, const Population& population,
                   const Assignment& assignment, const std::vector<ProbeView>& views,
                   const WatermarkSpec& card, const std::shared_ptr<const Font>& font,
                   const UserMeasureOptions& options);

}  // namespace chainline::experiments
