#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "experiments/training/interrupt.h"
#include "experiments/training/trainer.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// Where a training lives and what goes into its checkpoints.
struct RunPlan {
  std::filesystem::path folder;
  std::int64_t checkpoint_every = 200;       ///< steps
  std::map<std::string, std::string> texts;  ///< model_texts(): by file name
  std::string title = "train";               ///< of the progress line
  /// kernel_choices_text() to begin with, in the fast class; empty: chosen by their times.
  std::string kernels;
};

/// What a call of train_run did.
struct TrainedRun {
  std::int64_t steps = 0;         ///< done in all
  std::int64_t resumed_from = 0;  ///< of these, done by earlier calls
  double seconds = 0;             ///< spent in steps, over all calls
  double seconds_here = 0;        ///< of these, in this call
  double seconds_waited = 0;      ///< of these in turn, waiting for data
  /// How often this call's steps asked the system for memory (system_allocations).
  std::uint64_t first_step_allocations = 0, later_allocations = 0;
  std::string weights_sha256;  ///< nn::hash_of the parameters

  /// Of this call's time in steps, the share that went by waiting for data.
  double share_waited() const { return seconds_here > 0 ? seconds_waited / seconds_here : 0; }
};

/// Trains the model to the end of the configuration, or to the end of what an earlier call left:
///
///     folder/checkpoint   the newest weights, the optimizer's state, the texts, and training.json;
///                         in the fast class also kernels.json, the kernels that were chosen, with
///                         which it goes on
///     folder/log.jsonl    a line for each step (TrainingLog)
///
/// A checkpoint that is there is gone on from, if it belongs to the same training: the same
/// configuration (micro_batch and recompute aside), samples, texts, first weights and frozen parameters. After a
/// finished training the model has its weights at once.
///
/// With dp_clip the identity holds "privacy": {"q", "sigma", "steps", "units", "users"}, which is what
/// an accountant needs (PrivacyLedger), and a digest of whose samples are whose.
///
/// SIGINT and SIGTERM let the step end, write a checkpoint and throw Interrupted.
///
/// **Errors** FileError naming the key and both values when the checkpoint is of another training,
/// and for files that cannot be read or written; the checkpoint before is then untouched.
/// **Bits** the final weights do not depend on interruptions, threads, micro-batches or recompute.
/// With fast arithmetic they depend on micro-batches and the device, so that is another training too.
TrainedRun train_run(nn::Mllm& model, const Samples& samples, const TrainingConfig& config,
                     const RunPlan& plan);

}  // namespace chainline::experiments
