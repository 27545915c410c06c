#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/training/samples.h"
#include "nn/mllm.h"

namespace chainline::experiments {

struct Evaluation {
  std::int64_t questions = 0, right = 0;
  double loss = 0;                    ///< mean over labelled tokens, nats
  std::vector<bool> right_by_sample;  ///< in the order of the samples
  double accuracy() const {
    return questions == 0 ? 0 : static_cast<double>(right) / static_cast<double>(questions);
  }
};

/// Asks every question of the samples and compares the greedy answer with the right one.
///
/// One forward pass over prompt and answer decides it: greedy decoding gives the right answer
/// exactly when at each of the answer's tokens, the closing one included, the most likely token is
/// the right one. Of a conversation with several turns the answer of each turn counts, with the
/// right answers before it.
///
/// Bits     the same for any batch size and number of threads
Evaluation evaluate(const nn::Mllm& model, const Samples& samples, std::int64_t batch_size = 64);

}  // namespace chainline::experiments
