#include "bench/training.h"

#include <algorithm>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "bench/harness.h"
#include "nn/init.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/global_norm.h"

namespace chainline::bench {

using namespace model;

double step_flops(const StepSizes& s) {
  const auto product = [](std::int64_t rows, std::int64_t K, std::int64_t N) {
    return 2.0 * static_cast<double>(rows * K * N);
  };
  const auto attention = [&](std::int64_t tokens, std::int64_t width) {
    return 14.0 * static_cast<double>(s.batch * tokens * tokens * width);
  };
  const std::int64_t C = s.channels, W = s.text_width(), vision_rows = s.batch * s.patches(),
                     text_rows = s.batch * s.tokens();
  const double patches = product(vision_rows, kImageChannels * s.patch_size * s.patch_size, C);
  const double vision_block =
      4 * product(vision_rows, C, C) + 2 * product(vision_rows, C, s.vision_hidden);
  const double projector = product(vision_rows, C, W) + product(vision_rows, W, W);
  const double text_block = 4 * product(text_rows, W, W) + 3 * product(text_rows, W, s.text_hidden);
  const double head = product(text_rows, W, s.vocabulary);
  const auto layers = static_cast<double>(s.layers);
  return 3 * (patches + layers * vision_block + projector + layers * text_block + head) - patches +
         layers * (attention(s.patches(), C) + attention(s.tokens(), W) / 2);
}

nn::MllmConfig config_of(const StepSizes& s) {
  nn::MllmConfig c;
  c.vision.image_size = s.image_size;
  c.vision.patch_size = s.patch_size;
  c.vision.hidden_size = s.channels;
  c.vision.intermediate_size = s.vision_hidden;
  c.vision.num_attention_heads = s.channels / s.head_width;
  c.vision.num_hidden_layers = s.layers;
  c.text.vocab_size = s.vocabulary;
  c.text.hidden_size = s.text_width();
  c.text.intermediate_size = s.text_hidden;
  c.text.num_hidden_layers = s.layers;
  c.text.num_attention_heads = c.text.num_key_value_heads = s.text_width() / s.head_width;
  return c;
}

StepData::StepData(const StepSizes& s)
    : images(randn({s.batch, kImageChannels, s.image_size, s.image_size}, 1)),
      learnt(s.batch * (s.text_tokens - s.text_tokens / 2)) {
  const nn::MllmConfig c = config_of(s);
  const std::vector<std::int64_t> words =
      randint({s.batch, s.text_tokens}, s.vocabulary - 2, 2).to_vector<std::int64_t>();
  std::vector<std::int64_t> id, label;
  for (std::int64_t b = 0; b < s.batch; ++b) {
    id.push_back(c.image_token_index);
    label.push_back(c.ignore_index);
    for (std::int64_t t = 0; t < s.text_tokens; ++t) {
      // Neither <image> nor padding.
      id.push_back(2 + words[static_cast<std::size_t>(b * s.text_tokens + t)]);
      label.push_back(t < s.text_tokens / 2 ? c.ignore_index : id.back());
    }
  }
  ids = Tensor::from(id, {s.batch, s.text_tokens + 1});
  labels = Tensor::from(label, {s.batch, s.text_tokens + 1});
}

Training::Training(const StepSizes& sizes, DType dtype, Device device, bool bf16_activations)
    : dtype_(dtype), model_(config_of(sizes), dtype), parameters_(nn::named_parameters(model_)) {
  nn::Mllm drawn(config_of(sizes), DType::f32);
  std::vector<nn::NamedParameter> weights = nn::named_parameters(drawn);
  nn::init_weights(weights, 1);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    parameters_[i].variable.mutable_value().copy_from(weights[i].variable.value().to(dtype));
  }
  nn::move_to(model_, device);
  if (bf16_activations) model_.set_activations(DType::bf16);
  optimizer_ = std::make_unique<nn::AdamW>(parameters_, nn::AdamWOptions{});
}

Step Training::step(const StepData& data, std::int64_t micro_batch) {
  Step result{0, 0};
  GradientAccumulator sums(nn::variables_of(parameters_));
  GradOptions options;
  options.release = true;
  const std::int64_t batch = data.ids.shape()[0];
  for (std::int64_t b = 0; b < batch; b += micro_batch) {
    const std::int64_t samples = std::min(micro_batch, batch - b);
    const Device device = model_.device();
    const Tensor ids = data.ids.narrow(0, b, samples).to(device);
    const nn::Splice plan = nn::splice(ids, data.labels.narrow(0, b, samples).to(device),
                                       model_.image_rows(), model_.config());
    const Tensor images = data.images.narrow(0, b, samples).to(dtype_).to(device);
    const Variable by_sample =
        cross_entropy(model_(Variable(images), ids, plan).logits, plan.labels, {});
    const Variable loss = sum(mul_scalar(by_sample, 1.0 / static_cast<double>(data.learnt)), {0});
    result.loss += loss.value().to(kCpu).to(DType::f64).item<double>();
    sums.add(loss, options);
  }
  std::vector<Tensor> gradients = sums.finish();
  result.gradient_norm = nn::clip_by_global_norm(gradients, 1);
  optimizer_->step(gradients, 1e-3);
  return result;
}

void Training::compute(Recorded& r) {
  const nn::MllmOutput out = model_(Variable(r.images), r.ids, {r.index, r.labels, {}});
  const Variable by_sample = cross_entropy(out.logits, r.labels, {}, r.scale);
  r.losses = ops::mul(by_sample.value(), r.scale);
  GradientAccumulator sums(nn::variables_of(parameters_));
  GradOptions options;
  options.grad_outputs = {Variable(r.scale)};
  options.release = true;
  sums.add(by_sample, options);
  const std::vector<Tensor> gradients = sums.finish();
  const ops::GlobalNormResult clip = ops::global_norm(gradients, 1);
  r.norm = clip.norm;
  optimizer_->apply(gradients, clip.factor);
}

Step Training::replay(const StepData& data) {
  const nn::Splice plan = nn::splice(data.ids, data.labels, model_.image_rows(), model_.config());
  optimizer_->prepare(1e-3);
  Recorded& r = recorded_;
  if (r.graph == nullptr) {
    const Device device = model_.device();
    r.images = data.images.to(device);
    r.ids = data.ids.to(device);
    r.index = plan.index.to(device);
    r.labels = plan.labels.to(device);
    r.scale = Tensor::full({data.ids.shape()[0]}, 1.0 / static_cast<double>(data.learnt),
                           DType::f32, device);
    r.graph = std::make_unique<DeviceGraph>(device, [&] { compute(r); });
  } else {
    r.images.upload_from(data.images);
    r.ids.upload_from(data.ids);
    r.index.upload_from(plan.index);
    r.labels.upload_from(plan.labels);
  }
  r.graph->replay();
  Step result{0, 0};
  for (const double loss : r.losses.to(kCpu).to(DType::f64).to_vector<double>()) {
    result.loss += loss;
  }
  result.gradient_norm = r.norm.item<double>();
  return result;
}

}  // namespace chainline::bench
