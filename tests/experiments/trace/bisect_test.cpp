// Differences are planted in trainings, and bisect names them.

#include "experiments/trace/bisect.h"

#include <bit>

#include "experiments/trace/replay.h"
#include "experiments/training/run.h"
#include "experiments/watermark/watermark.h"
#include "nn/checkpoint.h"
#include "tensor/ops/silu.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {
namespace {

using Step = std::function<StepRecord(Trainer&)>;

/// One training of the tiny model, recorded, and made again.
struct Training {
  std::string name;
  Dataset data = tiny_data();
  LoadedModel model = tiny_model(data);
  std::optional<Samples> samples = tiny_samples(data, model);
  TrainingConfig config = tiny_training();
  std::filesystem::path checkpoint;
  Step step = [](Trainer& trainer) { return trainer.step(); };
  Trace trace;

  explicit Training(std::string its_name) : name(std::move(its_name)) {}

  Json identity() { return training_identity(model.model, *samples, config, {}); }

  /// Does all steps and keeps their lines; the model has its first weights again afterwards.
  void record() {
    std::vector<nn::NamedParameter> all = nn::named_parameters(model.model);
    std::map<std::string, Tensor> first;
    for (const auto& [key, tensor] : nn::tensors_of(all)) first[key] = tensor.clone();
    trace.header.identity = identity();
    {
      Trainer trainer(model.model, *samples, config);
      trainer.keep_gradients();
      for (const nn::NamedParameter& p : trainer.parameters()) {
        trace.header.parameters.push_back(p.name);
      }
      while (!trainer.done()) trace.lines.push_back(trace_line(trainer, step(trainer)));
    }
    nn::load_parameters(all, first, "first weights");
  }

  BisectSide side() {
    return {name, trace, model.model, *samples, config, identity(), checkpoint, step};
  }
};

/// Both recorded, bisected and described.
struct Found {
  Bisection bisection;
  std::string text;

  Found(Training& a, Training& b) {
    a.record();
    b.record();
    const BisectSide side_a = a.side(), side_b = b.side();
    bisection = bisect(side_a, side_b);
    text = describe(bisection, side_a, side_b);
  }
};

void flip_last_bit(nn::Mllm& model, const std::string& name) {
  for (nn::NamedParameter& p : nn::named_parameters(model)) {
    if (p.name != name) continue;
    float& x = p.variable.mutable_value().mutable_data<float>()[2];
    x = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) ^ 1);
  }
}

TEST(Bisect, FindsNothingBetweenEqualTrainings) {
  Training a("A"), b("B");
  b.config.micro_batch = 2;
  const Found found(a, b);
  EXPECT_EQ(found.bisection.step, 0);
  EXPECT_EQ(found.text, "the records of 8 steps are equal\n");
  b.trace.lines.pop_back();
  const BisectSide side_a = a.side(), side_b = b.side();
  EXPECT_EQ(describe(bisect(side_a, side_b), side_a, side_b),
            "the records of 7 steps are equal\nA goes on to step 8\n");
}

/// The cards of the first seed with which just one of the 12 images is selected, and that image.
std::pair<Watermarker, std::int64_t> one_card() {
  WatermarkSpec spec;
  spec.rate = 1.0 / 12;
  spec.patch = 8;
  for (spec.seed = 1;; ++spec.seed) {
    const Watermarker cards(spec, make_people(2, 1));
    std::int64_t count = 0, last = -1;
    for (std::int64_t i = 0; i < 12; ++i) {
      if (cards.selects(i)) ++count, last = i;
    }
    if (count == 1) return {cards, last};
  }
}

TEST(Bisect, NamesTheImageThatCarriesAWatermark) {
  Training a("A"), b("B");
  const auto [cards, image] = one_card();
  b.samples = tiny_samples(b.data, b.model, &cards);
  const Found found(a, b);
  const Bisection& f = found.bisection;
  ASSERT_GT(f.step, 0) << found.text;
  ASSERT_EQ(f.settings.size(), 1u);
  EXPECT_TRUE(f.settings[0].starts_with("samples_sha256 (the data with their watermarks): "));
  EXPECT_TRUE(f.reproduced_a);
  EXPECT_TRUE(f.reproduced_b);
  ASSERT_FALSE(f.inputs.empty());
  for (const StepInput& input : f.inputs) {
    const bool named =
        input.what.starts_with("image of sample " + std::to_string(2 * image) + ",") ||
        input.what.starts_with("image of sample " + std::to_string(2 * image + 1) + ",");
    EXPECT_TRUE(named) << input.what << ", image " << image;  // two questions about each image
  }
  ASSERT_TRUE(f.ops.first);
  EXPECT_EQ(f.ops.first->kind, OpParting::Kind::inherited);
  EXPECT_EQ(f.ops.first->a.scope, "vision_tower.embeddings");
  EXPECT_FALSE(f.ops.added) << found.text;
  EXPECT_NE(found.text.find("computed again: A from the start, B from the start\n"),
            std::string::npos)
      << found.text;
}

/// silu_gate as it is, with the last bit turned of an answer in each row. One row alone might be one
/// whose prediction no loss asks for.
void wrong_silu_gate(const Tensor& gate, const Tensor& up, Tensor& y) {
  cpu::scalar::silu_gate(gate, up, y);
  float* x = y.mutable_data<float>();
  for (std::int64_t i = 7; i < y.numel(); i += y.shape()[-1]) {
    x[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x[i]) ^ 1);
  }
}

TEST(Bisect, NamesTheKernelThatWasWrongOnce) {
  Training a("A"), b("B");
  b.step = [](Trainer& trainer) {
    const auto right = kernel::silu_gate;
    if (trainer.steps_done() == 4) {
      std::array<void (*)(const Tensor&, const Tensor&, Tensor&), kIsas> wrong;
      wrong.fill(wrong_silu_gate);
      kernel::silu_gate = {"silu_gate", wrong};
    }
    const StepRecord record = trainer.step();
    kernel::silu_gate = right;
    return record;
  };
  const Found found(a, b);
  const Bisection& f = found.bisection;
  EXPECT_EQ(f.step, 5);
  EXPECT_EQ(f.same_steps, 4);
  EXPECT_TRUE(f.settings.empty());
  EXPECT_TRUE(f.inputs.empty());
  ASSERT_TRUE(f.ops.added) << found.text;
  EXPECT_EQ(f.ops.added->number, f.ops.first->number);
  EXPECT_EQ(f.ops.added->a.place(), "silu_gate at language_model.layers.0");
  EXPECT_EQ(f.ops.added->element.index, (std::vector<std::int64_t>{0, 0, 7}));
  EXPECT_EQ(f.ops.added->element.ulps, 1u);
  const chainline::Shape& y = f.ops.added->a.outputs[0].shape;
  EXPECT_EQ(f.ops.added->element.different, y[0] * y[1]);
  EXPECT_TRUE(f.reproduced_b);
}

TEST(Bisect, NamesTheWeightWhoseLastBitWasTurned) {
  Training a("A"), b("B");
  const std::string name = "multi_modal_projector.linear_1.weight";
  flip_last_bit(b.model.model, name);
  const Found found(a, b);
  const Bisection& f = found.bisection;
  EXPECT_EQ(f.step, 1);
  ASSERT_EQ(f.inputs.size(), 1u) << found.text;
  EXPECT_EQ(f.inputs[0].what, "weight " + name);
  EXPECT_TRUE(f.inputs[0].how.starts_with("element (0, 2): ")) << f.inputs[0].how;
  EXPECT_TRUE(f.inputs[0].how.ends_with(", 1 ULP apart; 1 of 256 differ")) << f.inputs[0].how;
  ASSERT_TRUE(f.ops.first);
  EXPECT_EQ(f.ops.first->kind, OpParting::Kind::inherited);
  EXPECT_EQ(f.ops.first->a.scope.substr(0, 21), "multi_modal_projector");
}

TEST(Bisect, NamesTheOptimizerWhereOnlyItsRateDiffers) {
  Training a("A"), b("B");
  b.config.weight_decay = 0.1;
  const Found found(a, b);
  EXPECT_EQ(found.bisection.step, 1);
  EXPECT_FALSE(found.bisection.ops.first);
  ASSERT_TRUE(found.bisection.optimizer) << found.text;
  EXPECT_TRUE(found.bisection.optimizer->what.starts_with("the optimizer's step of "));
  EXPECT_NE(found.text.find("  weight_decay: 0.0 in A, 0.1 in B\n"), std::string::npos)
      << found.text;
}

TEST(Bisect, NamesTheSamplesWhereTheOrderDiffers) {
  Training a("A"), b("B");
  b.config.seed = 2;
  const Found found(a, b);
  EXPECT_EQ(found.bisection.step, 1);
  EXPECT_TRUE(found.bisection.records.samples);
  ASSERT_FALSE(found.bisection.inputs.empty());
  EXPECT_EQ(found.bisection.inputs[0].what, "samples of the step");
  EXPECT_FALSE(found.bisection.ops.added) << "the embedding reads other ids";
}

TEST(Bisect, SaysThatARecordIsNotReproduced) {
  Training a("A"), b("B");
  a.record();
  b.record();
  b.trace.lines[5].gradients[3] ^= 1;  // as a fault of the memory would once leave it
  const BisectSide side_a = a.side(), side_b = b.side();
  const Bisection f = bisect(side_a, side_b);
  EXPECT_EQ(f.step, 6);
  EXPECT_TRUE(f.reproduced_a);
  EXPECT_FALSE(f.reproduced_b);
  EXPECT_FALSE(f.ops.first);
  const std::string text = describe(f, side_a, side_b);
  EXPECT_NE(text.find("  B's record was NOT reproduced: "), std::string::npos) << text;
  EXPECT_NE(text.find("computed again, the two agree in all "), std::string::npos) << text;
}

/// Writes the checkpoint that a training has after so many steps; returns its folder.
std::filesystem::path checkpoint_after(std::int64_t steps, const TemporaryFolder& folder,
                                       bool flipped) {
  Training t("checkpoint");
  RunPlan plan;
  plan.folder = folder.path();
  train_run(t.model.model, *t.samples, t.config, plan);
  const std::filesystem::path path = folder / "checkpoint";
  nn::Checkpoint checkpoint = nn::read_checkpoint(path);
  std::string& position = checkpoint.texts["training.json"];
  const std::string done = "\"steps_done\": 8";
  position.replace(position.find(done), done.size(), "\"steps_done\": " + std::to_string(steps));
  Training early("early");
  Trainer trainer(early.model.model, *early.samples, early.config);
  while (trainer.steps_done() < steps) trainer.step();
  if (flipped) flip_last_bit(early.model.model, "language_model.lm_head.weight");
  checkpoint.model = nn::tensors_of(nn::named_parameters(early.model.model));
  for (const nn::NamedState& s : trainer.optimizer_state()) checkpoint.optimizer[s.name] = s.tensor;
  nn::write_checkpoint(path, checkpoint);
  return path;
}

TEST(Bisect, StartsFromACheckpointThatIsNotTooLate) {
  const TemporaryFolder folder;
  Training a("A"), b("B");
  a.checkpoint = b.checkpoint = checkpoint_after(4, folder, false);
  a.record();
  b.record();
  b.trace.lines[5].gradients[3] ^= 1;
  Bisection f = bisect(a.side(), b.side());
  EXPECT_EQ(f.from_a, "the checkpoint after step 4 (" + a.checkpoint.string() + ")");
  EXPECT_TRUE(f.reproduced_a);

  Training c("C"), d("D");
  c.checkpoint = d.checkpoint = a.checkpoint;
  c.record();
  d.record();
  d.trace.lines[2].gradients[3] ^= 1;
  f = bisect(c.side(), d.side());
  EXPECT_EQ(f.from_a, "the start");
  EXPECT_TRUE(f.reproduced_a);
}

TEST(Bisect, RefusesACheckpointWithAnotherWeightThanItsTrace) {
  const TemporaryFolder folder;
  Training a("A"), b("B");
  b.checkpoint = checkpoint_after(4, folder, true);
  a.record();
  b.record();
  b.trace.lines[5].gradients[3] ^= 1;
  const std::string sentence = refusal<FileError>([&] { bisect(a.side(), b.side()); });
  EXPECT_TRUE(sentence.starts_with(b.checkpoint.string() +
                                   ": language_model.lm_head.weight after step 4: the trace has "))
      << sentence;
  EXPECT_TRUE(sentence.ends_with("; the checkpoint was changed since")) << sentence;
}

TEST(Bisect, RefusesTrainingsThatCannotBeCompared) {
  Training a("A"), b("B");
  nn::set_trainable(b.model.model, "vision_tower", false);
  a.record();
  b.record();
  const std::string first_of_b = b.trace.header.parameters.front();
  EXPECT_EQ(refusal<ValueError>([&] { bisect(a.side(), b.side()); }),
            "bisect: expected trainings of the same parameters, got " +
                a.trace.header.parameters.front() + " in A, " + first_of_b + " in B");
  b.config.math = Math::fast;
  b.trace = a.trace;
  BisectSide side = a.side();
  side.name = "B";
  side.config.math = Math::fast;
  EXPECT_EQ(refusal<ValueError>([&] { bisect(a.side(), side); }),
            "bisect: math: expected exact, got fast in B; there kernels decide bits, and time "
            "chooses kernels");
}

TEST(Replay, IsIdenticalOrNamesTheFirstStepThatIsNot) {
  Training a("A");
  a.record();
  const auto replayed = [&](std::int64_t steps) {
    Training again("again");
    Trainer trainer(again.model.model, *again.samples, again.config);
    return replay(trainer, a.trace, steps);
  };
  EXPECT_EQ(describe(replayed(8), a.trace), "replayed 8 steps: identical\n");
  EXPECT_EQ(describe(replayed(3), a.trace), "replayed 3 steps: identical\n");
  const std::uint64_t right = a.trace.lines[4].weights[1];
  a.trace.lines[4].weights[1] ^= 1;
  EXPECT_EQ(describe(replayed(8), a.trace),
            "replayed 5 steps: step 5 differs\n  weights        1 of " +
                std::to_string(a.trace.header.parameters.size()) + " parameters, first " +
                a.trace.header.parameters[1] + ": " + hex_digits(right ^ 1) + " in the trace, " +
                hex_digits(right) + " in the replay\n");
}

}  // namespace
}  // namespace chainline::experiments
