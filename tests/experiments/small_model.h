#pragma once

#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/text/conversation.h"
#include "experiments/text/tokenizer.h"
#include "nn/init.h"
#include "nn/mllm.h"

namespace chainline::test {

/// A data set of a few pictures, the tokenizer of its texts, and a model of some ten thousand
/// weights that reads them.
struct SmallWorld {
  experiments::Dataset data;
  experiments::Conversation conversation;
  nn::MllmConfig config;

  explicit SmallWorld(std::int64_t images = 24)
      : data(experiments::load_dataset("shapes:seed=3,train=" + std::to_string(images) +
                                       ",test=" + std::to_string(images) + ",questions=2")),
        conversation(experiments::Tokenizer::train(texts(data), options())) {
    config.vision.image_size = 64;
    config.vision.patch_size = 16;
    config.vision.hidden_size = 16;
    config.vision.intermediate_size = 32;
    config.vision.num_attention_heads = 2;
    config.vision.num_hidden_layers = 2;
    config.text.vocab_size = conversation.tokenizer().size();
    config.text.hidden_size = 16;
    config.text.intermediate_size = 32;
    config.text.num_attention_heads = 2;
    config.text.num_key_value_heads = 2;
    config.text.num_hidden_layers = 2;
    config.image_token_index = conversation.image_token();
    config.pad_token_id = conversation.tokenizer().special_id("<pad>");
  }

  nn::Mllm model(std::uint64_t seed = 1) const {
    nn::Mllm m(config);
    nn::init_weights(nn::named_parameters(m), seed);
    return m;
  }

 private:
  static std::vector<std::string> texts(const experiments::Dataset& data) {
    std::vector<std::string> list;
    for (const experiments::Example& e : data.train.examples)
      for (const experiments::Turn& t : e.turns) list.push_back(t.question + " " + t.answer);
    return list;
  }
  static experiments::TokenizerOptions options() {
    experiments::TokenizerOptions o;
    o.vocabulary = 300;
    return o;
  }
};

}  // namespace chainline::test
