#pragma once

#include <string>

#include "experiments/data/json.h"
#include "experiments/training/trainer.h"
#include "nn/lora.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// Whether a file must name every number or only those that differ from the defaults.
enum class Keys { all, some };

/// {"steps", "batch", "micro_batch", "recompute", "optimizer": "adamw" | "sgd", "learning_rate", "warmup",
/// "clip", "weight_decay", "beta1", "beta2", "eps", "momentum", "normalization": "sum" |
/// "per_token" | "per_sample", "math": "exact" | "fast", "dp_clip", "dp_noise", "dp_unit": "user" |
/// "sample", "seed"}.
///
/// **Errors** FileError naming `where` and the key: unknown, missing, of another type.
Json to_json(const TrainingConfig& config);
TrainingConfig training_config_from(const Json& object, const std::string& where, Keys keys,
                                    TrainingConfig start = {});

/// config.json with the keys of the HF "llava-1.5" checkpoints. What this model does in one way
/// only (activations, bias, tensor type) is written out, and refused on reading where it differs.
/// `vision_config.class_token`, which those files lack because CLIP always has one, is ours.
///
/// **Errors** FileError naming `where` and the key: unknown, missing, of another type, out of
/// range, or two that do not fit (heads that do not divide the width).
Json to_json(const nn::MllmConfig& config);
nn::MllmConfig mllm_config_from(const Json& object, const std::string& where, Keys keys,
                                nn::MllmConfig start = {});

/// adapter_config.json with PEFT's keys r, lora_alpha and target_modules.
Json to_json(const nn::LowRankOptions& options);
nn::LowRankOptions low_rank_from(const Json& object, const std::string& where, Keys keys,
                                 nn::LowRankOptions start = {});

/// SHA-256 (hex) of the JSON without blanks, keys sorted.
std::string hash_of(const Json& value);

}  // namespace chainline::experiments
