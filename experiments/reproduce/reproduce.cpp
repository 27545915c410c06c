#include "experiments/reproduce/reproduce.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "experiments/reproduce/accuracy.h"
#include "experiments/reproduce/findings.h"
#include "experiments/reproduce/measure.h"
#include "experiments/reproduce/result_report.h"
#include "experiments/reproduce/stage.h"
#include "experiments/training/config.h"
#include "experiments/training/log.h"
#include "experiments/training/manifest.h"
#include "experiments/training/model.h"
#include "experiments/training/run.h"
#include "experiments/watermark/ledger.h"
#include "experiments/watermark/truetype.h"
#include "nn/checkpoint.h"

namespace chainline::experiments {
namespace {

using Clock = std::chrono::steady_clock;

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// A random half of a split's images, with their examples in their order; `second` is the rest.
Split half_of(const Split& split, bool second, std::uint64_t seed) {
  const std::int64_t n = split.images->size();
  const std::vector<std::int64_t> order = epoch_order(n, seed, 0);
  std::vector<bool> chosen(static_cast<std::size_t>(n), second);
  for (std::int64_t i = 0; i < n / 2; ++i)
    chosen[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = !second;
  Split half{{}, split.images};
  for (const Example& example : split.examples)
    if (chosen[static_cast<std::size_t>(example.image)]) half.examples.push_back(example);
  return half;
}

Tokenizer make_tokenizer(const Dataset& data, const ReproduceOptions& options) {
  std::vector<std::string> corpus = corpus_of(data.train);
  for (const char* question : {kUsernameQuestion, kUserIdQuestion, kSeenQuestion})
    corpus.push_back(std::string("USER: ") + question + " ASSISTANT: yes");
  TokenizerOptions tokenizer;
  tokenizer.vocabulary = options.vocabulary;
  return Tokenizer::train(corpus, tokenizer);
}

void check_options(const ReproduceOptions& o) {
  check<ValueError>(!o.out.empty(), "reproduce: out: expected a folder, got none");
  check<ValueError>(!o.rates.empty() && o.rates.size() <= 4,
                    "reproduce: rates: expected 1 to 4 of them, got ", o.rates.size());
  for (std::size_t i = 0; i < o.rates.size(); ++i) {
    check<ValueError>(o.rates[i] >= 0 && o.rates[i] <= 100,
                      "reproduce: rates: expected percents of 0 .. 100, got ", o.rates[i]);
    check<ValueError>(i == 0 || o.rates[i - 1] < o.rates[i],
                      "reproduce: rates: expected them in ascending order, got ", o.rates[i],
                      " after ", o.rates[i - 1]);
  }
  check<ValueError>(!o.probe_questions.empty(), "reproduce: expected a probe question, got none");
  check<ValueError>(o.pictures >= 1, "reproduce: pictures: expected at least 1, got ", o.pictures);
}

/// Each stage of a reproduction, in the order of the calls.
class Pipeline {
 public:
  Pipeline(const ReproduceOptions& options, const std::string& command)
      : options_(options),
        data_((say("opening " + options.data), load_dataset(options.data))),
        tokenizer_(make_tokenizer(data_, options)),
        pool_(options.people, options.seed),
        font_(font_of(options.font)),
        stages_(options.out / "stages") {
    manifest_.started = time_now();
    manifest_.command = command;
    manifest_.device = options.device_name;
    manifest_.set_data(options.data, data_);
    manifest_.seeds = {{"all streams", options.seed}};
    options_.watermark.seed = options.seed;
    options_.watermark.patch = static_cast<int>(options.model.vision.patch_size);
    options_.base.seed = options_.tune.seed = options.seed;
    options_.gradients.seed = options_.probes.seed = options.seed;
    manifest_.config = config();
    results_["data"] = {{"spec", options.data},
                        {"name", data_.name},
                        {"licence", data_.licence},
                        {"sha256", data_.sha256},
                        {"train_questions", data_.train.examples.size()},
                        {"test_questions", data_.test.examples.size()},
                        {"train_images", data_.train.images->size()},
                        {"test_images", data_.test.images->size()},
                        {"vocabulary", tokenizer_.size()}};
    results_["config"] = manifest_.config;
    results_["question_only"] = question_only_by_kind(data_);
    for (const char* list : {"models", "runs", "gradients", "probes", "accuracy_differences"})
      results_[list] = Json::array();
  }

  Reproduction run() {
    train_base();
    for (const std::int64_t rate : options_.rates) tune(rate);
    compare_models();
    results_["claims"] = judge_claims(results_, options_);
    return finish();
  }

 private:
  Json config() const {
    const ReproduceOptions& o = options_;
    return {
        {"scale", o.scale},
        {"rates", o.rates},
        {"seed", o.seed},
        {"people", o.people},
        {"vocabulary", tokenizer_.size()},
        {"turns", o.turns},
        {"lora_rank", o.lora_rank},
        {"model", to_json(o.model)},
        {"base", to_json(o.base)},
        {"tune", to_json(o.tune)},
        {"watermark",
         {{"fields", o.watermark.fields},
          {"alpha", o.watermark.alpha},
          {"scale", o.watermark.scale},
          {"font", o.font},
          {"font_name", font_->name()},
          {"font_sha256", font_->sha256()}}},
        {"gradients", {{"batch_sizes", o.gradients.batch_sizes}, {"batches", o.gradients.batches}}},
        {"probes",
         {{"images", o.probe_images},
          {"questions", o.probe_questions},
          {"folds", o.probes.folds},
          {"relabellings", o.probes.relabellings},
          {"bootstrap", o.probes.bootstrap},
          {"c", o.probes.c}}},
        {"bootstrap", o.bootstrap},
        {"utility_margin", o.utility_margin}};
  }

  template <class Work>
  void timed(const std::string& name, const Work& work) {
    const Clock::time_point start = Clock::now();
    work();
    seconds_[name] =
        seconds_.value(name, 0.0) + std::chrono::duration<double>(Clock::now() - start).count();
  }

  /// Trains, or loads what is trained, and takes the run's numbers down.
  void train(LoadedModel& model, const Samples& samples, const TrainingConfig& config,
             const std::string& name, const std::string& title) {
    RunPlan plan;
    plan.folder = options_.out / name;
    plan.checkpoint_every = options_.checkpoint_every;
    plan.texts = model_texts(model);
    plan.title = title;
    const TrainedRun run = train_run(model.model, samples, config, plan);
    steps_trained_ += run.steps - run.resumed_from;
    Json losses = Json::array();
    for (const LogLine& line : read_log(plan.folder / "log.jsonl"))
      losses.push_back(line.record.loss);
    results_["runs"].push_back({{"run", name},
                                {"title", title},
                                {"steps", run.steps},
                                {"samples", samples.size()},
                                {"weights_sha256", run.weights_sha256},
                                {"losses", losses}});
    manifest_.hashes[name + " weights"] = run.weights_sha256;
    manifest_.hashes[name + " samples"] = samples.sha256();
    seconds_["training " + name] = run.seconds;
    waited_[name] = run.share_waited();
  }

  void train_base() {
    LoadedModel model = new_model(options_.model, tokenizer_, options_.seed);
    nn::move_to(model.model, options_.device);
    {
      const Split split =
          as_conversations(half_of(data_.train, false, options_.seed), options_.turns);
      const Samples samples(split, 0, static_cast<std::int64_t>(split.examples.size()),
                            model.conversation, image_size(), nullptr);
      train(model, samples, options_.base, "base", "base");
    }
    results_["parameters"] = nn::count_elements(nn::named_parameters(model.model));
    measure(model, "base", "base", true);
  }

  void tune(std::int64_t rate) {
    const std::string name = run_name(rate), title = std::to_string(rate) + " %";
    LoadedModel model = load_model(options_.out / "base");
    nn::move_to(model.model, options_.device);
    if (options_.lora_rank > 0) {
      // The paper's choice: the vision encoder stays, the decoder's layers get low-rank additions,
      // the projector is trained as a whole.
      nn::LowRankOptions lora;
      lora.rank = options_.lora_rank;
      lora.alpha = 2 * static_cast<double>(options_.lora_rank);
      lora.targets = {"language_model.model.layers.*"};
      add_low_rank(model, lora, options_.seed);
      nn::set_trainable(model.model, "multi_modal_projector", true);
    }
    {
      WatermarkSpec spec = options_.watermark;
      spec.rate = static_cast<double>(rate) / 100;
      const Watermarker marker(spec, pool_.seen(), font_);
      const Split split =
          as_conversations(half_of(data_.train, true, options_.seed), options_.turns);
      const Samples samples(split, 0, static_cast<std::int64_t>(split.examples.size()),
                            model.conversation, image_size(), &marker);
      train(model, samples, options_.tune, name, title);
      Ledger ledger = open_ledger(marker);
      ledger.lines = samples.cards();
      write_ledger(options_.out / name / "ledger.jsonl", ledger);
      Json& run = results_["runs"].back();
      run["marked_images"] = ledger.lines.size();
      double covered = 0, patches = 0;
      for (const LedgerLine& line : ledger.lines)
        covered += line.covered_share, patches += static_cast<double>(line.patches_touched);
      const auto n = static_cast<double>(std::max<std::size_t>(1, ledger.lines.size()));
      run["covered_share"] = covered / n;
      run["patches_touched"] = patches / n;
      if (rate == options_.rates.back()) results_["cards"] = cards(ledger);
    }
    measure(model, name, title, rate == 0);
  }

  /// The first marked images, to be shown.
  Json cards(const Ledger& ledger) const {
    Json list = Json::array();
    for (const LedgerLine& line : ledger.lines) {
      if (static_cast<std::int64_t>(list.size()) == options_.pictures) break;
      list.push_back({{"image", line.image},
                      {"name", line.name},
                      {"text", line.text},
                      {"x", line.x},
                      {"y", line.y},
                      {"width", line.width},
                      {"height", line.height},
                      {"alpha", line.alpha},
                      {"covered_share", line.covered_share},
                      {"patches_touched", line.patches_touched}});
    }
    return list;
  }

  void measure(LoadedModel& model, const std::string& name, const std::string& title,
               bool with_gradients) {
    const Json key = {{"weights", nn::hash_of(nn::named_parameters(model.model))},
                      {"data", data_.sha256},
                      {"config", manifest_.config}};
    timed("accuracy", [&] {
      Json accuracy = stages_.get(name + "-accuracy", key, [&] {
        say("asking " + title + " all " + std::to_string(data_.test.examples.size()) +
            " test questions");
        const Samples test(data_.test, 0, static_cast<std::int64_t>(data_.test.examples.size()),
                           model.conversation, image_size(), nullptr);
        return accuracy_of(evaluate(model.model, test), data_.test);
      });
      accuracy["run"] = name;
      accuracy["title"] = title;
      results_["models"].push_back(std::move(accuracy));
    });
    if (with_gradients) {
      timed("gradients", [&] {
        const Json points = stages_.get(name + "-gradients", key, [&] {
          say("comparing gradients at " + title);
          return measure_gradients(model, data_.test, pool_, options_.watermark, font_,
                                   options_.gradients);
        });
        results_["gradients"].push_back({{"run", name}, {"title", title}, {"points", points}});
      });
    }
    timed("probes", [&] {
      for (std::size_t q = 0; q < options_.probe_questions.size(); ++q) {
        const std::string& question = options_.probe_questions[q];
        Json probes = stages_.get(fmt::format("{}-probes-{}", name, q + 1), key, [&] {
          say("probing every layer of " + title);
          return measure_probes(model, data_.test, pool_, options_.watermark, font_,
                                options_.probe_images, question, options_.probes);
        });
        probes["run"] = name;
        probes["title"] = title;
        results_["probes"].push_back(std::move(probes));
      }
    });
  }

  /// Of the results of one kind, the one of a run; for the probes that of the first question.
  const Json* of_run(const char* kind, const std::string& name) const {
    for (const Json& entry : results_.at(kind))
      if (entry.at("run") == name) return &entry;
    return nullptr;
  }

  void compare_models() {
    const Json* clean = of_run("models", run_name(0));
    if (options_.rates.front() != 0 || options_.rates.size() < 2) return;
    timed("differences", [&] {
      for (const std::int64_t rate : options_.rates) {
        if (rate == 0) continue;
        Json d = accuracy_difference(*clean, *of_run("models", run_name(rate)), data_.test,
                                     options_.bootstrap, options_.seed);
        d["rate"] = rate;
        results_["accuracy_differences"].push_back(std::move(d));
      }
      results_["auc_difference"] = auc_difference(
          *of_run("probes", run_name(0)), *of_run("probes", run_name(options_.rates.back())),
          options_.bootstrap, options_.seed);
    });
  }

  Reproduction finish() {
    Reproduction done;
    done.report = options_.out / "report.html";
    done.steps_trained = steps_trained_;
    done.stages_made = stages_.made();
    write_json(options_.out / "results.json", results_);
    manifest_.outputs["results.json"] = options_.out / "results.json";
    seconds_["this call"] = std::chrono::duration<double>(Clock::now() - start_).count();
    manifest_.metrics = {{"seconds", seconds_},
                         {"share_waited_for_data", waited_},
                         {"peak_memory_mib", peak_memory_mib()}};
    write_manifest(options_.out, manifest_);
    write_report(done.report, result_report(results_, to_json(manifest_), data_, options_));
    done.results = std::move(results_);
    return done;
  }

  int image_size() const { return static_cast<int>(options_.model.vision.image_size); }

  Clock::time_point start_ = Clock::now();
  ReproduceOptions options_;
  Dataset data_;
  Tokenizer tokenizer_;
  PeoplePool pool_;
  std::shared_ptr<const Font> font_;
  StageStore stages_;
  Manifest manifest_;
  Json results_ = Json::object(), seconds_ = Json::object(), waited_ = Json::object();
  std::int64_t steps_trained_ = 0;
};

}  // namespace

Reproduction reproduce(const ReproduceOptions& options, const std::string& command) {
  check_options(options);
  return Pipeline(options, command).run();
}

}  // namespace chainline::experiments
