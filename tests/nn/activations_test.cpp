// The model with bf16 activations beside f32 parameters (docs/numerics.md, Classes).
#include "nn/activations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <vector>

#include "nn/lora.h"
#include "tensor/ops/reduce.h"
#include "tests/numerics/tiny_training.h"

namespace chainline {
namespace {

using test::message_of;
using test::tiny_mllm;
using test::TinyTraining;

const std::vector<std::int64_t> kPrompt{2, 1, 5, 6};

TEST(Activations, AreOfTheParametersDtypeOrBf16BesideF32) {
  nn::Activations of_f32(DType::f32), of_f64(DType::f64);
  of_f32.set(DType::bf16), of_f32.set(DType::f32), of_f64.set(DType::f64);
  EXPECT_EQ(message_of<ValueError>([&] { of_f32.set(DType::f64); }),
            "activations: expected f32 or bf16, got f64");
  EXPECT_EQ(message_of<ValueError>([&] { of_f64.set(DType::bf16); }),
            "activations: expected f64, got bf16");
}

TEST(Activations, OfBf16NeedADeviceThatHasThem) {
  nn::Mllm model = tiny_mllm();
  model.set_activations(DType::bf16);
  if (test::device() == kCpu) {
    EXPECT_EQ(message_of<DTypeError>([&] { test::logits_of(model, kPrompt); }),
              "linear: expected dtype f32 or f64, got bf16");
  } else {
    EXPECT_EQ(test::logits_of(model, kPrompt).dtype(), DType::bf16);
  }
}

TEST(Activations, OfBf16LeaveNoTraceInAnExactModel) {
  nn::Mllm model = tiny_mllm();
  const Tensor before = test::logits_of(model, kPrompt);
  model.set_activations(DType::bf16);
  model.set_activations(DType::f32);
  EXPECT_TRUE(same_bits(test::logits_of(model, kPrompt), before));
}

class FastTraining : public testing::Test {
 protected:
  void SetUp() override {
    if (test::device() == kCpu) GTEST_SKIP() << "the CPU has no fast class";
    fast.model.set_activations(DType::bf16);
  }

  /// The mean loss of the samples before the first step and after each.
  static std::vector<double> train(TinyTraining& training) {
    std::vector<double> losses;
    const auto measure = [&] {
      const NoGradGuard off;
      const Tensor loss = training.losses(0, TinyTraining::kSamples, 5).value();
      double sum = 0;
      for (const double l : loss.to(DType::f64).to_vector<double>()) sum += l;
      losses.push_back(sum / TinyTraining::kSamples);
    };
    measure();
    while (training.adamw.steps() < TinyTraining::kSteps) {
      training.step(training.gradients({TinyTraining::kSamples}));
      measure();
    }
    return losses;
  }

  TinyTraining exact, fast;
};

TEST_F(FastTraining, KeepsHiddenStatesInBf16AndGradientsOfParametersInF32) {
  const Tensor ids = test::from(kPrompt, {1, 4});
  const nn::Splice plan = nn::splice(ids, ids, fast.model.image_rows(), fast.model.config());
  const nn::MllmOutput out = fast.model(Variable(test::tiny_image()), ids, plan);
  for (const Variable& h : out.vision) EXPECT_EQ(h.dtype(), DType::bf16);
  for (const Variable& h : out.decoder) EXPECT_EQ(h.dtype(), DType::bf16);
  EXPECT_EQ(out.logits.dtype(), DType::bf16);
  const std::vector<Tensor> gradients = fast.gradients({2, 2});
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    ASSERT_TRUE(gradients[i].defined()) << fast.parameters[i].name;
    EXPECT_EQ(gradients[i].dtype(), DType::f32) << fast.parameters[i].name;
  }
}

// A recomputed block computes what it computed.
TEST_F(FastTraining, HasTheSameBitsWhenBlocksAreRecomputed) {
  const std::vector<Tensor> kept = fast.gradients({4});
  fast.model.set_recompute(true);
  const std::vector<Tensor> again = fast.gradients({4});
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(same_bits(kept[i], again[i])) << i;
}

TEST_F(FastTraining, TrainsLowRankAdditionsAndATiedTable) {
  nn::MllmConfig config = test::tiny_mllm_config();
  config.text.tie_word_embeddings = true;
  fast.model = test::drawn_mllm(config);
  {
    const test::MeantForTheCpu drawing;
    nn::LowRankOptions options;
    options.rank = 2;
    nn::add_low_rank(fast.model, options, 3);
    nn::move_to(fast.model, test::device());
  }
  nn::set_trainable(fast.model, "language_model.model.embed_tokens", true);
  fast.model.set_activations(DType::bf16);
  fast.parameters = nn::trainable_parameters(fast.model);
  ASSERT_GT(fast.parameters.size(), 4u);
  const std::vector<Tensor> gradients = fast.gradients({4});
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    EXPECT_EQ(gradients[i].dtype(), DType::f32) << fast.parameters[i].name;
    EXPECT_FALSE(ops::any_nonfinite(gradients[i])) << fast.parameters[i].name;
  }
}

// What a training in bf16 loses is no rounding that a bound could follow through 20 steps. Its class
// promises that it learns, and that it does so again; the distance is told.
TEST_F(FastTraining, LearnsNearTheExactTrainingAndTheSameBitsAgain) {
  const std::vector<double> of_exact = train(exact), of_fast = train(fast);
  std::cout << "loss of the exact training: " << of_exact.front() << " to " << of_exact.back()
            << "; of the fast one: " << of_fast.front() << " to " << of_fast.back() << "\n";
  double farthest = 0;
  for (std::size_t i = 0; i < fast.parameters.size(); ++i) {
    farthest = std::max(farthest, test::max_abs_diff(fast.parameters[i].variable.value(),
                                                     exact.parameters[i].variable.value()));
  }
  std::cout << "farthest weight from the exact one: " << farthest << "\n";
  EXPECT_LT(of_fast.back(), of_fast.front() / 2);
  EXPECT_LT(of_exact.back(), of_exact.front() / 2);

  TinyTraining again;
  again.model.set_activations(DType::bf16);
  EXPECT_EQ(train(again), of_fast);
  EXPECT_EQ(again.hash(), fast.hash());
}

}  // namespace
}  // namespace chainline
