#include "experiments/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/block_cache.h"
#include "tensor/ops/operand.h"

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

void check_math(Math math, Device device) {
  check<ValueError>(math == Math::exact || device.type == DeviceType::cuda,
                    "training: math: expected exact on the CPU, got fast; bf16 is computed by "
                    "--device=cuda alone");
}

BatchLoss loss_of(const nn::Mllm& model, const BatchTensors& samples, Normalization normalization,
                  std::int64_t batch_tokens, std::int64_t batch_samples) {
  const nn::MllmConfig& config = model.config();
  const nn::Splice plan = nn::splice(samples.ids, samples.labels, model.image_rows(), config);
  const nn::MllmOutput out = model(Variable(samples.images), samples.ids, plan);

  ops::CrossEntropyOptions options;
  options.ignore_index = config.ignore_index;
  const Tensor scale = ops::cross_entropy_scale(normalization, samples.labelled, batch_tokens,
                                                batch_samples, parameter_dtype(out.logits.dtype()));
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
      schedule_(config.learning_rate, warmup_steps(config), config.steps),
      order_(config.batch, samples.size(), config.seed) {
  check<ValueError>(!parameters_.empty(), "training: the model has no trainable parameter");
  check_math(config.math, model.device());
  model_.set_activations(config.math == Math::fast ? DType::bf16 : DType::f32);
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

Trainer::~Trainer() { model_.set_activations(DType::f32); }

std::unique_ptr<BatchLoader> Trainer::make_loader() const {
  const std::int64_t batch = config_.batch, part = std::min(config_.micro_batch, batch);
  const std::int64_t parts = (batch + part - 1) / part;  // of a step
  auto choose = [order = order_, batch, part, parts](std::int64_t number) mutable {
    const std::vector<std::int64_t> all = order.at(number / parts);
    const std::int64_t begin = number % parts * part;
    return std::vector<std::int64_t>(all.begin() + begin,
                                     all.begin() + std::min(batch, begin + part));
  };
  return std::make_unique<BatchLoader>(samples_, model_.config().pad_token_id, steps_ * parts,
                                       config_.steps * parts, std::move(choose));
}

StepRecord Trainer::step() {
  using Clock = std::chrono::steady_clock;
  if (!loader_) loader_ = make_loader();
  const std::vector<std::int64_t> batch = order_.at(steps_);
  StepRecord record;
  record.learning_rate = schedule_.rate(steps_);
  record.samples = static_cast<std::int64_t>(batch.size());
  for (const std::int64_t s : batch) record.tokens += samples_.labelled(s);

  GradientAccumulator sums(nn::variables_of(parameters_));
  GradOptions options;
  options.release = true;
  for (std::int64_t begin = 0; begin < record.samples; begin += config_.micro_batch) {
    const Clock::time_point asked = Clock::now();
    const BatchTensors part(loader_->next(), model_.device());
    record.waited += std::chrono::duration<double>(Clock::now() - asked).count();
    const BatchLoss loss =
        loss_of(model_, part, config_.normalization, record.tokens, record.samples);
    for (const double sample : loss.samples) record.loss += sample;
    sums.add(loss.loss, options);
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
  loader_.reset();
}

}  // namespace chainline::experiments
