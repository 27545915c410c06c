// Twenty steps of a tiny model come to the golden weights whatever must not show: how the batch is
// split, what a sample stands beside, how it is padded, and whether the training was interrupted.

#include "tests/numerics/golden.h"
#include "tests/numerics/tiny_training.h"
#include "tests/tensor/folder.h"

namespace chainline {
namespace {

using test::TinyTraining;

const std::string& golden_weights() {
  static const std::string hash = test::golden()["training"];
  return hash;
}

class GoldenTraining : public test::EachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, GoldenTraining, testing::ValuesIn(test::isas()), test::isa_of);

TEST_P(GoldenTraining, HoldsForAnySplitOfTheBatch) {
  const std::vector<std::vector<std::int64_t>> splits{{4},    {1, 1, 1, 1}, {2, 2},    {3, 1},
                                                      {1, 3}, {1, 2, 1},    {2, 1, 1}, {1, 1, 2}};
  for (const auto& split : splits) {
    EXPECT_EQ(TinyTraining().run(split), golden_weights())
        << split.size() << " parts, the first of " << split[0];
  }
}

TEST_P(GoldenTraining, HoldsWhenTheSplitChangesFromStepToStep) {
  const std::vector<std::vector<std::int64_t>> splits{{3, 1}, {4}, {1, 2, 1}};
  TinyTraining training;
  for (std::size_t i = 0; training.adamw.steps() < TinyTraining::kSteps; ++i) {
    training.step(training.gradients(splits[i % splits.size()]));
  }
  EXPECT_EQ(training.hash(), golden_weights());
}

TEST_P(GoldenTraining, HoldsForAnyPadding) {
  for (const std::int64_t width : {6, 13, 40}) {
    EXPECT_EQ(TinyTraining(width).run(), golden_weights()) << width << " tokens";
  }
}

TEST_P(GoldenTraining, HoldsWhenEachSampleIsAloneAndNotPadded) {
  TinyTraining training;
  while (training.adamw.steps() < TinyTraining::kSteps) {
    GradientAccumulator sums(nn::variables_of(training.parameters));
    for (std::int64_t b = 0; b < TinyTraining::kSamples; ++b) {
      const std::int64_t length = training.lengths[static_cast<std::size_t>(b)];
      sums.add(sum(training.losses(b, 1, length), {0}));
    }
    training.step(sums.finish());
  }
  EXPECT_EQ(training.hash(), golden_weights());
}

/// The gradients of each sample's own loss among samples [first, first + n).
std::vector<Tensor> gradients_per_sample(const TinyTraining& training, std::int64_t first,
                                         std::int64_t n, std::int64_t width) {
  std::vector<Tensor> tensors;
  const Variable loss = sum(training.losses(first, n, width), {0});
  for (const Variable& g : per_sample_gradients({loss}, nn::variables_of(training.parameters))) {
    tensors.push_back(g.value());
  }
  return tensors;
}

TEST_P(GoldenTraining, GivesASampleItsGradientsWhateverStandsBesideIt) {
  const TinyTraining training(9);
  const std::int64_t b = 1, length = training.lengths[1];
  const std::vector<Tensor> alone = gradients_per_sample(training, b, 1, length);
  const std::vector<std::array<std::int64_t, 3>> batches{
      {0, 4, 9}, {1, 3, 5}, {0, 2, 7}, {1, 1, 6}};
  for (const auto& [first, n, width] : batches) {
    const std::vector<Tensor> all = gradients_per_sample(training, first, n, width);
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(same_bits(all[i].select(0, b - first).clone(), alone[i].select(0, 0).clone()))
          << training.parameters[i].name << " among " << n << " samples of " << width << " tokens";
    }
  }
}

// Every second step is the last of its process: the next one begins with fresh objects, another
// number of threads and another split, and has nothing but the checkpoint.
TEST_P(GoldenTraining, HoldsWhenInterruptedAndResumed) {
  const test::Folder folder;
  std::string hash;
  for (std::int64_t steps = 0; steps < TinyTraining::kSteps; steps += 2) {
    set_threads(1 + static_cast<int>(steps) % 3);
    TinyTraining training;
    if (steps > 0) {
      const nn::Checkpoint saved = nn::read_checkpoint(folder / "checkpoint");
      nn::load_parameters(training.parameters, saved.model, "checkpoint");
      std::vector<nn::NamedState> state = training.adamw.state();
      for (nn::NamedState& s : state) s.tensor = saved.optimizer.at(s.name);
      training.adamw.restore(std::stoll(saved.texts.at("position.json")), state);
    }
    ASSERT_EQ(training.adamw.steps(), steps);
    training.step(training.gradients({1, 3}));
    training.step(training.gradients({4}));
    nn::Checkpoint checkpoint;
    checkpoint.model = nn::tensors_of(training.parameters);
    for (const nn::NamedState& s : training.adamw.state()) {
      checkpoint.optimizer[s.name] = s.tensor;
    }
    checkpoint.texts["position.json"] = std::to_string(training.adamw.steps());
    nn::write_checkpoint(folder / "checkpoint", checkpoint);
    hash = training.hash();
  }
  EXPECT_EQ(hash, golden_weights());
}

// What an interruption must not lose: moments that start anew end elsewhere.
TEST(GoldenTrainingSees, AnOptimizerThatForgotItsMoments) {
  TinyTraining first;
  while (first.adamw.steps() < TinyTraining::kSteps / 2) first.step(first.gradients({4}));
  TinyTraining second;
  nn::load_parameters(second.parameters, nn::tensors_of(first.parameters), "memory");
  second.adamw.restore(first.adamw.steps(), second.adamw.state());
  EXPECT_NE(second.run(), golden_weights());
}

}  // namespace
}  // namespace chainline
