#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/training/trainer.h"
#include "experiments/watermark/watermark.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// How a base comes about: stages of training, each on the images of one data set.
struct BaseStage {
  std::string data;         // load_dataset's spec
  std::int64_t copies = 1;  // of every image, each under another card
  double reading = 0.6;     // share of the pictures with a reader's card and questions about it
  std::int64_t turns = 4;   // questions about the picture in a conversation, at most
  /// Of questions about pictures; empty: all. What fine-tuning asks besides is new to the base, so
  /// that it has something to learn: where every answer is known already, gradients are next to
  /// nothing, and so is all that they could memorize.
  std::vector<std::string> kinds;
  TrainingConfig training;
};

/// One batch-size study: so many samples seen at every size, the learning rate by three rules.
struct GridSettings {
  std::vector<std::int64_t> batch_sizes;
  std::int64_t reference = 16;  // where the three rules have the same rate
  std::int64_t seeds = 3;
};

/// Every number of a study. A scale is a set of them (study_at); nothing else decides a result, so a
/// job's key is made from those that it depends on.
struct Study {
  std::string scale;
  std::string data;  // load_dataset's spec of what is fine-tuned and tested on
  std::string device = "cpu";
  std::uint64_t seed = 1;

  // Pictures and cards.
  int canvas = 64;
  WatermarkSpec card;
  std::string font;  // a TrueType file; "" for the built-in font

  // People.
  std::int64_t users = 32, strangers = 4352, readers = 20000;

  // Model and base.
  std::int64_t vocabulary = 448;
  nn::MllmConfig model;
  std::vector<BaseStage> base;

  // Fine-tuning.
  std::int64_t tune_images = 4000, tune_turns = 3;
  TrainingConfig tune;       // low-rank additions, the vision encoder frozen
  TrainingConfig full_tune;  // all weights
  TrainingConfig sgd_tune;   // the grid's other optimizer
  std::int64_t lora_rank = 16;
  /// Factors of the learning rates at which a clean run is tuned, too: the rates were chosen so.
  std::vector<double> sweep;

  // Runs.
  std::int64_t primary_seeds = 10, other_seeds = 3;
  std::vector<std::string> primary, others, full;  // codes of conditions
  std::vector<std::string> mixes;                  // names of question mixes
  GridSettings grid;
  /// Sigmas of the DP runs. One that is next to nothing is their control: the same steps, clipped
  /// alike, and no privacy.
  std::vector<double> private_noise;
  double private_clip = 1;
  std::int64_t private_users = 2;   // in a step of them, on average
  std::int64_t private_passes = 4;  // over the IN users

  // Measures.
  std::int64_t test_images = 500, probe_images = 128;
  std::int64_t candidates = 256, legibility_cards = 100, choice_questions = 100;
  std::int64_t folds = 4, relabellings = 19, bootstrap = 1000;
  std::vector<double> c_grid = {1e-3, 1e-2, 1e-1};
  std::vector<std::int64_t> gradient_sizes;
  std::int64_t gradient_batches = 8, gradient_images = 512;
  std::int64_t twin_samples = 32;  // whose watermark the twin lacks
};

/// What a run draws by: order, first low-rank values, which images have cards and where.
inline std::uint64_t run_seed(const Study& study, std::uint32_t run) {
  return study.seed * 1000 + run;
}

/// The built-in study of a scale: "smoke" (a few minutes, nothing is learned), "cpu" or "gpu".
/// `data` is "shapes" or any other spec.
///
/// **Errors** ValueError for another scale.
Study study_at(const std::string& scale, const std::string& data);

/// All of it, for the manifest.
Json to_json(const Study& study);

/// The part of a study that one kind of job depends on: a change elsewhere repeats none of them.
/// `base` holds data, people, model and how it is measured; `run` that and fine-tuning; `gradients`
/// that and the gradient study.
enum class StudyPart { base, run, gradients };
Json part_of(const Study& study, StudyPart part);

/// The study that a part was taken from, everything else as the default has it.
///
/// **Errors** FileError naming `where` and the key.
Study study_from(const Json& part, const std::string& where);

Json to_json(const BaseStage& stage);
BaseStage base_stage_from(const Json& object, const std::string& where);

}  // namespace chainline::experiments
