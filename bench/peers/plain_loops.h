#pragma once

#include <cstdint>
#include <vector>

#include "bench/training.h"

namespace chainline::bench {

/// The training step of training.h in plain loops (plain_layers.h), for sizes whose rows are
/// multiples of four.
class PlainLoops {
 public:
  /// Starts from the weights that the training has, in the order of its parameters.
  PlainLoops(const StepSizes& sizes, const std::vector<nn::NamedParameter>& parameters);

  /// One step on so many threads of OpenMP.
  Step step(const StepData& data, int threads);

 private:
  /// A layer's weights as a place in the one array of all parameters; its bias, if any, follows.
  struct Layer {
    std::size_t weight = 0, bias = 0;
    bool has_bias = false;
  };
  using Numbers = std::vector<float>;
  struct Block {
    bool text = false;
    Layer norm1, q, k, v, out, norm2, first, up, last;
    // What the forward pass leaves for the backward pass.
    Numbers x, normed1, statistics1, qs, ks, vs, scores, attended, middle, normed2, statistics2,
        hidden, ups, activated;
  };

  Layer take(std::size_t weights, std::size_t biases = 0);
  void take_block(Block& block, bool text);

  float* weight(const Layer& l) { return parameters_.data() + l.weight; }
  float* bias(const Layer& l) { return l.has_bias ? parameters_.data() + l.bias : nullptr; }
  float* dweight(const Layer& l) { return gradients_.data() + l.weight; }
  float* dbias(const Layer& l) { return l.has_bias ? gradients_.data() + l.bias : nullptr; }

  void forward(Block& block, int tokens, Numbers& x);
  void backward(Block& block, int tokens, Numbers& dx);
  void read_patches(const StepData& data);
  double forward(const StepData& data);
  void backward(const StepData& data);
  double clip_and_step();

  StepSizes sizes_;
  int B_, P_, T_, C_;  // samples, patches, tokens, channels
  std::size_t taken_ = 0;
  Numbers parameters_, gradients_, m_, v_;
  std::int64_t steps_ = 0;

  Layer patch_, position_, pre_norm_, project1_, project2_, embedding_, last_norm_, head_;
  std::vector<Block> vision_, text_;
  Numbers patches_, embedded_, statistics_, seen_, projected_, activated_, spliced_, written_,
      normed_, last_statistics_, probabilities_, logits_gradient_;
};

}  // namespace chainline::bench
