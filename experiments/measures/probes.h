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
  /// Of the probes that hold users out. Some 190 items of 96 features are nearly separable: with the
  /// published c of 1, which the replica keeps, a fit is mostly noise.
  double c = 1e-2;
  std::vector<double> c_grid;  // of the nested choice, at the last decoder layer
  std::uint64_t seed = 1;
  bool projections = false;
  bool keep_fits = false;          // for another run's transfer
  const Json* transfer = nullptr;  // the probes of a run with the same seed, views and assignment
};

/// Reads every layer of a fine-tuned model, after the question for the username and after that for
/// the id, under every user's cards:
///
///     {"username": {"layers": [LAYER...], "decisions": [[by user]...by layer]},
///      "user_id": the same of the decoder's layers,
///      "pixels": LAYER, "nested": {...}, "conditional": {...}, "mdl": {...},
///      "silhouettes": [{"layer", "mean", "p_value"}], "projections": {...}}
///
/// LAYER = {"layer", "replica": {"accuracy", "test_items", "selectivity", "control"}, "accuracy",
/// "auc", "auc_control": [by relabelling]}. Relabelling r is the same for all layers and questions.
/// With keep_fits a question has "fits", too: by decoder layer, by fold, the weights and behind them
/// the intercept of what decided. With `transfer` it has "transfer": [{"layer", "auc",
/// "decisions": [by user]}], where that other run's fits read this run's states, each those of the
/// users that it did not see. A probe fitted anew cannot tell which class is the familiar one; the
/// other run's can.
///
/// "nested", "conditional" and "mdl" are of the last decoder layer after the question for the
/// username; the base's states before fine-tuning are what "conditional" conditions on. "fits" says
/// how well all of them converged.
Json measure_model_probes(const LoadedModel& model, const LoadedModel& before, const Split& split,
                          const std::vector<Person>& users, const std::vector<ProbeView>& views,
                          const WatermarkSpec& card, const std::shared_ptr<const Font>& font,
                          const ProbeSettings& settings);

}  // namespace chainline::experiments
