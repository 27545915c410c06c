#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/training/batch_loader.h"
#include "experiments/training/loss.h"
#include "experiments/training/privacy.h"
#include "experiments/training/recorded_steps.h"
#include "experiments/training/samples.h"
#include "nn/mllm.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

namespace chainline::experiments {

/// More samples in a step than anybody has; a slip of the keyboard must not become one endless step.
inline constexpr std::int64_t kLargestBatch = 1'000'000;

enum class OptimizerKind { adamw, sgd };

/// The class of a training's arithmetic (docs/numerics.md): exact, or bf16 activations beside f32
/// parameters, repeatable on one device and library version.
enum class Math { exact, fast };

/// **Errors** ValueError for fast arithmetic on a device that has none.
void check_math(Math math, Device device);

/// How a model is trained. Everything that the result depends on is here or in the data;
/// micro_batch, recompute and graph are not among it, since they don't change a bit.
struct TrainingConfig {
  std::int64_t steps = 1000;
  std::int64_t batch = 32;
  std::int64_t micro_batch = 32;
  bool recompute = false;  ///< compute each block again for the gradient, for less memory
  bool graph = true;       ///< replay recorded steps on a device that can (RecordedSteps)
  OptimizerKind optimizer = OptimizerKind::adamw;
  double learning_rate = 4e-4;  ///< at 1e-3 the built-in shapes are not learned
  double warmup = 0.03;         ///< share of the steps
  double clip = 1.0;            ///< global norm of the gradient; 0 for none
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;  ///< of AdamW
  double momentum = 0;                            ///< of SGD
  Normalization normalization = Normalization::per_token;
  Math math = Math::exact;
  /// The most that a unit's gradient counts for (DP-SGD), 0 for a training without privacy. With it
  /// `batch` is the number of units of a step on average.
  double dp_clip = 0;
  double dp_noise = 0;  ///< sigma: the deviation of the noise over dp_clip
  PrivacyUnit dp_unit = PrivacyUnit::user;
  std::uint64_t seed = 1;  ///< of the order of the samples, or of their sampling and the noise

  friend bool operator==(const TrainingConfig&, const TrainingConfig&) = default;
};

/// What one step did.
struct StepRecord {
  std::int64_t step = 0;  ///< counted from 1
  double loss = 0;
  double gradient_norm = 0;  ///< before clipping
  double learning_rate = 0;
  std::int64_t samples = 0, tokens = 0;  ///< in the batch; tokens are the labelled ones
  double waited = 0;                     ///< seconds that the step waited for its data
};

/// Trains the parameters of a model that require a gradient.
///
///   loss = sum_b scale_b loss_b,   loss_b = the summed cross-entropy of sample b's answer tokens
///
/// with scale_b of the normalisation over the whole batch (cross_entropy_scale), computed in
/// micro-batches whose gradients continue one sum.
///
/// With dp_clip a step is one of DP-SGD instead (Abadi et al.: Deep Learning with Differential
/// Privacy, 2016), with the units of PrivateUnits:
///
///   gradient = (sum_u g_u min(1, dp_clip / |g_u|) + N(0, (dp_noise dp_clip)^2)) / batch
///   g_u      = the gradient of sum_b scale_b loss_b over unit u's samples
///
/// with scale_b = 1 (sum) or 1 / (labelled tokens of b) (per_sample), so that no unit's gradient
/// depends on another's samples; per_token, whose divisor would, is refused. A unit's gradient is one
/// continued sum over its samples, ascending; units are added in their order (ClippedSum). A step
/// without a unit is noise alone, and every trainable parameter has noise, whether a sample reaches it
/// or not. `clip` then bounds the noisy gradient, which costs no privacy. The records of steps are not
/// private.
///
/// Each unit has a backward of its own. Where each sample is a unit, a sample costs some three times
/// as much as in a plain step of 32 (`chainline train --data shapes --steps 6 --batch 32` with and
/// without `--normalization per_sample --dp-unit sample --dp-clip 1 --dp-noise 1`, samples_per_second
/// in log.jsonl).
///
/// Bits   the weights after step n are a function of (model, samples, config without micro_batch,
///        recompute and graph, n): of neither threads, nor micro-batches, nor interruptions. With
///        fast arithmetic also of micro_batch, the device, its libraries and the kernels chosen
class Trainer {
 public:
  /// Keeps references to the model and the samples. The samples of the next steps are prepared while
  /// a step computes (BatchLoader). With fast arithmetic the model has bf16 activations as long as its
  /// trainer lives; whoever evaluates it afterwards finds it exact.
  ///
  /// **Errors** ValueError for a config out of range, a model without trainable parameters, and
  /// dp_clip on a device, with fast arithmetic or with more expected units than there are.
  Trainer(nn::Mllm& model, const Samples& samples, const TrainingConfig& config);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  StepRecord step();
  std::int64_t steps_done() const { return steps_; }
  bool done() const { return steps_ >= config_.steps; }
  /// How many shapes of steps were recorded so far, to be replayed.
  std::size_t recorded_steps() const { return recorded_.recorded(); }

  // --- for those who look at a training (TraceLine, train_twins, bisect) ---
  /// The parameters that are trained.
  const std::vector<nn::NamedParameter>& parameters() const { return parameters_; }
  const TrainingConfig& config() const { return config_; }
  const Samples& samples() const { return samples_; }
  /// The samples of a step, counted from 0.
  std::vector<std::int64_t> samples_of(std::int64_t step);
  /// From the next step on gradients() are those of the last step, before clipping: one per
  /// parameter, undefined where none arrived. On a device that replays recorded steps each of them
  /// keeps gradients of its own. To be asked for before the first step.
  void keep_gradients() { keep_gradients_ = true; }
  const std::vector<Tensor>& gradients() const { return gradients_; }
  /// Fills texts up as for a device that replays steps, whatever the device is: it changes no bit
  /// of the result, and gives the steps of two devices tensors of the same shapes. To be asked for
  /// before the first step.
  void widen_texts() { widen_texts_ = true; }

  /// What a checkpoint needs beside the weights.
  std::vector<nn::NamedState> optimizer_state() const;
  void restore(std::int64_t steps, const std::vector<nn::NamedState>& state);

 private:
  /// The samples of a step, on the CPU, and what is known of it before it is done.
  struct Prepared {
    std::vector<LossInputs> parts;
    StepRecord record;
  };

  /// How many micro-batches a step has.
  std::int64_t parts_of_step() const {
    return (config_.batch - 1) / config_.micro_batch + 1;  // no sum that could overflow
  }
  std::unique_ptr<BatchLoader> make_loader(std::int64_t step) const;
  StepRecord record_of(std::int64_t step);
  LossInputs next_part(std::int64_t step, StepRecord& record);
  Prepared prepare(std::int64_t step);
  StepOutputs compute(const RecordedSteps::Part& part);
  void move(const std::vector<Tensor>& gradients, StepOutputs& out);
  StepOutputs compute_private(StepRecord& record);
  StepOutputs compute_on_cpu(StepRecord& record);
  StepOutputs compute_on_device(Prepared& now);

  nn::Mllm& model_;
  const Samples& samples_;
  TrainingConfig config_;
  std::vector<nn::NamedParameter> parameters_;
  nn::WarmupCosine schedule_;
  std::unique_ptr<nn::AdamW> adamw_;  // one of the two
  std::unique_ptr<nn::Sgd> sgd_;
  std::int64_t steps_ = 0;
  BatchOrder order_;
  std::optional<PrivateUnits> units_;    // with dp_clip: they have the place of order_
  std::unique_ptr<BatchLoader> loader_;  // of the micro-batches from steps_ on, none before step()
  std::optional<Prepared> next_;         // the next step's samples, prepared while a device works
  RecordedSteps recorded_;
  bool keep_gradients_ = false, widen_texts_ = false;
  std::vector<Tensor> gradients_;  // of the last step, if they are kept
};

}  // namespace chainline::experiments
