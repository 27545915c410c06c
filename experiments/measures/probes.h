#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/probing/hidden.h"
#include "experiments/training/model.h"
#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

struct ProbeSettings {
  std::int64_t folds = 4, relabellings = 19;
  std::vector<double> c_grid;  // of the nested choice, at the last decoder layer
  std::uint64_t seed = 1;
  bool projections = false;
};

/// Reads every layer of a fine-tuned model, after the question for the username and after that for
/// the id, under every user's cards:
///
///     {"username": {"layers": [LAYER...], "decisions": [[by user]...by layer]},
///      "user_id": the same of the decoder's layers,
///      "pixels": LAYER, "nested": {...}, "conditional": {...}, "mdl": {...},
///      "projections": {...}}
///
/// LAYER = {"layer", "replica": {"accuracy", "test_items", "selectivity", "control"}, "accuracy",
/// "auc", "auc_control": [by relabelling]}. Relabelling r is the same for all layers and questions.
/// "nested", "conditional" and "mdl" are of the last decoder layer after the question for the
/// username; the base's states before fine-tuning are what "conditional" conditions on. "fits" says
/// how well all of them converged.
Json measure_model_probes(const LoadedModel& model, const LoadedModel& before, const Split& split,
                          const std::vector<Person>& users, const std::vector<ProbeView>& views,
                          const WatermarkSpec& card, const std::shared_ptr<const Font>& font,
                          const ProbeSettings& settings);

}  // namespace chainline::experiments
