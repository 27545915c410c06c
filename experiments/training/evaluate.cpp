#include "experiments/training/evaluate.h"

#include <algorithm>
#include <numeric>

#include "autograd/variable.h"
#include "experiments/training/batch_loader.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/extremum.h"

namespace chainline::experiments {

Evaluation evaluate(const nn::Mllm& model, const Samples& samples, std::int64_t batch_size) {
  const NoGradGuard off;
  const nn::MllmConfig& config = model.config();
  Evaluation result;
  double loss = 0;
  std::int64_t labelled = 0;
  const std::int64_t batches = (samples.size() + batch_size - 1) / batch_size;
  BatchLoader loader(samples, config.pad_token_id, 0, batches, [&](std::int64_t number) {
    const std::int64_t begin = number * batch_size;
    std::vector<std::int64_t> chosen(
        static_cast<std::size_t>(std::min(batch_size, samples.size() - begin)));
    std::iota(chosen.begin(), chosen.end(), begin);
    return chosen;
  });
  for (std::int64_t number = 0; number < batches; ++number) {
    const BatchTensors batch(loader.next(), model.device());
    const nn::Splice plan = nn::splice(batch.ids, batch.labels, model.image_rows(), config);
    const Tensor logits = model(Variable(batch.images), batch.ids, plan).logits.value();

    ops::CrossEntropyOptions options;
    options.ignore_index = config.ignore_index;
    const Tensor by_sample = ops::cross_entropy(logits, plan.labels, options).loss;
    for (const double l : by_sample.to(DType::f64).to_vector<double>()) loss += l;

    const std::vector<std::int64_t> best = ops::argmax(logits, -1).to_vector<std::int64_t>();
    const std::vector<std::int64_t> wanted = plan.labels.to_vector<std::int64_t>();
    const auto B = static_cast<std::size_t>(plan.labels.shape()[0]);
    const auto L = static_cast<std::size_t>(plan.labels.shape()[1]);
    for (std::size_t b = 0; b < B; ++b) {
      // Labelled tokens come in runs, one per turn.
      bool all_right = true, inside = false, turn_right = true;
      for (std::size_t t = 0; t < L; ++t) {
        const std::int64_t label = wanted[b * L + t];
        const bool answer = label != config.ignore_index;
        if (answer && !inside) turn_right = true;
        if (answer) {
          ++labelled;
          turn_right = turn_right && best[b * L + t] == label;
        }
        const bool ends = answer && (t + 1 == L || wanted[b * L + t + 1] == config.ignore_index);
        if (ends) {
          ++result.questions;
          result.right += turn_right;
          all_right = all_right && turn_right;
        }
        inside = answer;
      }
      result.right_by_sample.push_back(all_right);
    }
  }
  result.loss = labelled == 0 ? 0 : loss / static_cast<double>(labelled);
  return result;
}

}  // namespace chainline::experiments
