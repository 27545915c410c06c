#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "experiments/data/json.h"
#include "experiments/study/study.h"
#include "experiments/training/model.h"

namespace chainline::experiments {

/// One fine-tuning of a study, and what is measured of it.
struct RunSpec {
  std::string condition = "C0";
  std::uint32_t run = 0;        // the run seed: who is IN, the order, the first low-rank values
  std::string tuning = "lora";  // or "full"
  std::string mix = "general";
  std::string optimizer = "adamw";
  std::int64_t batch = 16;
  double rate_factor = 1;    // of the learning rate of the study
  double private_noise = 0;  // sigma of DP-SGD; 0: none
  std::int64_t lora_rank = 16;
  std::string measures = "all";  // or "users" (no probes), "utility"
  bool projections = false;      // PCA and t-SNE of one layer's states, too

  /// Short, unique within a study: "W100/3", "C0/0/full", "W100/1/sgd-b8-x0.25".
  std::string name() const;
};

Json to_json(const RunSpec& spec);
/// **Errors** FileError naming the key.
RunSpec run_spec_from(const Json& object, const std::string& where);

/// The condition whose probes are kept, and read the states of the conditions that swap or replace
/// its users: whoever it makes familiar, they are OUT in SW and nobody in U3.
inline constexpr const char* kTransferFrom = "W100";
inline constexpr const char* kTransferTo[] = {"SW", "U3"};

/// Fine-tunes the base in `base` as the spec says and measures the result:
///
///     {"condition", "run", ..., "train", "in", "sides", "partners", "utility", "users", "probes"}
///
/// partners says for each user with whom it shares the pictures that it is measured on: an IN user
/// with an OUT user of the same side, where there are as many of both. `twin` is the result of the
/// kTransferFrom run of the same number, whose probes read this run's states, too (SW, U3); null for
/// other conditions. Which of these are there follows from spec.measures. `folder` keeps the training's log and its
/// hash-chained trace, whose last chain is train.chain: one hash for every loss, gradient and weight.
Json do_run(const Study& study, const RunSpec& spec, const std::filesystem::path& folder,
            const std::filesystem::path& base, const Json* twin,
            const std::function<void(double)>& progress);

/// What the paper trains: low-rank additions to the decoder and the whole projector, their first
/// values drawn from the seed; or, with tuning "full", all weights.
void make_trainable(LoadedModel& model, const RunSpec& spec, std::uint64_t seed);

/// The configuration of the fine-tuning, one epoch over `images`.
TrainingConfig tuning_config(const Study& study, const RunSpec& spec, std::int64_t images);

}  // namespace chainline::experiments
