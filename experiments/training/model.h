#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "experiments/data/dataset.h"
#include "experiments/text/conversation.h"
#include "nn/lora.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// A model with the tokenizer that it was trained with.
struct LoadedModel {
  nn::Mllm model;
  Conversation conversation;
  std::optional<nn::LowRankOptions> low_rank;  ///< the additions that the model has

  const nn::MllmConfig& config() const { return model.config(); }
};

/// The questions and answers of a split's examples, for a tokenizer to learn from.
std::vector<std::string> corpus_of(const Split& split);

/// A model with weights drawn from the seed. The vocabulary and the ids of `<pad>` and `<image>`
/// come from the tokenizer, everything else from `config`.
LoadedModel new_model(nn::MllmConfig config, const Tokenizer& tokenizer, std::uint64_t seed);

/// Freezes the model and gives it trainable low-rank additions.
void add_low_rank(LoadedModel& model, const nn::LowRankOptions& options, std::uint64_t seed);

/// The texts that a checkpoint of this model carries: config.json, tokenizer.json and, where there
/// are low-rank additions, adapter_config.json.
std::map<std::string, std::string> model_texts(const LoadedModel& model);

/// Writes the model and its texts as a checkpoint (nn::write_checkpoint), without an optimizer.
void save_model_folder(const std::filesystem::path& folder, LoadedModel& model);

/// Reads a checkpoint, from its own folder or from that of the run that holds it in `checkpoint`.
/// A model with low-rank additions comes back with everything else frozen.
///
/// **Errors** FileError for anything in it that is not what it should be.
LoadedModel load_model(const std::filesystem::path& folder);

/// The checkpoint that a folder is, or holds under the name `checkpoint`.
std::filesystem::path checkpoint_of(const std::filesystem::path& folder);

/// What the model says to a question about an image, most likely tokens first.
std::string answer_question(const LoadedModel& model, const Image& image,
                            const std::string& question, std::int64_t max_tokens = 16,
                            double temperature = 0, std::uint64_t seed = 0);

}  // namespace chainline::experiments
