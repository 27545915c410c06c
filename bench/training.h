#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "bench/model_shapes.h"
#include "nn/mllm.h"
#include "nn/optimizer.h"
#include "tensor/device.h"
#include "tensor/device_graph.h"
#include "tensor/tensor.h"

namespace chainline::bench {

/// The sizes of a model and of a training step. These are the benchmark model's (model_shapes.h).
struct StepSizes {
  std::int64_t batch = model::kBatch, image_size = model::kImageSize;
  std::int64_t patch_size = model::kPatchSize, head_width = model::kHeadWidth;
  std::int64_t text_tokens = model::kTextTokens, vocabulary = model::kVocabulary;
  std::int64_t channels = model::kChannels, text_channels = 0;  // of the decoder; 0: as many
  std::int64_t vision_hidden = model::kVisionHidden, text_hidden = model::kTextHidden;
  std::int64_t layers = model::kLayers;  // of the ViT, and of the decoder

  std::int64_t heads() const { return channels / head_width; }
  std::int64_t text_width() const { return text_channels == 0 ? channels : text_channels; }
  std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
  std::int64_t tokens() const { return patches() + text_tokens; }  // of the decoder
};

/// The multiply-adds of a step, two operations each.
///
///   3 * (products forward) - (dx of the patches, which nobody asks for) + attention
///
/// where a product with N x K weights costs 2 N K for every row, and its two gradients as much
/// each; attention costs 4 T D for every query of a head forward (scores, values) and 10 T D
/// backward (scores again, dv, dp, dq, dk), and half of that where it is causal. Everything else,
/// norms, activations, softmax and AdamW, is not counted.
double step_flops(const StepSizes& sizes);

nn::MllmConfig config_of(const StepSizes& sizes);

/// Random images, each followed by random text that is predicted from its second half on.
struct StepData {
  explicit StepData(const StepSizes& sizes);
  Tensor images, ids, labels;
  std::int64_t learnt;  ///< tokens that are predicted, of the whole batch
};

/// What a step showed: enough to tell whether two runs went the same way.
struct Step {
  double loss, gradient_norm;
  friend bool operator==(const Step&, const Step&) = default;
};

/// A model in training: forward, backward, clipping to a norm of 1, AdamW, as the experiments'
/// trainer does it.
class Training {
 public:
  /// The weights of all dtypes are the f32 ones, a function of the sizes. Activations are bf16, where
  /// that is said, on a device that computes with it.
  Training(const StepSizes& sizes, DType dtype, Device device = kCpu,
           bool bf16_activations = false);

  /// Each micro-batch adds to the gradients of the ones before.
  Step step(const StepData& data, std::int64_t micro_batch);
  Step step(const StepData& data) { return step(data, data.ids.shape()[0]); }
  /// The same step on a device, recorded the first time and replayed from then on, as the
  /// experiments' trainer does it there.
  Step replay(const StepData& data);

  const std::vector<nn::NamedParameter>& parameters() const { return parameters_; }

 private:
  struct Recorded {
    Tensor images, ids, index, labels, scale;  // that the graph reads
    Tensor losses, norm;                       // that it writes
    std::unique_ptr<DeviceGraph> graph;
  };
  void compute(Recorded& r);

  DType dtype_;
  nn::Mllm model_;
  std::vector<nn::NamedParameter> parameters_;
  std::unique_ptr<nn::AdamW> optimizer_;
  Recorded recorded_;
};

/// Another way to make the same step, which train_step_bench takes in turn with ours.
class StepContender {
 public:
  /// Makes ready to train from the weights of `parameters`, on so many threads.
  using Prepare = std::function<Step(const StepData&)> (*)(
      const StepSizes& sizes, const std::vector<nn::NamedParameter>& parameters, int threads);
  /// `possible`, when given, says at run time whether it can be compared.
  StepContender(const char* called, Prepare how, bool (*possible_)() = nullptr)
      : name(called), prepare(how), possible(possible_) {
    list().push_back(this);
  }
  StepContender(const StepContender&) = delete;
  StepContender& operator=(const StepContender&) = delete;

  static const std::vector<const StepContender*>& all() { return list(); }

  const char* const name;
  const Prepare prepare;
  bool (*const possible)();

 private:
  static std::vector<const StepContender*>& list() {
    static std::vector<const StepContender*> contenders;
    return contenders;
  }
};

}  // namespace chainline::bench
