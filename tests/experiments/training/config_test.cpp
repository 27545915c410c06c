// Configurations as JSON, models as folders, and progress lines.

#include "experiments/training/config.h"

#include "experiments/training/manifest.h"
#include "experiments/training/progress.h"
#include "nn/checkpoint.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {
namespace {

TEST(MllmConfigJson, ComesBackAndHasTheKeysOfLlava15) {
  nn::MllmConfig config = tiny_config();
  config.vision.class_token = true;
  config.vision_feature_layer = -2;
  config.text.vocab_size = 300;
  config.text.rms_norm_eps = 1e-6;
  const Json json = to_json(config);
  EXPECT_EQ(to_json(mllm_config_from(json, "c", Keys::all)), json);
  EXPECT_EQ(json["model_type"], "llava");
  EXPECT_EQ(json["vision_feature_select_strategy"], "default");
  EXPECT_EQ(json["text_config"]["rms_norm_eps"], 1e-6);
  EXPECT_EQ(json["vision_config"]["patch_size"], 8);
}

TEST(MllmConfigJson, MissesNoNumberAndKnowsEveryKey) {
  const Json good = to_json(tiny_config());
  const auto sentence = [](const Json& json) {
    return refusal<FileError>([&] { mllm_config_from(json, "config.json", Keys::all); });
  };
  Json json = good;
  json["text_config"].erase("rms_norm_eps");
  EXPECT_EQ(sentence(json), "config.json: text_config: missing key \"rms_norm_eps\"");
  json = good;
  json["text_config"]["rope_thera"] = 1;
  EXPECT_NE(sentence(json).find("unknown key \"rope_thera\""), std::string::npos);
  EXPECT_NE(sentence(json).find("did you mean \"rope_theta\"?"), std::string::npos);
  json = good;
  json["vision_config"]["hidden_act"] = "quick_gelu";  // CLIP's, which no op here is
  EXPECT_EQ(sentence(json),
            "config.json: vision_config: hidden_act: expected one of gelu, gelu_pytorch_tanh, got "
            "\"quick_gelu\"");
  json["vision_config"]["hidden_act"] = "gelu_pytorch_tanh";
  EXPECT_EQ(mllm_config_from(json, "config.json", Keys::all).vision.hidden_act, GeluForm::tanh);
  json = good;
  json["vision_config"]["patch_size"] = 5;
  EXPECT_EQ(
      sentence(json),
      "config.json: vision_config: image_size: expected a multiple of patch_size = 5, got 16");
  json = good;
  json["vision_config"]["hidden_size"] = std::int64_t{1} << 40;
  EXPECT_EQ(sentence(json),
            "config.json: vision_config: hidden_size: expected 1 .. 16777216, got 1099511627776");
  json = good;
  json["text_config"]["num_hidden_layers"] = "4";
  EXPECT_EQ(sentence(json),
            "config.json: text_config: num_hidden_layers: expected a 64-bit integer, got string");
}

TEST(TrainingConfigJson, ComesBackAndMayNameSomeKeysOnly) {
  TrainingConfig config = tiny_training();
  config.optimizer = OptimizerKind::sgd;
  config.normalization = Normalization::per_sample;
  config.seed = UINT64_MAX;
  config.learning_rate = 0.1;
  config.recompute = true;
  config.math = Math::fast;
  EXPECT_EQ(training_config_from(to_json(config), "c", Keys::all), config);
  TrainingConfig some = config;
  some.steps = 3;
  EXPECT_EQ(training_config_from(Json{{"steps", 3}}, "c", Keys::some, config), some);
  EXPECT_EQ(refusal<FileError>([&] {
              training_config_from(Json{{"steps", 3}}, "c", Keys::all);
            }),
            "c: missing key \"batch\"");
  EXPECT_EQ(refusal<FileError>([&] {
              training_config_from(Json{{"optimizer", "adam"}}, "c", Keys::some);
            }),
            "c: optimizer: expected one of adamw, sgd, got \"adam\"");
}

TEST(ModelFolder, ComesBackWithItsLowRankAdditions) {
  const TemporaryFolder folder;
  LoadedModel saved = tiny_model(tiny_data());
  nn::LowRankOptions options;
  options.rank = 2;
  options.targets = {"language_model.*.q_proj"};
  add_low_rank(saved, options, 3);
  save_model_folder(folder / "run" / "checkpoint", saved);
  for (const auto& path : {folder / "run", folder / "run" / "checkpoint"}) {
    LoadedModel loaded = load_model(path);
    EXPECT_EQ(nn::hash_of(nn::named_parameters(loaded.model)),
              nn::hash_of(nn::named_parameters(saved.model)));
    EXPECT_EQ(loaded.low_rank, saved.low_rank);
    EXPECT_EQ(nn::trainable_parameters(loaded.model).size(), 2u);
    EXPECT_EQ(model_texts(loaded), model_texts(saved));
  }
}

TEST(ModelFolder, RefusesATokenizerOfAnotherModel) {
  const TemporaryFolder folder;
  LoadedModel model = tiny_model(tiny_data());
  nn::Checkpoint checkpoint;
  checkpoint.model = nn::tensors_of(nn::named_parameters(model.model));
  checkpoint.texts = model_texts(model);
  TokenizerOptions smaller;
  smaller.vocabulary = 265;
  checkpoint.texts["tokenizer.json"] =
      Tokenizer::train(corpus_of(tiny_data().train), smaller).to_json();
  nn::write_checkpoint(folder / "c", checkpoint);
  EXPECT_EQ(refusal<FileError>([&] { load_model(folder / "c"); }),
            (folder / "c" / "config.json").string() +
                ": text_config: vocab_size: expected 265 as in its tokenizer.json, got 270");
  checkpoint.texts.erase("tokenizer.json");
  nn::write_checkpoint(folder / "c", checkpoint);
  EXPECT_EQ(refusal<FileError>([&] { load_model(folder / "c"); }),
            "checkpoint: " + (folder / "c").string() + ": it holds no tokenizer.json");
}

TEST(Manifest, SaysWhatTheRunWasMadeFromAndHashesItsOutputs) {
  const TemporaryFolder folder;
  Manifest manifest;
  manifest.config = {{"steps", 3}};
  manifest.outputs["a.txt"] = folder.write("a.txt", "abc");
  write_manifest(folder.path(), manifest);
  const Json json = read_json(folder / "manifest.json");
  EXPECT_EQ(json["outputs"]["a.txt"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(json["config_sha256"], hash_of(Json{{"steps", 3}}));
  EXPECT_NE(json["build"]["compiler"], "");
  EXPECT_GE(json["machine"]["threads"], 1);
}

TEST(ProgressLine, ShowsABarWhereThereIsRoomAndNeverMoreThanTheColumns) {
  const auto line = [](std::int64_t columns) {
    return progress_line("train", 25, 100, 1.25, 40, 75, columns);
  };
  EXPECT_EQ(line(0), "train:  25 %  step 25/100  loss 1.2500  40 samples/s  1:15 left");
  EXPECT_EQ(line(200),
            "train [=======                       ]  25 %  step 25/100  loss 1.2500  40 samples/s  "
            "1:15 left");
  EXPECT_EQ(line(79).size(), 79u);
  EXPECT_EQ(line(20), "train  25 %  step 25");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(3723), "1:02:03");
}

}  // namespace
}  // namespace chainline::experiments
