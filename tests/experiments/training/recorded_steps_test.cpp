// Steps of a training on a device, recorded once and replayed.

#include "experiments/training/recorded_steps.h"

#include <cmath>
#include <limits>

#include "nn/checkpoint.h"
#include "tensor/backend.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

constexpr Device kCuda{DeviceType::cuda, 0};

class RecordedStepsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  }
};

/// The tiny training on a device.
struct Training {
  Dataset data = tiny_data();
  LoadedModel model = tiny_model(data);
  Samples samples = tiny_samples(data, model);
  Trainer trainer;

  Training(Device device, const TrainingConfig& config)
      : trainer((nn::move_to(model.model, device), model.model), samples, config) {}

  /// The steps' losses, norms and the weights that they lead to.
  std::string all() {
    std::ostringstream text;
    text << std::hexfloat;
    while (!trainer.done()) {
      const StepRecord r = trainer.step();
      text << r.loss << ' ' << r.gradient_norm << ' ';
    }
    return text.str() + nn::hash_of(nn::named_parameters(model.model));
  }
};

TrainingConfig six_steps() {
  TrainingConfig config = tiny_training();
  config.steps = 6;
  config.clip = 0.5;  // some steps are clipped, others not
  return config;
}

// Batches of 5, whole and as 2 + 2 + 1.
TEST_F(RecordedStepsTest, HaveTheBitsOfTheCpu) {
  for (const OptimizerKind optimizer : {OptimizerKind::adamw, OptimizerKind::sgd}) {
    TrainingConfig config = six_steps();
    config.micro_batch = optimizer == OptimizerKind::sgd ? 2 : 5;
    config.optimizer = optimizer;
    config.momentum = optimizer == OptimizerKind::sgd ? 0.9 : 0;
    Training on_cpu(kCpu, config), recorded(kCuda, config);
    EXPECT_EQ(recorded.all(), on_cpu.all());
    EXPECT_GT(recorded.trainer.recorded_steps(), 0u);
  }
}

TEST_F(RecordedStepsTest, HaveTheBitsOfStepsOneByOneInTheFastClassToo) {
  TrainingConfig config = six_steps();
  config.math = Math::fast;
  Training recorded(kCuda, config);
  config.graph = false;
  Training one_by_one(kCuda, config);
  Backend& device = cuda::backend(0);
  // The kernels that are chosen by shape are the same: both see the same shapes.
  device.set_kernel_choices({});
  const std::string expected = recorded.all();
  const std::vector<KernelChoice> chosen = device.kernel_choices();
  device.set_kernel_choices({});
  EXPECT_EQ(one_by_one.all(), expected);
  EXPECT_EQ(device.kernel_choices(), chosen);
  EXPECT_GT(recorded.trainer.recorded_steps(), 0u);
  EXPECT_EQ(one_by_one.trainer.recorded_steps(), 0u);
}

TEST_F(RecordedStepsTest, HaveOnePartWhereAMicroBatchIsLargerThanAnyBatch) {
  TrainingConfig config = six_steps();
  config.steps = 1;
  Training whole(kCpu, config);
  config.micro_batch = std::numeric_limits<std::int64_t>::max();
  Training larger(kCpu, config);
  EXPECT_EQ(larger.all(), whole.all());
}

TEST_F(RecordedStepsTest, MaySeeOtherWorkBetweenThem) {
  Training on_cpu(kCpu, six_steps()), disturbed(kCuda, six_steps());
  const std::string expected = on_cpu.all();
  while (!disturbed.trainer.done()) {
    disturbed.trainer.step();
    // Blocks of many sizes, written to and given back.
    for (std::int64_t n = 1; n < 100'000; n *= 3) Tensor::full({n}, NAN, DType::f32, kCuda);
    release_cached_memory();
  }
  EXPECT_EQ(nn::hash_of(nn::named_parameters(disturbed.model.model)),
            expected.substr(expected.rfind(' ') + 1));
}

TEST_F(RecordedStepsTest, RefuseALossThatIsNotFiniteAndKeepTheWeights) {
  Training t(kCuda, six_steps());
  for (int i = 0; i < 3; ++i) t.trainer.step();
  auto parameters = nn::named_parameters(t.model.model);
  parameters.front().variable.mutable_value().fill(NAN);
  const std::string before = nn::hash_of(parameters);
  EXPECT_EQ(test::message_of<ValueError>([&] { t.trainer.step(); }).substr(0, 29),
            "training: the loss of step 4 ");
  EXPECT_EQ(nn::hash_of(parameters), before);
}

}  // namespace
}  // namespace chainline::experiments
