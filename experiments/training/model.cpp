#include "experiments/training/model.h"

#include <algorithm>

#include "experiments/training/config.h"
#include "experiments/training/samples.h"
#include "nn/checkpoint.h"
#include "nn/generate.h"
#include "nn/init.h"

namespace chainline::experiments {
namespace {

const std::string& text_of(const nn::Checkpoint& checkpoint, const std::string& name,
                           const std::filesystem::path& folder) {
  const auto found = checkpoint.texts.find(name);
  check<FileError>(found != checkpoint.texts.end(), "checkpoint: ", folder.string(),
                   ": it holds no ", name);
  return found->second;
}

void check_token(const std::string& where, const char* key, std::int64_t got, std::int64_t want) {
  check<FileError>(got == want, where, ": ", key, ": expected ", want,
                   " as in its tokenizer.json, got ", got);
}

}  // namespace

std::vector<std::string> corpus_of(const Split& split) {
  std::vector<std::string> corpus;
  for (const Example& example : split.examples) {
    for (const Turn& turn : example.turns) {
      corpus.push_back("USER: " + turn.question + " ASSISTANT: " + turn.answer);
    }
  }
  return corpus;
}

LoadedModel new_model(nn::MllmConfig config, const Tokenizer& tokenizer, std::uint64_t seed) {
  Conversation conversation(tokenizer);
  config.text.vocab_size = tokenizer.size();
  config.image_token_index = conversation.image_token();
  config.pad_token_id = tokenizer.special_id("<pad>");
  config.ignore_index = kIgnoreIndex;
  LoadedModel model{nn::Mllm(config), std::move(conversation), std::nullopt};
  nn::init_weights(nn::named_parameters(model.model), seed);
  return model;
}

void add_low_rank(LoadedModel& model, const nn::LowRankOptions& options, std::uint64_t seed) {
  check<ValueError>(!model.low_rank, "lora: the model has low-rank additions already");
  nn::add_low_rank(model.model, options, seed);
  model.low_rank = options;
}

std::map<std::string, std::string> model_texts(const LoadedModel& model) {
  std::map<std::string, std::string> texts = {
      {"config.json", to_json(model.config()).dump(2) + "\n"},
      {"tokenizer.json", model.conversation.tokenizer().to_json()}};
  if (model.low_rank) texts["adapter_config.json"] = to_json(*model.low_rank).dump(2) + "\n";
  return texts;
}

void save_model_folder(const std::filesystem::path& folder, LoadedModel& model) {
  nn::Checkpoint checkpoint;
  checkpoint.model = nn::tensors_of(nn::named_parameters(model.model));
  checkpoint.texts = model_texts(model);
  nn::write_checkpoint(folder, checkpoint);
}

std::filesystem::path checkpoint_of(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  const fs::path inner = folder / "checkpoint";
  if (fs::is_directory(inner)) return inner;
  if (fs::is_directory(folder) && !fs::exists(folder / "model.safetensors")) {
    std::vector<std::string> runs;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (fs::is_directory(entry.path() / "checkpoint")) runs.push_back(entry.path().string());
    }
    std::sort(runs.begin(), runs.end());
    check<FileError>(runs.empty(), "checkpoint: ", folder.string(),
                     ": expected the folder of one run, got that of several: ", list_words(runs));
  }
  return folder;
}

LoadedModel load_model(const std::filesystem::path& folder) {
  const std::filesystem::path path = checkpoint_of(folder);
  const nn::Checkpoint checkpoint = nn::read_checkpoint(path);
  const auto name = [&](const char* file) { return (path / file).string(); };

  const nn::MllmConfig config =
      mllm_config_from(parse_json(text_of(checkpoint, "config.json", path), name("config.json")),
                       name("config.json"), Keys::all);
  Conversation conversation(
      Tokenizer::from_json(text_of(checkpoint, "tokenizer.json", path), name("tokenizer.json")));
  const Tokenizer& tokenizer = conversation.tokenizer();
  check_token(name("config.json"), "text_config: vocab_size", config.text.vocab_size,
              tokenizer.size());
  check_token(name("config.json"), "image_token_index", config.image_token_index,
              conversation.image_token());
  check_token(name("config.json"), "pad_token_id", config.pad_token_id,
              tokenizer.special_id("<pad>"));
  check<FileError>(config.ignore_index == kIgnoreIndex, name("config.json"),
                   ": ignore_index: expected ", kIgnoreIndex, ", got ", config.ignore_index);

  LoadedModel loaded{nn::Mllm(config), std::move(conversation), std::nullopt};
  if (checkpoint.texts.count("adapter_config.json") == 1) {
    const std::string file = name("adapter_config.json");
    const Json adapter = parse_json(checkpoint.texts.at("adapter_config.json"), file);
    try {
      add_low_rank(loaded, low_rank_from(adapter, file, Keys::all), 0);
    } catch (const ValueError& e) {  // a rank that is too large, a target that is not there
      throw FileError(file + ": " + e.what());
    }
  }
  nn::load_parameters(nn::named_parameters(loaded.model), checkpoint.model,
                      name("model.safetensors"));
  return loaded;
}

std::string answer_question(const LoadedModel& model, const Image& image,
                            const std::string& question, std::int64_t max_tokens,
                            double temperature, std::uint64_t seed) {
  const auto size = model.config().vision.image_size;
  nn::GenerateOptions options;
  options.max_tokens = max_tokens;
  options.stop_id = model.conversation.end_token();
  options.temperature = temperature;
  const Generator generator(seed, "answer");
  const std::vector<std::int64_t> ids =
      nn::generate(model.model,
                   image_tensor(image, static_cast<int>(size))
                       .reshape({1, 3, size, size})
                       .to(model.model.device()),
                   model.conversation.prompt_tokens(question), options, &generator);
  return model.conversation.answer(ids);
}

}  // namespace chainline::experiments
