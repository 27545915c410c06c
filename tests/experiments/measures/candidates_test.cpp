#include "experiments/measures/candidates.h"

#include <gtest/gtest.h>

#include "experiments/text/batch.h"
#include "experiments/training/samples.h"
#include "tensor/error.h"
#include "tensor/ops/cross_entropy.h"
#include "tests/experiments/small_model.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using test::SmallWorld;

/// The loss of one answer the long way: the whole text in one pass, without a cache.
double whole_loss(const nn::Mllm& model, const SmallWorld& world, const Tensor& image,
                  const std::string& question, const std::string& answer) {
  Example example;
  example.id = "whole";
  example.turns = {{question, answer}};
  const Tokens tokens = world.conversation.tokens(example);
  const auto T = static_cast<std::int64_t>(tokens.ids.size());
  const Tensor ids = Tensor::from(tokens.ids, {1, T}), labels = Tensor::from(tokens.labels, {1, T});
  const NoGradGuard off;
  const nn::Splice plan = nn::splice(ids, labels, model.image_rows(), model.config());
  ops::CrossEntropyOptions options;
  options.ignore_index = kIgnoreIndex;
  const Tensor logits = model(Variable(image), ids, plan).logits.value();
  return ops::cross_entropy(logits, plan.labels, options)
      .loss.to(DType::f64)
      .to_vector<double>()[0];
}

TEST(Candidates, HaveTheBitsOfTheirWholeTexts) {
  const SmallWorld world;
  const nn::Mllm model = world.model();
  const Tensor image = image_tensor(world.data.train.images->image(2), 64).reshape({1, 3, 64, 64});
  const std::vector<std::string> answers = {"yes", "1234567890", "a longer one, of words", "no"};
  const std::vector<double> together =
      candidate_losses(model, world.conversation, image, "is there a star?", answers);
  ASSERT_EQ(together.size(), answers.size());
  for (std::size_t a = 0; a < answers.size(); ++a)
    EXPECT_EQ(together[a], whole_loss(model, world, image, "is there a star?", answers[a]))
        << answers[a];
}

TEST(Candidates, DoNotSeeEachOther) {
  const SmallWorld world;
  const nn::Mllm model = world.model();
  const Tensor image = image_tensor(world.data.train.images->image(0), 64).reshape({1, 3, 64, 64});
  const double alone =
      candidate_losses(model, world.conversation, image, "what is it?", {"red"})[0];
  EXPECT_EQ(candidate_losses(model, world.conversation, image, "what is it?",
                             {"something much longer", "red"})[1],
            alone);
}

TEST(Candidates, RefuseNone) {
  const SmallWorld world;
  const nn::Mllm model = world.model();
  const Tensor image = Tensor::zeros({1, 3, 64, 64}, DType::f32);
  EXPECT_EQ(message_of<ValueError>(
                [&] { candidate_losses(model, world.conversation, image, "what?", {}); }),
            "candidates: expected at least one, got none");
}

}  // namespace
}  // namespace chainline::experiments
