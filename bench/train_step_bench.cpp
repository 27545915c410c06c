// One training step of the benchmark model (model_shapes.h): forward, backward, clipping, AdamW, as
// the experiments' trainer does it. What does a step cost, and how much of the processor does it
// use?

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/machine.h"
#include "bench/model_shapes.h"
#include "nn/init.h"
#include "nn/mllm.h"
#include "nn/optimizer.h"
#include "tensor/parallel.h"

namespace chainline::bench {
namespace {

using namespace model;

/// The multiply-adds of a step, two operations each.
///
///   3 * (products forward) - (dx of the patches, which nobody asks for) + attention
///
/// where a product with N x K weights costs 2 N K for every row, and its two gradients as much
/// each; attention costs 4 T D for every query of a head forward (scores, values) and 10 T D
/// backward (scores again, dv, dp, dq, dk), and half of that where it is causal. Everything else,
/// norms, activations, softmax and AdamW, is not counted.
double step_flops() {
  const auto product = [](std::int64_t rows, std::int64_t K, std::int64_t N) {
    return 2.0 * static_cast<double>(rows * K * N);
  };
  const auto attention = [](std::int64_t tokens) {
    return 14.0 * static_cast<double>(kBatch * kHeads * tokens * tokens * kHeadWidth);
  };
  const double patches = product(kVisionRows, kPatchNumbers, kChannels);
  const double vision_block = 4 * product(kVisionRows, kChannels, kChannels) +
                              2 * product(kVisionRows, kChannels, kVisionHidden);
  const double projector = 2 * product(kVisionRows, kChannels, kChannels);
  const double text_block =
      4 * product(kTextRows, kChannels, kChannels) + 3 * product(kTextRows, kChannels, kTextHidden);
  const double head = product(kTextRows, kChannels, kVocabulary);
  return 3 * (patches + kLayers * vision_block + projector + kLayers * text_block + head) -
         patches + kLayers * (attention(kPatches) + attention(kTokens) / 2);
}

nn::MllmConfig config() {
  nn::MllmConfig c;
  c.vision.image_size = kImageSize;
  c.vision.patch_size = kPatchSize;
  c.vision.hidden_size = kChannels;
  c.vision.intermediate_size = kVisionHidden;
  c.vision.num_attention_heads = kHeads;
  c.vision.num_hidden_layers = kLayers;
  c.text.vocab_size = kVocabulary;
  c.text.hidden_size = kChannels;
  c.text.intermediate_size = kTextHidden;
  c.text.num_hidden_layers = kLayers;
  c.text.num_attention_heads = c.text.num_key_value_heads = kHeads;
  return c;
}

/// Random images, each followed by random text that is predicted from its second half on.
struct Data {
  Tensor images = randn({kBatch, kImageChannels, kImageSize, kImageSize}, 1), ids, labels;

  Data() {
    const nn::MllmConfig c = config();
    const std::vector<std::int64_t> words =
        randint({kBatch, kTextTokens}, kVocabulary - 2, 2).to_vector<std::int64_t>();
    std::vector<std::int64_t> id, label;
    for (std::size_t b = 0; b < kBatch; ++b) {
      id.push_back(c.image_token_index);
      label.push_back(c.ignore_index);
      for (std::size_t t = 0; t < kTextTokens; ++t) {
        id.push_back(2 + words[b * kTextTokens + t]);  // neither <image> nor padding
        label.push_back(t < kTextTokens / 2 ? c.ignore_index : id.back());
      }
    }
    ids = Tensor::from(id, {kBatch, kTextTokens + 1});
    labels = Tensor::from(label, {kBatch, kTextTokens + 1});
  }
};

/// What a step showed: enough to tell whether two runs went the same way.
struct Step {
  double loss, gradient_norm;
  friend bool operator==(const Step&, const Step&) = default;
};

class Training {
 public:
  explicit Training(DType dtype)
      : dtype_(dtype), model_(config(), dtype), parameters_(nn::named_parameters(model_)) {
    // The weights of all dtypes are the f32 ones.
    nn::Mllm drawn(config(), DType::f32);
    std::vector<nn::NamedParameter> weights = nn::named_parameters(drawn);
    nn::init_weights(weights, 1);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      parameters_[i].variable.mutable_value().copy_from(weights[i].variable.value().to(dtype));
    }
    optimizer_ = std::make_unique<nn::AdamW>(parameters_, nn::AdamWOptions{});
  }

  std::int64_t parameters() const { return nn::count_elements(parameters_); }

  Step step(const Data& data, std::int64_t micro_batch = kBatch) {
    Step result{0, 0};
    GradientAccumulator sums(nn::variables_of(parameters_));
    GradOptions options;
    options.release = true;
    for (std::int64_t b = 0; b < kBatch; b += micro_batch) {
      const Tensor ids = data.ids.narrow(0, b, micro_batch);
      const nn::Splice plan =
          nn::splice(ids, data.labels.narrow(0, b, micro_batch), kPatches, model_.config());
      const Tensor images = data.images.narrow(0, b, micro_batch).to(dtype_);
      const Variable by_sample =
          cross_entropy(model_(Variable(images), ids, plan).logits, plan.labels, {});
      const double per_token = 1.0 / static_cast<double>(kBatch * kTextTokens / 2);
      const Variable loss = sum(mul_scalar(by_sample, per_token), {0});
      result.loss += loss.value().to(DType::f64).item<double>();
      sums.add(loss, options);
    }
    std::vector<Tensor> gradients = sums.finish();
    result.gradient_norm = nn::clip_by_global_norm(gradients, 1);
    optimizer_->step(gradients, 1e-3);
    return result;
  }

 private:
  DType dtype_;
  nn::Mllm model_;
  std::vector<nn::NamedParameter> parameters_;
  std::unique_ptr<nn::AdamW> optimizer_;
};

/// The first steps as every run must repeat them, in bits: computed in four micro-batches, which
/// takes other block sizes through every kernel. The first is compared with f64.
///
/// The bound: a value passes some 6 products in each of 12 blocks, forward and again backward. A
/// chain of K terms is off by at most K u, relative to the sum of its terms' sizes, so the relative
/// error of loss and norm is, to first order and unless terms cancel, below 144 * 768 * 2^-24.
class FirstSteps {
 public:
  FirstSteps() {
    const Data data;
    Training split(DType::f32);
    for (int s = 0; s < 2; ++s) steps_.push_back(split.step(data, kBatch / 4));
    const Step exact = Training(DType::f64).step(data, 4);
    const double bound = 144 * 768 * 0x1p-24;
    right_ = std::abs(steps_[0].loss - exact.loss) <= bound * exact.loss &&
             std::abs(steps_[0].gradient_norm - exact.gradient_norm) <= bound * exact.gradient_norm;
  }

  /// Step s, counted from 0, went as it must; what runs first beyond the known ones is believed.
  bool agrees(std::size_t s, const Step& step) {
    if (s == steps_.size()) steps_.push_back(step);
    // The losses of micro-batches are added in f64 here, so only norms are compared in bits.
    return right_ && std::isfinite(step.loss) && steps_[s].gradient_norm == step.gradient_norm &&
           std::abs(steps_[s].loss - step.loss) <= 4 * 0x1p-24 * step.loss;
  }

 private:
  std::vector<Step> steps_;
  bool right_ = false;
};

void train_step(benchmark::State& state, int n) {
  set_threads(n);
  static FirstSteps first_steps;
  release_cached_memory();
  const Data data;
  Training training(DType::f32);
  std::size_t steps = 0;
  if (!first_steps.agrees(steps++, training.step(data))) {
    return refuse(state, "wrong first step");
  }
  const auto held = [] {
    const MemoryUse use = memory_use();
    return static_cast<double>(use.in_use + use.cached);
  };
  const double held_before = held();
  reset_peak_resident_bytes();
  bool right = true;
  const Stopwatch watch(n);
  for (auto _ : state) {
    right = first_steps.agrees(steps++, training.step(data)) && right;
  }
  const double seconds = watch.seconds() / static_cast<double>(state.iterations());
  if (!right) return refuse(state, "wrong loss or gradient");
  report(state, step_flops(), 0, seconds, n);
  state.counters["GFLOP/step"] = step_flops() * 1e-9;
  state.counters["samples/s"] = static_cast<double>(kBatch) / seconds;
  state.counters["peak_MB"] = peak_resident_bytes() * 1e-6;
  // What the cache of blocks took from the system since the first step; 0 is the promise.
  state.counters["new_bytes"] = held() - held_before;
  state.counters["parameters"] = static_cast<double>(training.parameters());
}

const Suite training([] {
  for (const int n : thread_counts()) {
    auto* const registered =
        benchmark::RegisterBenchmark(("train_step/f32" + thread_suffix(n)).c_str(),
                                     [n](benchmark::State& state) { train_step(state, n); });
    registered->Unit(benchmark::kMillisecond);
    if (n > 1) registered->UseRealTime();
  }
});

}  // namespace
}  // namespace chainline::bench
