#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/gradients/comparison.h"
#include "experiments/probing/model_probes.h"
#include "experiments/training/trainer.h"
#include "experiments/watermark/watermark.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// Every number of a reproduction. The defaults stand here and nowhere else.
struct ReproduceOptions {
  std::string scale = "cpu";
  std::string data;  // load_dataset's spec
  std::filesystem::path out;
  Device device;                                   // where models compute; the numbers are the same
  std::string device_name = "cpu";                 // as the manifest has it
  std::vector<std::int64_t> rates = {0, 50, 100};  // percent of the images with a watermark
  std::uint64_t seed = 1;

  std::int64_t vocabulary = 448;
  std::int64_t turns = 4;  // questions of an image asked in one training conversation, at most
  nn::MllmConfig model;
  TrainingConfig base, tune;
  std::int64_t checkpoint_every = 200;
  std::int64_t lora_rank = 0;  // 0: fine-tune all weights

  std::int64_t people = 40;  // in the pool; half of them are seen in training
  WatermarkSpec watermark;   // but for its rate and seed
  std::string font;          // a TrueType file; "" for the built-in font

  GradientOptions gradients{0};  // seeds follow from `seed`
  ProbeOptions probes{0};
  std::int64_t probe_images = 400;
  std::vector<std::string> probe_questions = {kUsernameQuestion};

  std::int64_t pictures = 4;      // shown in the report
  std::int64_t bootstrap = 2000;  // of accuracy differences
  double utility_margin = 0.01;   // accuracies within it count as the same
};

/// The spec that a bare "shapes" stands for at a scale; any other spec stays as it is.
inline std::string data_at_scale(const std::string& spec, const std::string& scale) {
  if (spec != "shapes") return spec;
  return scale == "smoke" ? "shapes:seed=1,train=120,test=60,questions=4"
                          : "shapes:seed=1,train=40000,test=1000,questions=4";
}

/// Sized for two cores of a laptop: less than a quarter of an hour with the built-in data.
inline ReproduceOptions cpu_defaults() {
  ReproduceOptions o;
  o.model.vision.image_size = 64;
  o.model.vision.patch_size = 8;
  o.model.vision.hidden_size = 96;
  o.model.vision.intermediate_size = 288;
  o.model.vision.num_attention_heads = 4;
  o.model.vision.num_hidden_layers = 2;
  o.model.text.hidden_size = 96;
  o.model.text.intermediate_size = 264;
  o.model.text.num_attention_heads = 4;
  o.model.text.num_key_value_heads = 4;
  o.model.text.num_hidden_layers = 3;
  o.base.steps = 9000;
  o.base.batch = 16;
  o.base.micro_batch = 16;
  o.base.learning_rate = 4e-4;
  o.base.beta2 = 0.98;
  o.tune = o.base;
  o.tune.steps = 480;
  o.tune.learning_rate = 2e-4;
  o.probes.relabellings = 100;
  return o;
}

/// For tests and a first look: everything is run, nothing is learned.
inline ReproduceOptions smoke_defaults() {
  ReproduceOptions o = cpu_defaults();
  o.scale = "smoke";
  o.vocabulary = 300;
  o.model.vision.patch_size = 16;
  o.model.vision.hidden_size = o.model.text.hidden_size = 24;
  o.model.vision.intermediate_size = o.model.text.intermediate_size = 48;
  o.model.vision.num_attention_heads = 2;
  o.model.text.num_attention_heads = o.model.text.num_key_value_heads = 2;
  o.model.vision.num_hidden_layers = o.model.text.num_hidden_layers = 2;
  o.base.steps = 20;
  o.base.batch = 8;
  o.base.micro_batch = 8;
  o.tune.steps = 8;
  o.tune.batch = 8;
  o.tune.micro_batch = 8;
  o.checkpoint_every = 10;
  o.people = 12;
  o.gradients.batch_sizes = {1, 4};
  o.gradients.batches = 3;
  o.gradients.bootstrap = 200;
  o.probe_images = 40;
  o.probes.folds = 3;
  o.probes.relabellings = 10;
  o.probes.bootstrap = 200;
  o.bootstrap = 200;
  return o;
}

/// **Errors** ValueError for a scale other than "cpu" and "smoke".
inline ReproduceOptions defaults_at(const std::string& scale) {
  check<ValueError>(scale == "cpu" || scale == "smoke",
                    "reproduce: scale: expected cpu or smoke, got ", scale);
  return scale == "cpu" ? cpu_defaults() : smoke_defaults();
}

}  // namespace chainline::experiments
