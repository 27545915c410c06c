// DP-SGD in the trainer: its steps by the formula, which depend on neither threads, micro-batches nor
// interruptions, its identity and its refusals.

#include <algorithm>
#include <cmath>

#include "experiments/training/run.h"
#include "tensor/backend.h"
#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/private_world.h"

namespace chainline::experiments {
namespace {

TEST(PrivateTraining, StepsByTheFormula) {
  PrivateWorld world, expected;
  for (PrivateWorld* w : {&world, &expected}) {
    w->config.optimizer = OptimizerKind::sgd;
    w->config.normalization = Normalization::sum;
    w->config.clip = 0;
    w->config.warmup = 0;
  }
  Trainer trainer(world.model.model, world.samples, world.config);
  const StepRecord record = trainer.step();

  const double clip = world.config.dp_clip;
  const std::vector<nn::NamedParameter> parameters = expected.parameters();
  std::vector<std::vector<float>> sums;
  for (const nn::NamedParameter& p : parameters) {
    sums.emplace_back(static_cast<std::size_t>(p.variable.value().numel()));
  }
  std::int64_t samples = 0;
  for (const std::vector<std::int64_t>& unit : expected.units().at(0)) {
    const std::vector<Tensor> g = expected.gradient_of(unit);
    const double length = ClippedSum(parameters, clip).add(g);
    EXPECT_NEAR(length, length_of(g), kLengthError * length);
    const double factor = std::min(1.0, clip / length);
    EXPECT_LT(factor, 1);  // or the test would show nothing of clipping
    for (std::size_t p = 0; p < g.size(); ++p) {
      const std::vector<float> values = g[p].to_vector<float>();
      for (std::size_t i = 0; i < values.size(); ++i) {
        sums[p][i] += static_cast<float>(factor * values[i]);
      }
    }
    samples += static_cast<std::int64_t>(unit.size());
  }
  EXPECT_EQ(record.samples, samples);
  std::vector<Tensor> gradients;
  for (std::size_t p = 0; p < sums.size(); ++p) {
    RandomSequence random = Generator(1, "dp noise").sequence(0, static_cast<std::uint32_t>(p));
    for (float& x : sums[p]) {
      x = static_cast<float>((x + world.config.dp_noise * clip * random.normal()) / 4);
    }
    gradients.push_back(Tensor::from(sums[p], parameters[p].variable.value().shape()));
  }
  EXPECT_EQ(record.gradient_norm, nn::global_norm(gradients));
  nn::Sgd sgd(parameters, {});
  sgd.step(gradients, record.learning_rate);
  EXPECT_EQ(world.weights(), expected.weights());
}

TEST(PrivateTraining, GivesTheSameWeightsForAnyThreadsMicroBatchesAndInterruptions) {
  const int before = threads();
  PrivateWorld whole;
  Trainer all(whole.model.model, whole.samples, whole.config);
  while (!all.done()) all.step();
  const std::string expected = whole.weights();
  for (const auto& [thread_count, micro_batch] :
       std::vector<std::pair<int, std::int64_t>>{{1, 1}, {2, 2}, {3, 5}}) {
    set_threads(thread_count);
    PrivateWorld world;
    world.config.micro_batch = micro_batch;
    Trainer first(world.model.model, world.samples, world.config);
    for (int i = 0; i < 3; ++i) first.step();
    Trainer second(world.model.model, world.samples, world.config);
    second.restore(3, first.optimizer_state());
    while (!second.done()) second.step();
    EXPECT_EQ(world.weights(), expected) << thread_count << " threads, parts of " << micro_batch;
  }
  set_threads(before);
  PrivateWorld other;
  other.config.dp_unit = PrivacyUnit::sample;
  Trainer by_sample(other.model.model, other.samples, other.config);
  while (!by_sample.done()) by_sample.step();
  EXPECT_NE(other.weights(), expected);
}

TEST(PrivateTraining, StepsByNoiseAloneWhenNobodyTakesPart) {
  PrivateWorld world;
  world.config.batch = 1;
  std::int64_t step = 0;
  while (!world.units().at(step).empty()) ++step;
  world.config.steps = step + 1;
  Trainer trainer(world.model.model, world.samples, world.config);
  trainer.restore(step, trainer.optimizer_state());
  const std::string before = world.weights();
  const StepRecord record = trainer.step();
  EXPECT_EQ(record.samples, 0);
  EXPECT_EQ(record.loss, 0);
  // |N(0, s^2)| of n elements is within 5 / sqrt(2 n) of s sqrt(n), as a share.
  double n = 0;
  for (const nn::NamedParameter& p : world.parameters()) {
    n += static_cast<double>(p.variable.value().numel());
  }
  EXPECT_NEAR(record.gradient_norm / (0.8 * 0.5 * std::sqrt(n)), 1, 5 / std::sqrt(2 * n));
  EXPECT_NE(world.weights(), before);
}

TEST(PrivateTraining, IsATrainingOfItsOwnWithALedgerForTheAccountant) {
  const TemporaryFolder folder;
  PrivateWorld world;
  EXPECT_EQ(privacy_ledger(world.samples, world.config), (PrivacyLedger{4.0 / 9, 0.8, 8}));
  RunPlan plan;
  plan.folder = folder / "run";
  train_run(world.model.model, world.samples, world.config, plan);
  const Json identity =
      parse_json(nn::read_checkpoint(folder / "run" / "checkpoint").texts.at("training.json"),
                 "training.json")["identity"];
  EXPECT_EQ(identity["privacy"],
            (Json{{"q", 4.0 / 9}, {"sigma", 0.8}, {"steps", 8}, {"units", 9}, {"users", 5}}));
  EXPECT_EQ(identity["dp_unit"], "user");
  PrivateWorld other;
  std::vector<std::int64_t> units = five_users();
  std::swap(units[0], units[1]);
  other.samples.set_units(units);
  EXPECT_NE(refusal<FileError>([&] {
              train_run(other.model.model, other.samples, other.config, plan);
            }).find("units_sha256 (whose samples are whose): this training has"),
            std::string::npos);
  PrivateWorld open;
  open.config.dp_clip = open.config.dp_noise = 0;
  plan.folder = folder / "open";
  train_run(open.model.model, open.samples, open.config, plan);
  const Json plain =
      parse_json(nn::read_checkpoint(folder / "open" / "checkpoint").texts.at("training.json"),
                 "t")["identity"];
  for (const char* key : {"dp_clip", "dp_noise", "dp_unit", "privacy", "units_sha256"}) {
    EXPECT_FALSE(plain.contains(key)) << key;  // an older training's identity
  }
}

TEST(PrivateTraining, RefusesWhatItCannotBe) {
  PrivateWorld world;
  const auto sentence = [&](const TrainingConfig& config) {
    return refusal<ValueError>([&] { Trainer(world.model.model, world.samples, config); });
  };
  TrainingConfig config = world.config;
  config.dp_clip = 0;
  EXPECT_EQ(
      sentence(config),
      "training: dp_noise: expected 0 without dp_clip, got 0.8; noise hides a unit only where "
      "its gradient is bounded");
  config = world.config;
  config.dp_clip = -1;
  EXPECT_EQ(sentence(config), "training: dp_clip: expected a finite number of 0 or more, got -1");
  config = world.config;
  config.dp_noise = INFINITY;
  EXPECT_EQ(sentence(config), "training: dp_noise: expected a finite number of 0 or more, got inf");
  config = world.config;
  config.normalization = Normalization::per_token;
  EXPECT_EQ(sentence(config),
            "training: normalization: expected sum or per_sample with dp_clip, got per_token; the "
            "tokens of a batch would make a unit's gradient depend on others");
  config = world.config;
  config.steps = std::int64_t{1} << 32;
  EXPECT_EQ(sentence(config),
            "training: steps: expected at most 4294967295 with dp_clip, which counts the noise by "
            "them, got 4294967296");
}

TEST(PrivateTraining, RefusesADevice) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  PrivateWorld world;
  nn::move_to(world.model.model, Device{DeviceType::cuda, 0});
  EXPECT_EQ(refusal<ValueError>([&] { Trainer(world.model.model, world.samples, world.config); }),
            "training: dp_clip: expected 0 on a device and with fast arithmetic, got 0.5; private "
            "steps are computed on the CPU, exactly, alone");
}

}  // namespace
}  // namespace chainline::experiments
