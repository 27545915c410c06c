#include "experiments/measures/candidates.h"

#include <algorithm>

#include "autograd/ops.h"
#include "nn/generate.h"
#include "tensor/ops/cross_entropy.h"

namespace chainline::experiments {
namespace {

/// The tokens of an answer behind its prompt, the end token among them.
std::vector<std::int64_t> answer_tokens(const Conversation& conversation,
                                        const std::string& question, const std::string& answer) {
  Example example;
  example.id = "candidate";
  example.turns = {{question, answer}};
  const Tokens tokens = conversation.tokens(example);
  std::vector<std::int64_t> learned;
  for (const std::int64_t label : tokens.labels)
    if (label != kIgnoreIndex) learned.push_back(label);
  return learned;
}

}  // namespace

std::vector<double> candidate_losses(const nn::Mllm& model, const Conversation& conversation,
                                     const Tensor& image, const std::string& question,
                                     const std::vector<std::string>& candidates) {
  check<ValueError>(!candidates.empty(), "candidates: expected at least one, got none");
  const NoGradGuard off;
  const nn::Decoder& decoder = model.decoder();
  const Device device = model.device();
  std::vector<std::vector<std::int64_t>> answers;
  std::size_t longest = 0;
  for (const std::string& candidate : candidates) {
    answers.push_back(answer_tokens(conversation, question, candidate));
    longest = std::max(longest, answers.back().size());
  }
  const auto N = static_cast<std::int64_t>(answers.size());
  const auto T = static_cast<std::int64_t>(longest);

  const std::vector<std::int64_t> prompt = conversation.prompt_tokens(question);
  const Tensor row = Tensor::from(prompt, {1, static_cast<std::int64_t>(prompt.size())}, device);
  const nn::Splice plan = nn::splice(row, row, model.image_rows(), model.config());
  const Variable image_rows = model.encode(Variable(image.to(device))).rows;
  nn::DecoderCache cache;
  const Variable hidden =
      decoder(gather_rows(cat({image_rows, decoder.embed(row)}, 1), plan.index), &cache).back();
  const Variable last = narrow(hidden, 1, hidden.shape()[1] - 1, 1);  // predicts the first token

  // Inputs are the tokens but the last, targets all of them; the padding is never a target.
  const auto pad = model.config().pad_token_id;
  std::vector<std::int64_t> inputs(static_cast<std::size_t>(N * (T - 1)), pad);
  std::vector<std::int64_t> targets(static_cast<std::size_t>(N * T), model.config().ignore_index);
  for (std::size_t n = 0; n < answers.size(); ++n)
    for (std::size_t t = 0; t < answers[n].size(); ++t) {
      targets[n * longest + t] = answers[n][t];
      if (t + 1 < answers[n].size()) inputs[n * (longest - 1) + t] = answers[n][t];
    }
  for (nn::KeyValueCache& layer : cache) {
    const Shape one = layer.keys.shape();
    const Shape all({N, one[1], one[2], one[3]});
    layer.keys = layer.keys.broadcast_to(all).contiguous();
    layer.values = layer.values.broadcast_to(all).contiguous();
  }
  const Tensor first = last.value().broadcast_to({N, 1, last.shape()[2]}).contiguous();
  Variable states(first);
  if (T > 1) {
    const Tensor ids = Tensor::from(inputs, {N, T - 1}, device);
    states = cat({states, decoder(decoder.embed(ids), &cache).back()}, 1);
  }
  ops::CrossEntropyOptions options;
  options.ignore_index = model.config().ignore_index;
  const Tensor losses = ops::cross_entropy(decoder.logits(states).value(),
                                           Tensor::from(targets, {N, T}, device), options)
                            .loss;
  return losses.to(DType::f64).to(kCpu).to_vector<double>();
}

std::string greedy_answer(const nn::Mllm& model, const Conversation& conversation,
                          const Tensor& image, const std::string& question,
                          std::int64_t max_tokens) {
  nn::GenerateOptions options;
  options.max_tokens = max_tokens;
  options.stop_id = conversation.end_token();
  return conversation.answer(
      nn::generate(model, image.to(model.device()), conversation.prompt_tokens(question), options));
}

}  // namespace chainline::experiments
