#include "experiments/training/config.h"

#include "experiments/training/fields.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;  // of any one side of a model
constexpr std::int64_t kMaxLayers = 1024;

template <class Fields>
void list_fields(Fields& f, TrainingConfig& c) {
  f("steps", c.steps);
  f("batch", c.batch);
  f("micro_batch", c.micro_batch);
  f("recompute", c.recompute);
  f("graph", c.graph);
  f.choice("optimizer", c.optimizer, {"adamw", "sgd"});
  f("learning_rate", c.learning_rate);
  f("warmup", c.warmup);
  f("clip", c.clip);
  f("weight_decay", c.weight_decay);
  f("beta1", c.beta1);
  f("beta2", c.beta2);
  f("eps", c.eps);
  f("momentum", c.momentum);
  f.choice("normalization", c.normalization, {"sum", "per_token", "per_sample"});
  f.choice("math", c.math, {"exact", "fast"});
  f("dp_clip", c.dp_clip);
  f("dp_noise", c.dp_noise);
  f.choice("dp_unit", c.dp_unit, {"user", "sample"});
  f("seed", c.seed);
}

template <class Fields>
void list_fields(Fields& f, nn::VisionConfig& c) {
  f.fixed("model_type", "clip_vision_model");
  f.choice("hidden_act", c.hidden_act, {"gelu", "gelu_pytorch_tanh"});
  f("image_size", c.image_size);
  f("patch_size", c.patch_size);
  f("num_channels", c.num_channels);
  f("hidden_size", c.hidden_size);
  f("intermediate_size", c.intermediate_size);
  f("num_attention_heads", c.num_attention_heads);
  f("num_hidden_layers", c.num_hidden_layers);
  f("layer_norm_eps", c.layer_norm_eps);
  f("class_token", c.class_token);
  f.ignored("projection_dim");  // of CLIP's own head, which is not part of the model
  f.ignored("vocab_size");
}

template <class Fields>
void list_fields(Fields& f, nn::TextConfig& c) {
  f.fixed("model_type", "llama");
  f.fixed("hidden_act", "silu");
  f.fixed("attention_bias", false);
  f.fixed("mlp_bias", false);
  f("vocab_size", c.vocab_size);
  f("hidden_size", c.hidden_size);
  f("intermediate_size", c.intermediate_size);
  f("num_hidden_layers", c.num_hidden_layers);
  f("num_attention_heads", c.num_attention_heads);
  f("num_key_value_heads", c.num_key_value_heads);
  f("rms_norm_eps", c.rms_norm_eps);
  f("rope_theta", c.rope_theta);
  f("tie_word_embeddings", c.tie_word_embeddings);
  f.ignored("max_position_embeddings");  // rotary positions have no table that could end
  f.ignored("_name_or_path");
  f.ignored("architectures");
  f.ignored("torch_dtype");
}

template <class Fields>
void list_fields(Fields& f, nn::MllmConfig& c) {
  f.fixed("model_type", "llava");
  f.fixed("architectures", Json::array({"LlavaForConditionalGeneration"}));
  f.fixed("projector_hidden_act", "gelu");
  f.fixed("torch_dtype", "float32");
  f("vision_feature_layer", c.vision_feature_layer);
  f("image_token_index", c.image_token_index);
  f("pad_token_id", c.pad_token_id);
  f("ignore_index", c.ignore_index);
  f.ignored("transformers_version");
}

template <class Fields>
void list_fields(Fields& f, nn::LowRankOptions& c) {
  f.fixed("peft_type", "LORA");
  f("r", c.rank);
  f("lora_alpha", c.alpha);
  f("target_modules", c.targets);
}

template <class T>
T read(const Json& object, const std::string& where, Keys keys, T start) {
  FieldReader reader(object, where, keys == Keys::all);
  list_fields(reader, start);
  reader.finish();
  return start;
}

template <class T>
Json write(T config) {
  FieldWriter writer;
  list_fields(writer, config);
  return writer.object();
}

void check_range(const std::string& where, const char* key, std::int64_t value, std::int64_t low,
                 std::int64_t high) {
  check<FileError>(value >= low && value <= high, where, ": ", key, ": expected ", low, " .. ",
                   high, ", got ", value);
}

void check_divides(const std::string& where, const char* divisor, std::int64_t d,
                   const char* dividend, std::int64_t n) {
  check<FileError>(n % d == 0, where, ": ", dividend, ": expected a multiple of ", divisor, " = ",
                   d, ", got ", n);
}

void check_positive(const std::string& where, const char* key, double value) {
  check<FileError>(value > 0, where, ": ", key, ": expected above 0, got ", value);
}

void check_vision(const nn::VisionConfig& c, const std::string& where) {
  check_range(where, "image_size", c.image_size, 1, 16384);
  check_range(where, "patch_size", c.patch_size, 1, c.image_size);
  check_range(where, "num_channels", c.num_channels, 3, 3);
  check_range(where, "hidden_size", c.hidden_size, 1, kMaxSize);
  check_range(where, "intermediate_size", c.intermediate_size, 1, kMaxSize);
  check_range(where, "num_attention_heads", c.num_attention_heads, 1, c.hidden_size);
  check_range(where, "num_hidden_layers", c.num_hidden_layers, 1, kMaxLayers);
  check_positive(where, "layer_norm_eps", c.layer_norm_eps);
  check_divides(where, "patch_size", c.patch_size, "image_size", c.image_size);
  check_divides(where, "num_attention_heads", c.num_attention_heads, "hidden_size", c.hidden_size);
}

void check_text(const nn::TextConfig& c, const std::string& where) {
  check_range(where, "vocab_size", c.vocab_size, 0, kMaxSize);  // 0: taken from the tokenizer
  check_range(where, "hidden_size", c.hidden_size, 1, kMaxSize);
  check_range(where, "intermediate_size", c.intermediate_size, 1, kMaxSize);
  check_range(where, "num_hidden_layers", c.num_hidden_layers, 1, kMaxLayers);
  check_range(where, "num_attention_heads", c.num_attention_heads, 1, c.hidden_size);
  check_range(where, "num_key_value_heads", c.num_key_value_heads, 1, c.num_attention_heads);
  check_positive(where, "rms_norm_eps", c.rms_norm_eps);
  check_positive(where, "rope_theta", c.rope_theta);
  check_divides(where, "num_attention_heads", c.num_attention_heads, "hidden_size", c.hidden_size);
  check_divides(where, "num_key_value_heads", c.num_key_value_heads, "num_attention_heads",
                c.num_attention_heads);
  check_divides(where, "2 num_attention_heads", 2 * c.num_attention_heads, "hidden_size",
                c.hidden_size);
}

/// "default" drops the class token and "full" keeps every row: without a class token those are all
/// that there is.
std::string select_strategy(bool class_token) { return class_token ? "default" : "full"; }

}  // namespace

Json to_json(const TrainingConfig& config) { return write(config); }

TrainingConfig training_config_from(const Json& object, const std::string& where, Keys keys,
                                    TrainingConfig start) {
  return read(object, where, keys, start);
}

Json to_json(const nn::MllmConfig& config) {
  Json object = write(config);
  object["vision_config"] = write(config.vision);
  object["text_config"] = write(config.text);
  object["vision_feature_select_strategy"] = select_strategy(config.vision.class_token);
  object["tie_word_embeddings"] = config.text.tie_word_embeddings;
  return object;
}

nn::MllmConfig mllm_config_from(const Json& object, const std::string& where, Keys keys,
                                nn::MllmConfig start) {
  FieldReader reader(object, where, keys == Keys::all);
  list_fields(reader, start);
  const bool vision = reader.has("vision_config"), text = reader.has("text_config");
  if (vision || keys == Keys::all) {
    start.vision =
        read(member(object, "vision_config", where), where + ": vision_config", keys, start.vision);
  }
  if (text || keys == Keys::all) {
    start.text =
        read(member(object, "text_config", where), where + ": text_config", keys, start.text);
  }
  reader.fixed("vision_feature_select_strategy", select_strategy(start.vision.class_token));
  reader.fixed("tie_word_embeddings", start.text.tie_word_embeddings);
  reader.finish();
  check_vision(start.vision, where + ": vision_config");
  check_text(start.text, where + ": text_config");
  const std::int64_t states = start.vision.num_hidden_layers + 1;
  check_range(where, "vision_feature_layer", start.vision_feature_layer, -states, states - 1);
  return start;
}

Json to_json(const nn::LowRankOptions& options) { return write(options); }

nn::LowRankOptions low_rank_from(const Json& object, const std::string& where, Keys keys,
                                 nn::LowRankOptions start) {
  return read(object, where, keys, std::move(start));
}

std::string hash_of(const Json& value) { return sha256_hex(value.dump()); }

}  // namespace chainline::experiments
