// The model's parameter names and the splice of image rows into text.

#include "nn/mllm.h"

#include <set>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tests/nn/tiny.h"

namespace chainline {
namespace {

using test::message_of;

TEST(Mllm, NamesItsParametersAsTheCheckpointsOfLlava15) {
  nn::Mllm model = test::tiny_mllm();
  std::set<std::string> names;
  for (const nn::NamedParameter& p : nn::named_parameters(model)) names.insert(p.name);
  const std::string v = "vision_tower.vision_model.", l = v + "encoder.layers.0.";
  const std::string t = "language_model.model.", d = t + "layers.0.";
  const std::set<std::string> expected = {v + "embeddings.class_embedding",
                                          v + "embeddings.patch_embedding.weight",
                                          v + "embeddings.position_embedding.weight",
                                          v + "pre_layrnorm.weight",  // so misspelt in those files
                                          v + "pre_layrnorm.bias",
                                          l + "layer_norm1.weight",
                                          l + "layer_norm1.bias",
                                          l + "self_attn.q_proj.weight",
                                          l + "self_attn.q_proj.bias",
                                          l + "self_attn.k_proj.weight",
                                          l + "self_attn.k_proj.bias",
                                          l + "self_attn.v_proj.weight",
                                          l + "self_attn.v_proj.bias",
                                          l + "self_attn.out_proj.weight",
                                          l + "self_attn.out_proj.bias",
                                          l + "layer_norm2.weight",
                                          l + "layer_norm2.bias",
                                          l + "mlp.fc1.weight",
                                          l + "mlp.fc1.bias",
                                          l + "mlp.fc2.weight",
                                          l + "mlp.fc2.bias",
                                          "multi_modal_projector.linear_1.weight",
                                          "multi_modal_projector.linear_1.bias",
                                          "multi_modal_projector.linear_2.weight",
                                          "multi_modal_projector.linear_2.bias",
                                          t + "embed_tokens.weight",
                                          d + "input_layernorm.weight",
                                          d + "self_attn.q_proj.weight",
                                          d + "self_attn.k_proj.weight",
                                          d + "self_attn.v_proj.weight",
                                          d + "self_attn.o_proj.weight",
                                          d + "post_attention_layernorm.weight",
                                          d + "mlp.gate_proj.weight",
                                          d + "mlp.up_proj.weight",
                                          d + "mlp.down_proj.weight",
                                          t + "norm.weight",
                                          "language_model.lm_head.weight"};
  EXPECT_EQ(names, expected);
}

TEST(Mllm, KeepsThePatchEmbeddingInTheShapeOfAConvolution) {
  nn::Mllm model = test::tiny_mllm();
  for (const nn::NamedParameter& p : nn::named_parameters(model)) {
    if (p.name != "vision_tower.vision_model.embeddings.patch_embedding.weight") continue;
    EXPECT_EQ(p.file_shape, Shape({8, 3, 4, 4}));
    EXPECT_EQ(p.variable.shape(), Shape({8, 48}));
  }
}

TEST(Splice, PutsTheImageRowsWhereTheImageTokenStood) {
  const nn::MllmConfig config = test::tiny_mllm_config();
  // Two image rows (0, 1); text token t is row 2 + t. The second sample has one token of padding.
  const Tensor ids = test::from<std::int64_t>({7, 1, 8, 9, 1, 5, 6, 0}, {2, 4});
  const Tensor labels =
      test::from<std::int64_t>({-100, -100, -100, 9, -100, -100, 6, -100}, {2, 4});
  const nn::Splice plan = nn::splice(ids, labels, 2, config);
  EXPECT_EQ(plan.index.to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{2, 0, 1, 4, 5, 0, 1, 3, 4, -1}));
  // A label stands at the position before its token.
  EXPECT_EQ(plan.labels.to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{-100, -100, -100, 9, -100, -100, -100, 6, -100, -100}));
  EXPECT_EQ(plan.lengths, (std::vector<std::int64_t>{5, 4}));
}

TEST(Splice, RefusesASampleWithoutAnImageOrWithTwo) {
  const nn::MllmConfig config = test::tiny_mllm_config();
  const auto splice = [&](const std::vector<std::int64_t>& ids) {
    const Tensor t = test::from(ids, {2, 3});
    nn::splice(t, t, 2, config);
  };
  EXPECT_EQ(message_of<ValueError>([&] {
              splice({5, 1, 6, 5, 6, 7});
            }),
            "splice: sample 1 has no image token (id 1)");
  EXPECT_EQ(message_of<ValueError>([&] {
              splice({1, 1, 6, 5, 1, 7});
            }),
            "splice: sample 0 has more than one image token");
  EXPECT_EQ(
      message_of<ShapeError>([&] {
        nn::splice(test::zeros({1, 3}, DType::i64), test::zeros({1, 2}, DType::i64), 2, config);
      }),
      "splice: expected ids and labels of one shape (B, T), got (1, 3) and (1, 2)");
}

TEST(Mllm, GivesASampleTheSameBitsWhateverStandsBesideIt) {
  const nn::Mllm model = test::tiny_mllm();
  const NoGradGuard off;
  const Tensor alone = test::logits_of(model, {4, 1, 5});
  const Tensor ids = test::from<std::int64_t>({4, 1, 5, 0, 0, 1, 9, 8, 7, 6}, {2, 5});
  const nn::Splice plan = nn::splice(ids, ids, model.image_rows(), model.config());
  Tensor images = test::empty({2, 3, 8, 8}, DType::f32);
  images.narrow(0, 0, 1).copy_from(test::tiny_image());
  images.narrow(0, 1, 1).copy_from(test::tiny_image(6));
  const Tensor both = model(Variable(images), ids, plan).logits.value();
  EXPECT_TRUE(same_bits(both.narrow(0, 0, 1).narrow(1, 0, alone.shape()[1]).contiguous(), alone));
}

TEST(SetTrainable, LeavesFrozenParametersWithoutGradientAndTheOthersWithTheSame) {
  nn::Mllm model = test::tiny_mllm();
  const auto gradients = [&] {
    const Tensor ids = test::from<std::int64_t>({4, 1, 5, 6}, {1, 4});
    const nn::Splice plan = nn::splice(ids, ids, model.image_rows(), model.config());
    const nn::MllmOutput out = model(Variable(test::tiny_image()), ids, plan);
    const Variable loss = sum(cross_entropy(out.logits, plan.labels, {}), {0});
    std::map<std::string, Tensor> by_name;
    const std::vector<nn::NamedParameter> trained = nn::trainable_parameters(model);
    const Variables g = grad({loss}, nn::variables_of(trained));
    for (std::size_t i = 0; i < g.size(); ++i) by_name[trained[i].name] = g[i].value();
    return by_name;
  };
  const auto all = gradients();
  nn::set_trainable(model, "vision_tower", false);
  const auto some = gradients();
  EXPECT_EQ(all.size(), 37u);
  EXPECT_EQ(some.size(), 16u);
  for (const auto& [name, gradient] : some) {
    EXPECT_NE(name.rfind("vision_tower", 0), 0u);
    EXPECT_TRUE(same_bits(gradient, all.at(name))) << name;
  }
}

}  // namespace
}  // namespace chainline
