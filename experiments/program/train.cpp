#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "experiments/data/paths.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/device_option.h"
#include "experiments/program/memory_report.h"
#include "experiments/program/settings.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/kernel_choices.h"
#include "experiments/training/manifest.h"
#include "experiments/training/progress.h"
#include "experiments/training/run.h"
#include "experiments/watermark/ledger.h"
#include "nn/checkpoint.h"

namespace chainline::experiments {
namespace {

/// The command line of `chainline train`. What was not typed leaves the config file's value.
struct TrainCommand {
  std::string data, out, config, from;
  std::optional<std::int64_t> steps, batch, micro_batch, people, vocabulary, lora_rank;
  std::optional<double> learning_rate, watermark_rate, dp_clip, dp_noise;
  std::optional<int> fields;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> freeze;
  std::optional<std::string> math, kernels, normalization, dp_unit;
  bool recompute = false, memory = false, no_graph = false;
  std::int64_t checkpoint_every = 200;
  DeviceOption device;

  TrainSettings settings() const;
  void run() const;
};

template <class T>
void set(T& value, const std::optional<T>& typed) {
  if (typed) value = *typed;
}

TrainSettings TrainCommand::settings() const {
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

void TrainCommand::run() const {
  TrainSettings s = settings();
  check_math(s.training.math, parse_device(device.name));
  check<ValueError>(!kernels || s.training.math == Math::fast,
                    "train: kernels: expected --math=fast with it, got exact, which has one kernel "
                    "for each call");
  const Device where = device.device();
  RunPlan plan;
  if (kernels) {
    const std::vector<std::byte> bytes = read_file(*kernels, kMaxJsonBytes);
    plan.kernels.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    kernel_choices_from(plan.kernels, *kernels);  // said before the data are read
  }
  Manifest manifest;
  manifest.device = describe(where);
  if (s.training.math == Math::fast) manifest.determinism = "repeatable";
  manifest.command = command_line();
  manifest.started = time_now();
  const Dataset dataset = load_dataset(data);
  manifest.set_data(data, dataset);

  std::optional<MemoryLedger> holders;
  if (memory) holders.emplace();
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
  const std::unique_ptr<Watermarker> watermarker = s.watermark.make();
  const auto samples_of = [&](const Split& split, const Watermarker* cards) {
    return Samples(split, 0, static_cast<std::int64_t>(split.examples.size()), model.conversation,
                   image_size, cards);
  };
  Samples train = samples_of(dataset.train, watermarker.get());
  if (s.training.dp_clip > 0 && s.training.dp_unit == PrivacyUnit::user) {
    check<ValueError>(
        watermarker != nullptr,
        "train: dp_unit: expected sample without watermarks, which say whose an image "
        "is, got user");
    train.set_units(units_of_cards(dataset.train, 0, train.size(), train.cards()));
  }

  plan.folder = out;
  plan.checkpoint_every = checkpoint_every;
  plan.texts = model_texts(model);
  const TrainedRun run = train_run(model.model, train, s.training, plan);
  const std::string report = holders ? memory_report(holders->peak(), run) : "";
  holders.reset();

  const Evaluation test = evaluate(model.model, samples_of(dataset.test, nullptr));
  const double rule = question_only_accuracy(dataset);
  manifest.seeds = {{"training", s.training.seed}, {"watermark", s.watermark.spec.seed}};
  manifest.config = to_json(s);
  manifest.config["freeze"] = freeze;
  manifest.config["from"] = from;
  manifest.outputs["log.jsonl"] = plan.folder / "log.jsonl";
  manifest.outputs["checkpoint/manifest.json"] = plan.folder / "checkpoint" / "manifest.json";
  if (watermarker) {
    Ledger ledger = open_ledger(*watermarker);
    ledger.lines = train.cards();
    write_ledger(plan.folder / "ledger.jsonl", ledger);
    write_people(plan.folder / "people.jsonl", watermarker->people());
    manifest.outputs["ledger.jsonl"] = plan.folder / "ledger.jsonl";
    manifest.outputs["people.jsonl"] = plan.folder / "people.jsonl";
  }
  if (s.training.math == Math::fast) {
    manifest.outputs["checkpoint/kernels.json"] = plan.folder / "checkpoint" / "kernels.json";
  }
  manifest.hashes = {{"weights", run.weights_sha256}, {"samples", train.sha256()}};
  manifest.metrics = {{"steps", run.steps},
                      {"training_seconds", run.seconds},
                      {"share_waited_for_data", run.share_waited()},
                      {"test_accuracy", test.accuracy()},
                      {"test_loss", test.loss},
                      {"test_questions", test.questions},
                      {"question_only_accuracy", rule}};
  write_manifest(plan.folder, manifest);

  if (where != kCpu) fmt::print("device           {}\n", manifest.device);
  fmt::print("steps            {}\n", run.steps);
  fmt::print("test accuracy    {:.1f} % of {} questions (the question-only rule has {:.1f} %)\n",
             100 * test.accuracy(), test.questions, 100 * rule);
  fmt::print("waited for data  {:.2f} % of {} in steps\n", 100 * run.share_waited(),
             duration_text(run.seconds_here));
  fmt::print("weights sha256   {}\n", run.weights_sha256);
  fmt::print("checkpoint       {}\n", (plan.folder / "checkpoint").string());
  if (!report.empty()) fmt::print("\n{}", report);
}

}  // namespace

void add_train(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "train", "Train a model, or go on with a training that was interrupted");
  auto c = std::make_shared<TrainCommand>();
  app->add_option("--data", c->data,
                  "shapes[:seed=N,train=N,test=N,questions=N], easy-vqa:DIR or "
                  "llava:FILE.json,images=DIR[,test=FILE2.json]")
      ->required();
  app->add_option("--out", c->out, "Folder of the run; an unfinished training there goes on")
      ->required()
      ->check(named("a folder"));
  app->add_option("--config", c->config,
                  "JSON with any of model, tokenizer, training, watermark, lora; typed options win")
      ->check(named("a file"));
  app->add_option("--from", c->from, "Fine-tune the model of this checkpoint or run")
      ->check(named("a folder"));
  app->add_option("--steps", c->steps, "Optimizer steps (1000)")->check(whole_number(1));
  app->add_option("--batch", c->batch, "Samples in a step (32)")
      ->check(whole_number(1, kLargestBatch));
  app->add_option("--micro-batch", c->micro_batch,
                  "Samples at a time, for less memory; the result does not depend on it (32)")
      ->check(whole_number(1, kLargestBatch));
  app->add_flag("--recompute", c->recompute,
                "Compute each block's inner values again for the gradient instead of keeping them: "
                "less memory, more time, the same result");
  app->add_flag("--no-graph", c->no_graph,
                "Ask the device for each kernel of a step, in place of replaying recorded steps: "
                "more time, the same result");
  app->add_flag("--memory", c->memory, "Print who holds memory when most is in use");
  app->add_option("--learning-rate", c->learning_rate, "Largest learning rate (0.0004)")
      ->check(any_number());
  app->add_option("--seed", c->seed, "Of the weights, the order and the watermarks (1)")
      ->check(any_seed());
  app->add_option("--vocabulary", c->vocabulary, "Tokens of a new tokenizer (512)")
      ->check(whole_number(1));
  app->add_option("--watermark-rate", c->watermark_rate, "Share of the images with a card (0)")
      ->check(number_within(0, 1));
  app->add_option("--people", c->people, "Invented people to choose from (10)")
      ->check(whole_number(1, 1'000'000));
  app->add_option("--fields", c->fields, "Fields of a card, 2 or 6 (2)")->check(one_of({"2", "6"}));
  app->add_option("--lora-rank", c->lora_rank,
                  "Train low-rank additions of this rank to q_proj and v_proj instead of all")
      ->check(whole_number(1));
  app->add_option("--freeze", c->freeze, "Don't train parameters whose name starts so")
      ->check(named("the start of a name"));
  c->device.add_to(*app);
  app->add_option(
         "--math", c->math,
         "exact, or fast: bf16 activations on the tensor cores of --device=cuda; its result "
         "depends on device and micro-batches (exact)")
      ->check(one_of({"exact", "fast"}));
  app->add_option("--kernels", c->kernels,
                  "For --math=fast: take the kernels of another run (its checkpoint/kernels.json) "
                  "instead of the quickest; on the same device they give the same bits")
      ->check(named("a file"));
  app->add_option("--normalization", c->normalization,
                  "What a sample's loss is divided by: nothing (sum), the batch's answer tokens "
                  "(per_token), or its own and the batch's samples (per_sample) (per_token)")
      ->check(one_of({"sum", "per_token", "per_sample"}));
  app->add_option(
         "--dp-clip", c->dp_clip,
         "Train privately (DP-SGD): shorten each unit's gradient to this length; --batch is "
         "then the number of units of a step on average, and --normalization sum or "
         "per_sample (0, which is not privately)")
      ->check(any_number());
  app->add_option("--dp-noise", c->dp_noise,
                  "Deviation of the noise on the sum of the units' gradients, over --dp-clip (0)")
      ->check(any_number());
  app->add_option(
         "--dp-unit", c->dp_unit,
         "What is hidden: a user with all images that carry the user's card, or each sample "
         "(user)")
      ->check(one_of({"user", "sample"}));
  app->add_option("--checkpoint-every", c->checkpoint_every, "Steps between checkpoints")
      ->check(whole_number(1))
      ->capture_default_str();
  app->footer(
      "Example:\n  chainline train --data shapes --out runs/half --watermark-rate 0.5 --seed 1");
  app->callback([c] { c->run(); });
}

}  // namespace chainline::experiments
