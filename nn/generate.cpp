#include "nn/generate.h"

#include "autograd/ops.h"
#include "tensor/math.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/cat.h"
#include "tensor/ops/extremum.h"
#include "tensor/ops/softmax.h"

namespace chainline::nn {
namespace {

Tensor as_row(const std::vector<std::int64_t>& ids, Device device) {
  return Tensor::from(ids, {1, static_cast<std::int64_t>(ids.size())}, device);
}

/// The prompt's rows in the decoder's space, the image's among them: (1, L, D).
Tensor prompt_rows(const Mllm& model, const Tensor& image, const std::vector<std::int64_t>& ids) {
  check<ValueError>(!ids.empty(), "generate: the prompt is empty");
  const Tensor row = as_row(ids, image.device());
  const Splice plan = splice(row, row, model.image_rows(), model.config());
  const Variable image_rows = model.encode(Variable(image)).rows;
  return gather_rows(cat({image_rows, model.decoder().embed(row)}, 1), plan.index).value();
}

/// The logits (V) after the last of the rows.
Tensor last_logits(const Mllm& model, const Tensor& rows, DecoderCache* cache) {
  const Variable hidden = model.decoder()(Variable(rows), cache).back();
  const std::int64_t T = hidden.shape()[1];
  return model.decoder().logits(narrow(hidden, 1, T - 1, 1)).value().reshape({-1});
}

std::int64_t choose(const Tensor& logits, const GenerateOptions& options,
                    const Generator* generator, std::uint32_t sample, std::uint64_t position) {
  if (options.temperature == 0) return ops::argmax(logits, 0).item<std::int64_t>();
  const Tensor p = ops::softmax(ops::mul_scalar(logits.to(DType::f64), 1 / options.temperature));
  const double u = generator->uniform(0, sample, position);
  const std::vector<double> probability = p.to_vector<double>();
  double below = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < probability.size(); ++i) {
    if (probability[i] > 0) last = static_cast<std::int64_t>(i);
    below += probability[i];
    if (u < below) return static_cast<std::int64_t>(i);
  }
  return last;  // the probabilities summed to a hair below 1
}

}  // namespace

std::vector<std::int64_t> generate(const Mllm& model, const Tensor& image,
                                   const std::vector<std::int64_t>& prompt,
                                   const GenerateOptions& options, const Generator* generator,
                                   std::uint32_t sample) {
  check<ValueError>(options.temperature >= 0, "generate: expected a temperature of 0 or more, got ",
                    options.temperature);
  check<ValueError>(options.temperature == 0 || generator != nullptr,
                    "generate: sampling needs a generator");
  const NoGradGuard off;
  std::vector<std::int64_t> answer;
  DecoderCache cache;
  Tensor rows = prompt_rows(model, image, prompt);  // those the next step has to compute
  while (static_cast<std::int64_t>(answer.size()) < options.max_tokens) {
    const Tensor logits = last_logits(model, rows, options.use_cache ? &cache : nullptr);
    const std::int64_t token = choose(logits, options, generator, sample, answer.size());
    if (token == options.stop_id) break;
    answer.push_back(token);
    const Tensor next = model.decoder().embed(as_row({token}, image.device())).value();
    rows = options.use_cache ? next : ops::cat({rows, next}, 1);
  }
  return answer;
}

Tensor next_token_logits(const Mllm& model, const Tensor& image,
                         const std::vector<std::int64_t>& prompt) {
  const NoGradGuard off;
  return last_logits(model, prompt_rows(model, image, prompt), nullptr);
}

}  // namespace chainline::nn
