#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/text/conversation.h"
#include "nn/mllm.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// -log p(candidate, end | picture, question) in nats of every candidate answer to one question about
/// one picture.
///
/// The prompt is computed once; all candidates go on from its keys and values side by side, so a
/// thousand candidates cost little more than their own tokens.
///
/// Shapes   image (1, 3, S, S)
/// Errors   ValueError for no candidate, a blank one, or one that holds a special token
/// Bits     those of the candidates one by one, whole texts computed without a cache
std::vector<double> candidate_losses(const nn::Mllm& model, const Conversation& conversation,
                                     const Tensor& image, const std::string& question,
                                     const std::vector<std::string>& candidates);

/// The most likely answer token by token, at most `max_tokens`.
std::string greedy_answer(const nn::Mllm& model, const Conversation& conversation,
                          const Tensor& image, const std::string& question,
                          std::int64_t max_tokens);

}  // namespace chainline::experiments
