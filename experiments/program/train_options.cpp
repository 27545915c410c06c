#include "experiments/program/train_options.h"

#include <algorithm>
#include <utility>

#include "experiments/data/paths.h"
#include "experiments/program/arguments.h"
#include "experiments/training/kernel_choices.h"
#include "tensor/memory_ledger.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

std::string text_of_file(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
void set(T& value, const std::optional<T>& typed) {
  if (typed) value = *typed;
}

LoadedModel first_model(const std::string& from, const TrainSettings& s, const Dataset& data) {
  LoadedModel model = [&] {
    if (!from.empty()) return load_model(from);
    TokenizerOptions options;
    options.vocabulary = s.vocabulary;
    return new_model(s.model, Tokenizer::train(corpus_of(data.train), options), s.training.seed);
  }();
  if (s.low_rank) add_low_rank(model, *s.low_rank, s.training.seed);
  return model;
}

/// Freezes the parameters whose name starts so; a prefix of none is a slip, and training all would
/// not show it.
void freeze_parameters(nn::Mllm& model, const std::string& prefix) {
  const std::vector<nn::NamedParameter> parameters = nn::named_parameters(model);
  const bool some =
      std::any_of(parameters.begin(), parameters.end(),
                  [&](const nn::NamedParameter& p) { return p.name.starts_with(prefix); });
  check<ValueError>(some, "train: freeze: expected the start of a parameter's name, such as ",
                    parameters.front().name, ", got ", excerpt(Json(prefix)));
  nn::set_trainable(model, prefix, false);
}

}  // namespace

TrainSettings TrainOptions::settings() const {
  TrainSettings s;
  s.watermark.spec.seed = s.training.seed;
  if (!config.empty()) s = settings_from_file(config, s);
  set(s.training.steps, steps);
  set(s.training.batch, batch);
  set(s.training.micro_batch, micro_batch);
  set(s.training.dp_clip, dp_clip);
  set(s.training.dp_noise, dp_noise);
  if (dp_unit) s.training.dp_unit = *dp_unit == "user" ? PrivacyUnit::user : PrivacyUnit::sample;
  if (normalization) {
    s.training.normalization = *normalization == "sum"         ? Normalization::sum
                               : *normalization == "per_token" ? Normalization::per_token
                                                               : Normalization::per_sample;
  }
  // A private batch counts users, who have many samples.
  if (s.training.dp_clip == 0) {
    s.training.micro_batch = std::min(s.training.micro_batch, s.training.batch);
  }
  if (recompute) s.training.recompute = true;
  if (no_graph) s.training.graph = false;
  set(s.training.learning_rate, learning_rate);
  set(s.training.seed, seed);
  if (math) s.training.math = *math == "fast" ? Math::fast : Math::exact;
  set(s.vocabulary, vocabulary);
  set(s.watermark.spec.rate, watermark_rate);
  set(s.watermark.spec.fields, fields);
  set(s.watermark.people, people);
  set(s.watermark.spec.seed, seed);
  if (lora_rank) {
    if (!s.low_rank) s.low_rank.emplace();
    s.low_rank->rank = *lora_rank;
  }
  return s;
}

PreparedTraining TrainOptions::prepare() const {
  TrainSettings s = settings();
  check_math(s.training.math, parse_device(device.name));
  check<ValueError>(!kernels || s.training.math == Math::fast,
                    "train: kernels: expected --math=fast with it, got exact, which has one kernel "
                    "for each call");
  const Device where = device.device();
  RunPlan plan;
  if (kernels) {
    plan.kernels = text_of_file(*kernels);
    kernel_choices_from(plan.kernels, *kernels);  // said before the data are read
  }
  Dataset dataset = load_dataset(data);
  LoadedModel model = [&] {
    const MemoryScope held("parameters");
    LoadedModel made = first_model(from, s, dataset);
    nn::move_to(made.model, where);
    return made;
  }();
  s.model = model.config();
  for (const std::string& prefix : freeze) freeze_parameters(model.model, prefix);
  const auto image_size = static_cast<int>(s.model.vision.image_size);
  s.watermark.spec.patch = static_cast<int>(s.model.vision.patch_size);
  std::unique_ptr<Watermarker> watermarker = s.watermark.make();
  const auto samples_of = [&](const Split& split, const Watermarker* cards) {
    return std::make_unique<Samples>(split, 0, static_cast<std::int64_t>(split.examples.size()),
                                     model.conversation, image_size, cards);
  };
  std::unique_ptr<Samples> train = samples_of(dataset.train, watermarker.get());
  if (s.training.dp_clip > 0 && s.training.dp_unit == PrivacyUnit::user) {
    check<ValueError>(
        watermarker != nullptr,
        "train: dp_unit: expected sample without watermarks, which say whose an image "
        "is, got user");
    train->set_units(units_of_cards(dataset.train, 0, train->size(), train->cards()));
  }
  std::unique_ptr<Samples> test = samples_of(dataset.test, nullptr);
  plan.folder = out;
  plan.checkpoint_every = checkpoint_every;
  plan.texts = model_texts(model);
  return {std::move(s),           where,
          std::move(dataset),     std::move(model),
          std::move(watermarker), std::move(train),
          std::move(test),        std::move(plan)};
}

TraceOrigin TrainOptions::origin(std::vector<std::string> words) const {
  TraceOrigin origin;
  origin.command = std::move(words);
  origin.data = data;
  std::vector<std::string> files = {config, kernels.value_or(""), settings().watermark.font};
  for (const std::string& file : files) {
    if (!file.empty()) origin.files[file] = sha256_file_hex(file);
  }
  return origin;
}

void TrainOptions::add_to(CLI::App& app) {
  app.add_option("--data", data,
                 "shapes[:seed=N,train=N,test=N,questions=N], easy-vqa:DIR or "
                 "llava:FILE.json,images=DIR[,test=FILE2.json]")
      ->required();
  app.add_option("--out", out, "Folder of the run; an unfinished training there goes on")
      ->required()
      ->check(named("a folder"));
  app.add_option("--config", config,
                 "JSON with any of model, tokenizer, training, watermark, lora; typed options win")
      ->check(named("a file"));
  app.add_option("--from", from, "Fine-tune the model of this checkpoint or run")
      ->check(named("a folder"));
  app.add_option("--steps", steps, "Optimizer steps (1000)")->check(whole_number(1));
  app.add_option("--batch", batch, "Samples in a step (32)")->check(whole_number(1, kLargestBatch));
  app.add_option("--micro-batch", micro_batch,
                 "Samples at a time, for less memory; the result does not depend on it (32)")
      ->check(whole_number(1, kLargestBatch));
  app.add_flag("--recompute", recompute,
               "Compute each block's inner values again for the gradient instead of keeping them: "
               "less memory, more time, the same result");
  app.add_flag("--no-graph", no_graph,
               "Ask the device for each kernel of a step, in place of replaying recorded steps: "
               "more time, the same result");
  app.add_flag("--memory", memory, "Print who holds memory when most is in use");
  app.add_option("--learning-rate", learning_rate, "Largest learning rate (0.0004)")
      ->check(any_number());
  app.add_option("--seed", seed, "Of the weights, the order and the watermarks (1)")
      ->check(any_seed());
  app.add_option("--vocabulary", vocabulary, "Tokens of a new tokenizer (512)")
      ->check(whole_number(1));
  app.add_option("--watermark-rate", watermark_rate, "Share of the images with a card (0)")
      ->check(number_within(0, 1));
  app.add_option("--people", people, "Invented people to choose from (10)")
      ->check(whole_number(1, 1'000'000));
  app.add_option("--fields", fields, "Fields of a card, 2 or 6 (2)")->check(one_of({"2", "6"}));
  app.add_option("--lora-rank", lora_rank,
                 "Train low-rank additions of this rank to q_proj and v_proj instead of all")
      ->check(whole_number(1));
  app.add_option("--freeze", freeze, "Don't train parameters whose name starts so")
      ->check(named("the start of a name"));
  device.add_to(app);
  app.add_option(
         "--math", math,
         "exact, or fast: bf16 activations on the tensor cores of --device=cuda; its result "
         "depends on device and micro-batches (exact)")
      ->check(one_of({"exact", "fast"}));
  app.add_option("--kernels", kernels,
                 "For --math=fast: take the kernels of another run (its checkpoint/kernels.json) "
                 "instead of the quickest; on the same device they give the same bits")
      ->check(named("a file"));
  app.add_option("--normalization", normalization,
                 "What a sample's loss is divided by: nothing (sum), the batch's answer tokens "
                 "(per_token), or its own and the batch's samples (per_sample) (per_token)")
      ->check(one_of({"sum", "per_token", "per_sample"}));
  app.add_option(
         "--dp-clip", dp_clip,
         "Train privately (DP-SGD): shorten each unit's gradient to this length; --batch is "
         "then the number of units of a step on average, and --normalization sum or "
         "per_sample (0, which is not privately)")
      ->check(any_number());
  app.add_option("--dp-noise", dp_noise,
                 "Deviation of the noise on the sum of the units' gradients, over --dp-clip (0)")
      ->check(any_number());
  app.add_option(
         "--dp-unit", dp_unit,
         "What is hidden: a user with all images that carry the user's card, or each sample "
         "(user)")
      ->check(one_of({"user", "sample"}));
  app.add_option("--checkpoint-every", checkpoint_every, "Steps between checkpoints")
      ->check(whole_number(1))
      ->capture_default_str();
  app.add_flag("--trace", trace,
               "Write trace.jsonl, the hashes of every gradient and weight after each step as a "
               "chain: chainline replay computes it again, chainline bisect finds where two part");
}

}  // namespace chainline::experiments
