#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "experiments/training/interrupt.h"
#include "experiments/training/trace.h"
#include "experiments/training/trainer.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// Where a training lives and what goes into its checkpoints.
struct RunPlan {
  std::filesystem::path folder;
  std::int64_t checkpoint_every = 200;       ///< steps
  std::map<std::string, std::string> texts;  ///< model_texts(): by file name
  std::string title = "train";               ///< of the progress line
  std::function<void(double)> progress;      ///< told the share that is done, after each step
  /// kernel_choices_text() to begin with, in the fast class; empty: chosen by their times.
  std::string kernels;
  /// Writes folder/trace.jsonl (TraceWriter), with what it takes to run the training again; a
  /// training that other code started leaves that empty: plan.trace.emplace().
  std::optional<TraceOrigin> trace;
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
  double seconds_traced = 0;   ///< in this call, spent on the trace; no part of the others

  /// Of this call's time in steps, the share that went by waiting for data.
  double share_waited() const { return seconds_here > 0 ? seconds_waited / seconds_here : 0; }
};

/// Trains the model to the end of the configuration, or to the end of what an earlier call left:
///
///     folder/checkpoint   the newest weights, the optimizer's state, the texts, and training.json;
///                         in the fast class also kernels.json, the kernels that were chosen, with
///                         which it goes on
///     folder/log.jsonl    a line for each step (TrainingLog)
///     folder/trace.jsonl  with plan.trace: the hashes of all gradients and weights (TraceWriter)
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
/// and for files that cannot be read or written; the checkpoint before is then untouched. A training
/// that was begun with a trace goes on with it alone, and one without it can't begin one in the middle.
/// **Bits** the final weights do not depend on interruptions, threads, micro-batches or recompute.
/// With fast arithmetic they depend on micro-batches and the device, so that is another training too.
TrainedRun train_run(nn::Mllm& model, const Samples& samples, const TrainingConfig& config,
                     const RunPlan& plan);

/// All that the bits of a training are a function of, by name: the configuration without micro_batch,
/// recompute and graph, and the SHA-256 of samples, first weights (those that the model has now),
/// texts and the names of the trained parameters.
Json training_identity(nn::Mllm& model, const Samples& samples, const TrainingConfig& config,
                       const RunPlan& plan);

/// Puts a model and its fresh trainer where the checkpoint of this training left them, unless there is
/// none, or it is of later than `at_most` steps; returns the steps done, 0 where nothing was touched.
///
/// **Errors** as train_run()
std::int64_t restore_training(nn::Mllm& model, Trainer& trainer, const Json& identity,
                              const std::filesystem::path& checkpoint, std::int64_t at_most);

/// What a key of training_identity() is to a user, " (the data with their watermarks)"; "" for a key
/// that says it itself.
std::string identity_in_words(const std::string& key);

}  // namespace chainline::experiments
