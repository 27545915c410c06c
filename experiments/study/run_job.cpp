#include "experiments/study/run_job.h"

#include <fmt/core.h>

#include <cmath>

#include "experiments/data/splits.h"
#include "experiments/measures/probes.h"
#include "experiments/measures/users.h"
#include "experiments/measures/utility.h"
#include "experiments/study/base_job.h"
#include "experiments/study/world.h"
#include "experiments/training/fields.h"
#include "experiments/training/privacy.h"
#include "experiments/training/run.h"
#include "experiments/training/trace.h"
#include "nn/lora.h"
#include "nn/parameter.h"

namespace chainline::experiments {
namespace {

template <class Fields>
void list_fields(Fields& f, RunSpec& s) {
  std::int64_t run = s.run;
  f("condition", s.condition);
  f("run", run);
  s.run = static_cast<std::uint32_t>(run);
  f("tuning", s.tuning);
  f("mix", s.mix);
  f("optimizer", s.optimizer);
  f("batch", s.batch);
  f("rate_factor", s.rate_factor);
  f("private_noise", s.private_noise);
  f("lora_rank", s.lora_rank);
  f("measures", s.measures);
  f("projections", s.projections);
}

}  // namespace

std::string RunSpec::name() const {
  std::string text = condition + "/" + std::to_string(run);
  if (tuning != "lora") text += "/" + tuning;
  if (mix != "general") text += "/" + mix;
  if (measures == "users") text += "/" + optimizer + "-b" + std::to_string(batch);
  if (rate_factor != 1) text += fmt::format("-x{:.4g}", rate_factor);
  if (private_noise > 0) text += fmt::format("-dp{}", private_noise);
  return text;
}

Json to_json(const RunSpec& spec) {
  FieldWriter writer;
  RunSpec copy = spec;
  list_fields(writer, copy);
  return writer.object();
}

RunSpec run_spec_from(const Json& object, const std::string& where) {
  RunSpec spec;
  FieldReader reader(object, where, true);
  list_fields(reader, spec);
  reader.finish();
  return spec;
}

void make_trainable(LoadedModel& model, const RunSpec& spec, std::uint64_t seed) {
  if (spec.tuning == "full") return;
  check<ValueError>(spec.tuning == "lora", "run: tuning: expected lora or full, got ", spec.tuning);
  nn::LowRankOptions lora;
  lora.rank = spec.lora_rank;
  lora.alpha = 2 * static_cast<double>(spec.lora_rank);
  lora.targets = {"language_model.model.layers.*"};
  add_low_rank(model, lora, seed);
  nn::set_trainable(model.model, "multi_modal_projector", true);
}

TrainingConfig tuning_config(const Study& study, const RunSpec& spec, std::int64_t images) {
  TrainingConfig config = spec.optimizer == "sgd" ? study.sgd_tune
                          : spec.tuning == "full" ? study.full_tune
                                                  : study.tune;
  config.batch = spec.batch;
  config.micro_batch = std::min(config.micro_batch, spec.batch);
  config.steps = (images + spec.batch - 1) / spec.batch;
  config.learning_rate *= spec.rate_factor;
  config.seed = run_seed(study, spec.run);
  if (spec.private_noise > 0) {
    // A step takes users, each with all of their pictures.
    const std::int64_t in_users = study.users / 2;
    config.batch = study.private_users;
    config.steps = study.private_passes * ((in_users + config.batch - 1) / config.batch);
    config.normalization = Normalization::per_sample;
    config.dp_clip = study.private_clip;
    config.dp_noise = spec.private_noise;
  }
  return config;
}

Json do_run(const Study& study, const RunSpec& spec, const std::filesystem::path& folder,
            const std::filesystem::path& base, const Json* twin,
            const std::function<void(double)>& progress) {
  const World world(study);
  const WatermarkSpec card = world.card_of_run(spec.run);
  const Condition condition = condition_of(spec.condition);
  const Assignment assignment(study.users, study.seed, spec.run);
  LoadedModel model = load_base(study, base);
  Json result = to_json(spec);
  result["in"] = assignment.in;
  result["sides"] = assignment.sides;
  const int size = static_cast<int>(study.model.vision.image_size);

  if (spec.condition != "B") {
    make_trainable(model, spec, run_seed(study, spec.run));
    const Treated treated = treat(world.tune_split(spec.mix), condition, world.population(),
                                  assignment, card, world.font());
    Samples samples(treated.split, 0, static_cast<std::int64_t>(treated.split.examples.size()),
                    model.conversation, size,
                    treated.watermarker ? &*treated.watermarker : nullptr);
    std::vector<std::int64_t> units;
    for (const Example& example : treated.split.examples)
      units.push_back(treated.user_of_image[static_cast<std::size_t>(example.image)]);
    samples.set_units(units);
    const TrainingConfig config = tuning_config(study, spec, samples.size());
    RunPlan plan;
    plan.folder = folder;
    plan.checkpoint_every = 1'000'000;  // a run is short: what was killed starts anew
    plan.texts = model_texts(model);
    plan.title = spec.name();
    plan.progress = [&](double share) { progress(0.6 * share); };
    plan.trace.emplace();
    const TrainedRun run = train_run(model.model, samples, config, plan);
    result["train"] = trained_json(run, samples, folder);
    result["train"]["chain"] = read_trace(folder / kTraceFile).chain;
    result["train"]["learning_rate"] = config.learning_rate;
    result["train"]["marked_images"] = samples.cards().size();
    if (spec.private_noise > 0) {
      const PrivacyLedger ledger = privacy_ledger(samples, config);
      result["train"]["privacy"] = {
          {"q", ledger.q}, {"sigma", ledger.sigma}, {"steps", ledger.steps}};
    }
    std::filesystem::remove_all(folder / "checkpoint");  // hundreds of them would fill a disk
  }

  const Split test = world.test_split();
  UtilityOptions utility;
  utility.choice_questions = study.choice_questions;
  utility.seed = study.seed;
  result["utility"] = measure_utility(model, world.data().train, test, utility);
  progress(0.7);
  if (spec.measures == "utility") return result;

  // Each IN user's card beside that of an OUT user of the same side on the same pictures, every user
  // on as many as any other, give or take one.
  const std::vector<ProbeView> views = paired_views(
      choose_images(test.images->size(), study.probe_images, study.seed), world.population().users,
      assignment.in, run_seed(study, spec.run), assignment.sides);
  Json partners(std::vector<std::int64_t>(assignment.in.size(), -1));
  for (std::size_t v = 0; v + 1 < views.size(); v += 2) {
    partners[views[v].person] = views[v + 1].person;
    partners[views[v + 1].person] = views[v].person;
  }
  result["partners"] = partners;
  UserMeasureOptions users;
  users.candidates = study.candidates;
  // Behind those whose cards a condition shows: the first (P-const), as many as images (P-uniq).
  users.strangers_from = study.strangers - study.candidates;
  result["users"] =
      measure_users(model, test, world.population(), assignment, views, card, world.font(), users);
  progress(0.85);
  if (spec.measures == "users") return result;

  ProbeSettings probes;
  probes.folds = study.folds;
  probes.relabellings = study.relabellings;
  probes.c_grid = study.c_grid;
  probes.seed = run_seed(study, spec.run);
  probes.projections = spec.projections;
  probes.keep_fits = spec.condition == kTransferFrom;
  if (twin != nullptr) probes.transfer = &member(*twin, "probes", spec.name());
  const LoadedModel before = load_base(study, base);
  result["probes"] = measure_model_probes(model, before, test, world.population().users, views,
                                          card, world.font(), probes);
  progress(1);
  return result;
}

}  // namespace chainline::experiments
