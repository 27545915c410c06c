#include "experiments/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "autograd/engine.h"
#include "tensor/block_cache.h"
#include "tensor/ops/global_norm.h"

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
  check<ValueError>(c.dp_clip >= 0 && std::isfinite(c.dp_clip),
                    "training: dp_clip: expected a finite number of 0 or more, got ", c.dp_clip);
  check<ValueError>(c.dp_noise >= 0 && std::isfinite(c.dp_noise),
                    "training: dp_noise: expected a finite number of 0 or more, got ", c.dp_noise);
  check<ValueError>(c.dp_noise == 0 || c.dp_clip > 0,
                    "training: dp_noise: expected 0 without dp_clip, got ", c.dp_noise,
                    "; noise hides a unit only where its gradient is bounded");
}

/// What a private training cannot be.
void check_private(const TrainingConfig& c, Device device) {
  if (c.dp_clip == 0) return;
  check<ValueError>(device == kCpu && c.math == Math::exact,
                    "training: dp_clip: expected 0 on a device and with fast arithmetic, got ",
                    c.dp_clip, "; private steps are computed on the CPU, exactly, alone");
  check<ValueError>(
      c.normalization != Normalization::per_token,
      "training: normalization: expected sum or per_sample with dp_clip, got "
      "per_token; the tokens of a batch would make a unit's gradient depend on others");
  check<ValueError>(c.steps <= UINT32_MAX, "training: steps: expected at most ", UINT32_MAX,
                    " with dp_clip, which counts the noise by them, got ", c.steps);
}

SampleBatch timed_next(BatchLoader& loader, StepRecord& record) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point asked = Clock::now();
  SampleBatch samples = loader.next();
  record.waited += std::chrono::duration<double>(Clock::now() - asked).count();
  return samples;
}

}  // namespace

void check_math(Math math, Device device) {
  check<ValueError>(math == Math::exact || device.type == DeviceType::cuda,
                    "training: math: expected exact on the CPU, got fast; bf16 is computed by "
                    "--device=cuda alone");
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
  check_private(config, model.device());
  if (config.dp_clip > 0) units_.emplace(samples, config.dp_unit, config.batch, config.seed);
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

std::unique_ptr<BatchLoader> Trainer::make_loader(std::int64_t step) const {
  const std::int64_t batch = config_.batch, part = std::min(config_.micro_batch, batch);
  const std::int64_t parts = parts_of_step();
  auto choose = [order = order_, batch, part, parts](std::int64_t number) mutable {
    const std::vector<std::int64_t> all = order.at(number / parts);
    const std::int64_t begin = number % parts * part;
    return std::vector<std::int64_t>(all.begin() + begin,
                                     all.begin() + std::min(batch, begin + part));
  };
  return std::make_unique<BatchLoader>(samples_, model_.config().pad_token_id, step * parts,
                                       config_.steps * parts, std::move(choose));
}

std::vector<std::int64_t> Trainer::samples_of(std::int64_t step) {
  if (!units_) return order_.at(step);
  std::vector<std::int64_t> all;
  for (const std::vector<std::int64_t>& unit : units_->at(step)) {
    all.insert(all.end(), unit.begin(), unit.end());
  }
  return all;
}

StepRecord Trainer::record_of(std::int64_t step) {
  StepRecord record;
  const std::vector<std::int64_t> batch = samples_of(step);
  record.learning_rate = schedule_.rate(step);
  record.samples = static_cast<std::int64_t>(batch.size());
  for (const std::int64_t s : batch) record.tokens += samples_.labelled(s);
  return record;
}

LossInputs Trainer::next_part(std::int64_t step, StepRecord& record) {
  if (!loader_) loader_ = make_loader(step);
  SampleBatch samples = timed_next(*loader_, record);
  // Fewer shapes are fewer graphs (RecordedSteps). Without graphs too: the kernels of the fast class
  // are chosen by shape, and whether steps are recorded must not show.
  constexpr std::int64_t kColumns = 8;
  if (widen_texts_ || model_.device() != kCpu) {
    samples.text = widened(samples.text, kColumns, model_.config().pad_token_id);
  }
  const BatchTensors part(samples, kCpu);
  return loss_inputs(model_, part, config_.normalization, record.tokens, record.samples);
}

Trainer::Prepared Trainer::prepare(std::int64_t step) {
  Prepared p{{}, record_of(step)};
  for (std::int64_t i = 0; i < parts_of_step(); ++i) p.parts.push_back(next_part(step, p.record));
  return p;
}

/// Work of the model's device alone: what changes from step to step is in the parts, and in the
/// factors of the optimizer, which are prepared.
StepOutputs Trainer::compute(const RecordedSteps::Part& part) {
  GradientAccumulator sums(nn::variables_of(parameters_));
  StepOutputs out;
  for (std::int64_t i = 0; i < parts_of_step(); ++i) {
    const BatchLoss loss = loss_of(model_, part(static_cast<std::size_t>(i)));
    out.losses.push_back(loss.scaled);
    sums.add(loss.by_sample, loss.options());
  }
  move(sums.finish(), out);
  return out;
}

void Trainer::move(const std::vector<Tensor>& gradients, StepOutputs& out) {
  const double no_limit = std::numeric_limits<double>::infinity();
  const ops::GlobalNormResult clip =
      ops::global_norm(gradients, config_.clip > 0 ? config_.clip : no_limit);
  if (adamw_) {
    adamw_->apply(gradients, clip.factor);
  } else {
    sgd_->apply(gradients, clip.factor);
  }
  out.norm = clip.norm;
  if (keep_gradients_) out.gradients = gradients;
}

/// One backward per unit and micro-batch; a micro-batch holds samples of one unit.
StepOutputs Trainer::compute_private(StepRecord& record) {
  struct Part {
    std::vector<std::int64_t> samples;
    bool last = false;  // of its unit
  };
  std::vector<Part> parts;
  for (const std::vector<std::int64_t>& unit : units_->at(steps_)) {
    const auto size = static_cast<std::int64_t>(unit.size());
    for (std::int64_t begin = 0; begin < size; begin += config_.micro_batch) {
      const std::int64_t end = begin + std::min(config_.micro_batch, size - begin);
      parts.push_back({{unit.begin() + begin, unit.begin() + end}, end == size});
    }
  }
  // The number of parts differs from step to step, so each step has its loader.
  BatchLoader loader(
      samples_, model_.config().pad_token_id, 0, static_cast<std::int64_t>(parts.size()),
      [&](std::int64_t number) { return parts[static_cast<std::size_t>(number)].samples; });
  GradientAccumulator unit(nn::variables_of(parameters_));
  ClippedSum sum(parameters_, config_.dp_clip);
  StepOutputs out;
  for (const Part& part : parts) {
    const BatchTensors samples(timed_next(loader, record), kCpu);
    // As if each sample were a batch: no scale depends on other samples.
    const BatchLoss loss =
        loss_of(model_, loss_inputs(model_, samples, config_.normalization, record.tokens, 1));
    out.losses.push_back(loss.scaled);
    unit.add(loss.by_sample, loss.options());
    if (part.last) sum.add(unit.finish());
  }
  const Generator noise(config_.seed, "dp noise");
  move(noisy_mean(sum.sums(), config_.dp_noise * config_.dp_clip,
                  static_cast<double>(units_->expected()), noise, steps_),
       out);
  return out;
}

StepOutputs Trainer::compute_on_cpu(StepRecord& record) {
  if (units_) return compute_private(record);
  return compute([&](std::size_t) { return next_part(steps_, record); });
}

/// Asks the device for the step, and prepares the next one's samples while it works.
StepOutputs Trainer::compute_on_device(Prepared& now) {
  const auto all = [&](const RecordedSteps::Part& part) { return compute(part); };
  const StepOutputs out = recorded_.run(now.parts, model_.device(), config_.graph, all);
  if (steps_ + 1 < config_.steps) {
    // What goes wrong here goes wrong again when the samples are needed.
    try {
      next_ = prepare(steps_ + 1);
    } catch (const std::exception&) {
      loader_.reset();
    }
  }
  return out;
}

StepRecord Trainer::step() {
  const bool on_cpu = model_.device() == kCpu;
  gradients_.clear();
  Prepared now;
  if (on_cpu) {
    now.record = record_of(steps_);
  } else {
    now = next_ ? std::move(*next_) : prepare(steps_);
    next_.reset();
  }
  StepRecord& record = now.record;
  if (adamw_) {
    adamw_->prepare(record.learning_rate);
  } else {
    sgd_->prepare(record.learning_rate);
  }
  const StepOutputs out = on_cpu ? compute_on_cpu(record) : compute_on_device(now);
  for (const Tensor& losses : out.losses) {
    for (const double loss : losses.to(DType::f64).to_vector<double>()) record.loss += loss;
  }
  // A mean over samples, as without privacy; the sum of no samples is 0.
  if (units_ && config_.normalization == Normalization::per_sample && record.samples > 0) {
    record.loss /= static_cast<double>(record.samples);
  }
  record.gradient_norm = out.norm.item<double>();
  // With such a norm the optimizer moved nothing (global_norm).
  check<ValueError>(std::isfinite(record.loss), "training: the loss of step ", steps_ + 1, " is ",
                    record.loss);
  check<ValueError>(std::isfinite(record.gradient_norm), "training: the gradient's norm of step ",
                    steps_ + 1, " is ", record.gradient_norm);
  gradients_ = out.gradients;
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
  next_.reset();
}

}  // namespace chainline::experiments
