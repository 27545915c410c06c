// A model that computes its blocks again for the gradient: the same bits, from less memory.

#include <map>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tests/nn/tiny.h"

namespace chainline {
namespace {

nn::Mllm deep_model() {
  nn::MllmConfig config = test::tiny_mllm_config();
  config.vision.num_hidden_layers = 3;
  config.text.num_hidden_layers = 3;
  config.vision_feature_layer = 2;  // a hidden state between blocks is read, too
  return test::drawn_mllm(config);
}

/// The loss of samples [begin, end) of a batch of five.
Variable loss_of(const nn::Mllm& model, std::int64_t begin, std::int64_t end) {
  const Tensor ids = test::from<std::int64_t>(
      {4, 1, 5, 6, 7, 1, 9, 8, 2, 2, 3, 3, 1, 4, 0, 1, 5, 5, 0, 0, 8, 7, 6, 1, 2}, {5, 5});
  const Tensor part = ids.narrow(0, begin, end - begin).contiguous();
  const nn::Splice plan = nn::splice(part, part, model.image_rows(), model.config());
  const Tensor images = test::randn({5, 3, 8, 8}, 5, DType::f32);
  const nn::MllmOutput out =
      model(Variable(images.narrow(0, begin, end - begin).contiguous()), part, plan);
  return sum(cross_entropy(out.logits, plan.labels, {}), {0});
}

TEST(RecomputedBlocks, GiveTheSameLossAndGradientsForEverySplit) {
  nn::Mllm model = deep_model();
  const std::vector<nn::NamedParameter> named = nn::trainable_parameters(model);
  // Parameters behind the hidden state that is read get no gradient.
  GradOptions options;
  options.unreached = Unreached::undefined;
  const Variable kept_loss = loss_of(model, 0, 5);
  const Variables kept = grad({kept_loss}, nn::variables_of(named), options);
  model.set_recompute(true);
  EXPECT_TRUE(same_bits(loss_of(model, 0, 5).value(), kept_loss.value()));
  for (const std::vector<std::int64_t>& ends :
       std::vector<std::vector<std::int64_t>>{{5}, {1, 2, 3, 4, 5}, {2, 4, 5}, {3, 5}}) {
    GradientAccumulator sums(nn::variables_of(named));
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      sums.add(loss_of(model, begin, end));
      begin = end;
    }
    const std::vector<Tensor> gradients = sums.finish();
    for (std::size_t i = 0; i < named.size(); ++i) {
      ASSERT_EQ(gradients[i].defined(), kept[i].defined()) << named[i].name;
      if (!kept[i].defined()) continue;
      EXPECT_TRUE(same_bits(gradients[i], kept[i].value()))
          << named[i].name << ", " << ends.size() << " parts";
    }
  }
}

TEST(RecomputedBlocks, GiveTheSameGradientsOfEachSample) {
  nn::Mllm model = deep_model();
  const Variables parameters = nn::variables_of(nn::trainable_parameters(model));
  GradOptions options;
  options.unreached = Unreached::undefined;
  const Variables kept = per_sample_gradients({loss_of(model, 0, 5)}, parameters, options);
  model.set_recompute(true);
  const Variables again = per_sample_gradients({loss_of(model, 0, 5)}, parameters, options);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    ASSERT_EQ(kept[i].defined(), again[i].defined()) << parameters[i].name();
    if (!kept[i].defined()) continue;
    EXPECT_TRUE(same_bits(kept[i].value(), again[i].value())) << parameters[i].name();
  }
}

TEST(RecomputedBlocks, OutliveTheirModel) {
  Variable loss;
  Variables parameters;
  {
    nn::Mllm model = deep_model();
    model.set_recompute(true);
    parameters = {nn::trainable_parameters(model).back().variable};
    loss = loss_of(model, 0, 2);
  }
  EXPECT_TRUE(grad({loss}, parameters)[0].defined());
}

}  // namespace
}  // namespace chainline
