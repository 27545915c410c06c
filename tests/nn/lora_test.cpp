// Low-rank additions: which layers they go to, that they start as nothing and merge into weights.

#include "nn/lora.h"

#include "nn/checkpoint.h"
#include "tests/nn/tiny.h"

namespace chainline {
namespace {

using test::message_of;

TEST(LowRankTargets, MatchWholeNamesTheirEndsAndAsterisks) {
  const std::string name = "language_model.model.layers.0.self_attn.q_proj";
  EXPECT_TRUE(nn::matches("q_proj", name));
  EXPECT_TRUE(nn::matches("self_attn.q_proj", name));
  EXPECT_TRUE(nn::matches(name, name));
  EXPECT_TRUE(nn::matches("*", name));
  EXPECT_TRUE(nn::matches("language_model.*.q_proj", name));
  EXPECT_TRUE(nn::matches("layers.*_proj", name));
  EXPECT_FALSE(nn::matches("proj", name));
  EXPECT_FALSE(nn::matches("vision_tower.*", name));
  EXPECT_FALSE(nn::matches("q_proj.*", name));
  EXPECT_FALSE(nn::matches("", name));
}

TEST(LowRank, StartsAsTheModelItIsAddedTo) {
  nn::Mllm model = test::tiny_mllm();
  const Tensor before = test::logits_of(model, {4, 1, 5, 6});
  nn::LowRankOptions options;
  options.rank = 2;
  options.targets = {"language_model.*.q_proj", "fc1"};
  EXPECT_EQ(nn::add_low_rank(model, options, 1),
            (std::vector<std::string>{"vision_tower.vision_model.encoder.layers.0.mlp.fc1",
                                      "language_model.model.layers.0.self_attn.q_proj"}));
  // Equal as numbers: -0 + 0 is 0, so a zero may change its sign.
  EXPECT_EQ(test::max_abs_diff(test::logits_of(model, {4, 1, 5, 6}), before), 0);
}

TEST(LowRank, LeavesOnlyItsOwnParametersTrainable) {
  nn::Mllm model = test::tiny_mllm();
  nn::LowRankOptions options;
  options.rank = 3;
  options.targets = {"v_proj"};
  nn::add_low_rank(model, options, 1);
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : nn::trainable_parameters(model)) names.push_back(p.name);
  const std::string v = "vision_tower.vision_model.encoder.layers.0.self_attn.v_proj.";
  const std::string d = "language_model.model.layers.0.self_attn.v_proj.";
  EXPECT_EQ(names,
            (std::vector<std::string>{v + "lora_A", v + "lora_B", d + "lora_A", d + "lora_B"}));
}

TEST(LowRank, MergesIntoTheWeights) {
  nn::Mllm model = test::tiny_mllm();
  nn::LowRankOptions options;
  options.rank = 2;
  options.targets = {"*_proj"};
  nn::add_low_rank(model, options, 1);
  for (const nn::NamedParameter& p : nn::trainable_parameters(model)) {
    Variable variable = p.variable;
    variable.mutable_value().copy_from(test::randn(variable.shape(), 7, DType::f32));
  }
  const Tensor with = test::logits_of(model, {4, 1, 5, 6});
  nn::merge_low_rank(model);
  const Tensor merged = test::logits_of(model, {4, 1, 5, 6});
  // The same numbers but for the rounding of W + s B A in place of W x + s B (A x): a few of the
  // about 30 products per layer, each within 2^-24 of values of order 10.
  EXPECT_LT(test::max_abs_diff(with, merged), 1e-4);
  EXPECT_GT(test::max_abs_diff(with, test::logits_of(test::tiny_mllm(), {4, 1, 5, 6})), 1e-2);
  EXPECT_EQ(nn::named_parameters(model).size(), 37u);
}

TEST(LowRank, RefusesATargetThatIsNotThereAndARankThatIsTooLarge) {
  nn::Mllm model = test::tiny_mllm();
  nn::LowRankOptions options;
  options.targets = {"q_porj"};
  EXPECT_EQ(message_of<ValueError>([&] { nn::add_low_rank(model, options, 1); }),
            "lora: targets: no linear layer is meant by \"q_porj\"");
  options.targets = {"q_proj"};
  options.rank = 9;
  EXPECT_EQ(message_of<ValueError>([&] { nn::add_low_rank(model, options, 1); }),
            "linear: expected a rank in [1, 8], got 9");
}

}  // namespace
}  // namespace chainline
