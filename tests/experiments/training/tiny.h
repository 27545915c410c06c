#pragma once

#include "experiments/data/shapes.h"
#include "experiments/training/model.h"
#include "experiments/training/samples.h"
#include "experiments/training/trainer.h"

namespace chainline::experiments {

/// The smallest training that has every part: 12 images of the built-in data set at 16 x 16 pixels,
/// one vision layer, one decoder layer with grouped queries.
inline Dataset tiny_data() {
  ShapesConfig config;
  config.train = 12;
  config.test = 4;
  config.questions = 2;
  return make_shapes(config);
}

inline nn::MllmConfig tiny_config() {
  nn::MllmConfig config;
  config.vision.image_size = 16;
  config.vision.patch_size = 8;
  config.vision.hidden_size = 16;
  config.vision.intermediate_size = 24;
  config.vision.num_attention_heads = 2;
  config.vision.num_hidden_layers = 1;
  config.text.hidden_size = 16;
  config.text.intermediate_size = 24;
  config.text.num_attention_heads = 2;
  config.text.num_key_value_heads = 1;
  config.text.num_hidden_layers = 1;
  return config;
}

inline TrainingConfig tiny_training() {
  TrainingConfig config;
  config.steps = 8;
  config.batch = 5;  // 24 samples: the batches cross the ends of the epochs
  config.micro_batch = 5;
  config.warmup = 0.25;
  config.learning_rate = 0.01;
  return config;
}

inline LoadedModel tiny_model(const Dataset& data, std::uint64_t seed = 1) {
  TokenizerOptions options;
  options.vocabulary = 270;
  return new_model(tiny_config(), Tokenizer::train(corpus_of(data.train), options), seed);
}

inline Samples tiny_samples(const Dataset& data, const LoadedModel& model,
                            const Watermarker* watermarker = nullptr) {
  return Samples(data.train, 0, static_cast<std::int64_t>(data.train.examples.size()),
                 model.conversation, 16, watermarker);
}

}  // namespace chainline::experiments
