#include "experiments/training/trainer.h"

#include <algorithm>
#include <cmath>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/block_cache.h"

namespace chainline::experiments {
namespace {

std::int64_t warmup_steps(const TrainingConfig& config) {
  check<ValueError>(config.warmup >= 0 && config.warmup <= 1,
                    "training: warmup: expected a share in [0, 1], got ", config.warmup);
  return static_cast<std::int64_t>(std::ceil(config.warmup * static_cast<double>(config.steps)));
}

void check_config(const TrainingConfig& c) {
  check<ValueError>(c.steps >= 1, "training: steps: expected at least 1, got ", c.steps);
  check<ValueError>(c.batch >= 1 && c.batch <= kLargestBatch, "training: batch: expected 1 .. ",
                    kLargestBatch, ", got ", c.batch);
  check<ValueError>(c.micro_batch >= 1, "training: micro_batch: expected at least 1, got ",
                    c.micro_batch);
  check<ValueError>(c.learning_rate > 0, "training: learning_rate: expected above 0, got ",
                    c.learning_rate);
  check<ValueError>(c.clip >= 0, "training: clip: expected 0 or more, got ", c.clip);
}

}  // namespace

BatchLoss loss_of(const nn::Mllm& model, const Samples& samples,
                  const std::vector<std::int64_t>& chosen, Normalization normalization,
                  std::int64_t batch_tokens, std::int64_t batch_samples) {
  const nn::MllmConfig& config = model.config();
  const Batch text = samples.batch(chosen, config.pad_token_id);
  const Tensor ids = Tensor::from(text.ids, {text.rows, text.columns});
  const Tensor labels = Tensor::from(text.labels, {text.rows, text.columns});
  const nn::Splice plan = nn::splice(ids, labels, model.image_rows(), config);
  const nn::MllmOutput out = model(Variable(samples.images(chosen)), ids, plan);

  std::vector<std::int64_t> counts;
  for (const std::int64_t s : chosen) counts.push_back(samples.labelled(s));
  ops::CrossEntropyOptions options;
  options.ignore_index = config.ignore_index;
  const Tensor scale = ops::cross_entropy_scale(normalization, Tensor::from(counts, {text.rows}),
                                                batch_tokens, batch_samples, out.logits.dtype());
  // The loss below hands each sample's factor on, as its gradient.
  const Variable by_sample = cross_entropy(out.logits, plan.labels, options, scale);
  const Variable scaled = by_sample * Variable(scale);
  return {sum(scaled, {0}), scaled.value().to(DType::f64).to_vector<double>()};
}

Trainer::Trainer(nn::Mllm& model, const Samples& samples, const TrainingConfig& config)
    : model_(model),
      samples_(samples),
      config_((check_config(config), config)),
      parameters_(nn::trainable_parameters(model)),
      schedule_(config.learning_rate, warmup_steps(config), config.steps) {
  check<ValueError>(!parameters_.empty(), "training: the model has no trainable parameter");
  model_.set_recompute(config.recompute);
  if (config.optimizer == OptimizerKind::adamw) {
    nn::AdamWOptions options;
    options.beta1 = config.beta1;
    options.beta2 = config.beta2;
    options.eps = config.eps;
    options.weight_decay = config.weight_decay;
    adamw_ = std::make_unique<nn::AdamW>(parameters_, options);
  } else {
    nn::SgdOptions options;
    options.momentum = config.momentum;
    options.weight_decay = config.weight_decay;
    sgd_ = std::make_unique<nn::Sgd>(parameters_, options);
  }
}

StepRecord Trainer::step() {
  const std::vector<std::int64_t> batch =
      batch_at(steps_, config_.batch, samples_.size(), config_.seed);
  StepRecord record;
  record.learning_rate = schedule_.rate(steps_);
  record.samples = static_cast<std::int64_t>(batch.size());
  for (const std::int64_t s : batch) record.tokens += samples_.labelled(s);

  GradientAccumulator sums(nn::variables_of(parameters_));
  GradOptions options;
  options.release = true;
  for (std::size_t begin = 0; begin < batch.size();) {
    const std::size_t end =
        std::min(batch.size(), begin + static_cast<std::size_t>(config_.micro_batch));
    const std::vector<std::int64_t> part(batch.begin() + static_cast<std::ptrdiff_t>(begin),
                                         batch.begin() + static_cast<std::ptrdiff_t>(end));
    const BatchLoss loss =
        loss_of(model_, samples_, part, config_.normalization, record.tokens, record.samples);
    for (const double sample : loss.samples) record.loss += sample;
    sums.add(loss.loss, options);
    begin = end;
  }
  std::vector<Tensor> gradients = sums.finish();
  check<ValueError>(std::isfinite(record.loss), "training: the loss of step ", steps_ + 1, " is ",
                    record.loss);
  record.gradient_norm = config_.clip > 0 ? nn::clip_by_global_norm(gradients, config_.clip)
                                          : nn::global_norm(gradients);
  if (adamw_) {
    adamw_->step(gradients, record.learning_rate);
  } else {
    sgd_->step(gradients, record.learning_rate);
  }
  settle_block_cache();
  record.step = ++steps_;
  return record;
}

std::vector<nn::NamedState> Trainer::optimizer_state() const {
  return adamw_ ? adamw_->state() : sgd_->state();
}

void Trainer::restore(std::int64_t steps, const std::vector<nn::NamedState>& state) {
  if (adamw_) {
    adamw_->restore(steps, state);
  } else {
    sgd_->restore(steps, state);
  }
  steps_ = steps;
}

}  // namespace chainline::experiments
