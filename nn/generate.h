#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "nn/mllm.h"
#include "tensor/random.h"

namespace chainline::nn {

struct GenerateOptions {
  std::int64_t max_tokens = 16;
  std::int64_t stop_id = -1;  ///< ends the answer and is not part of it
  double temperature = 0;     ///< 0 takes the most likely token; above 0 samples
  bool use_cache = true;      ///< off computes every position again: slower, the same bits
};

/// Continues a prompt about an image, token by token.
///
/// Greedy decoding takes the first most likely token; sampling draws from
/// softmax(logits / temperature) with one uniform number per token from `generator`, so that the
/// same (seed, stream, sample) gives the same answer.
///
/// Shapes   image (1, 3, S, S); prompt: ids with one `<image>`
/// Errors   ValueError for an empty prompt, a negative temperature, or sampling without a generator
/// Bits     with and without the cache the same logits, bit for bit
std::vector<std::int64_t> generate(const Mllm& model, const Tensor& image,
                                   const std::vector<std::int64_t>& prompt,
                                   const GenerateOptions& options,
                                   const Generator* generator = nullptr, std::uint32_t sample = 0);

/// The logits (V) of the token after the prompt: what the first step of generate() chooses from.
Tensor next_token_logits(const Mllm& model, const Tensor& image,
                         const std::vector<std::int64_t>& prompt);

}  // namespace chainline::nn
