#pragma once

#include <vector>

#include "nn/init.h"
#include "nn/mllm.h"
#include "tests/support.h"

namespace chainline::test {

/// A model of a few thousand weights with every part: a class token, grouped queries, one layer
/// each. Token 1 is the image, token 0 the padding.
inline nn::MllmConfig tiny_mllm_config() {
  nn::MllmConfig config;
  config.vision.image_size = 8;
  config.vision.patch_size = 4;
  config.vision.hidden_size = 8;
  config.vision.intermediate_size = 12;
  config.vision.num_attention_heads = 2;
  config.vision.num_hidden_layers = 1;
  config.vision.class_token = true;
  config.text.vocab_size = 11;
  config.text.hidden_size = 8;
  config.text.intermediate_size = 12;
  config.text.num_attention_heads = 2;
  config.text.num_key_value_heads = 1;
  config.text.num_hidden_layers = 1;
  config.image_token_index = 1;
  config.pad_token_id = 0;
  return config;
}

/// A model with drawn weights. Models are made on the CPU.
inline nn::Mllm drawn_mllm(const nn::MllmConfig& config, std::uint64_t seed = 1) {
  const MeantForTheCpu making;
  nn::Mllm model(config);
  nn::init_weights(nn::named_parameters(model), seed);
  nn::move_to(model, device());
  return model;
}

inline nn::Mllm tiny_mllm(std::uint64_t seed = 1) { return drawn_mllm(tiny_mllm_config(), seed); }

inline Tensor tiny_image(std::uint64_t seed = 5) { return randn({1, 3, 8, 8}, seed, DType::f32); }

/// The logits of a prompt about an image, every position: (1, L, V).
inline Tensor logits_of(const nn::Mllm& model, const std::vector<std::int64_t>& ids) {
  const NoGradGuard off;
  const Tensor row = test::from(ids, {1, static_cast<std::int64_t>(ids.size())});
  const nn::Splice plan = nn::splice(row, row, model.image_rows(), model.config());
  return model(Variable(tiny_image()), row, plan).logits.value();
}

}  // namespace chainline::test
