#include "experiments/probing/hidden.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "autograd/ops.h"
#include "experiments/probing/model_probes.h"
#include "experiments/training/samples.h"
#include "nn/generate.h"
#include "tensor/ops/softmax.h"
#include "tests/experiments/small_model.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using test::SmallWorld;

struct Pool {
  SmallWorld world;
  std::vector<Person> people = make_people(8, 5);
  std::vector<bool> in = assign_in(8, 5, 0);
  Watermarker marker{spec(), people};
  std::vector<ProbeView> views;
  Tensor images;

  explicit Pool(std::int64_t count = 20) : world(24) {
    views = paired_views(choose_images(world.data.test.images->size(), count, 2), people, in, 3);
    images = view_images(*world.data.test.images, marker, views, 64);
  }
  static WatermarkSpec spec() {
    WatermarkSpec s;
    s.seed = 11;
    return s;
  }
};

TEST(PairedViews, ShowEveryImageUnderOneSeenAndOneUnseenPerson) {
  const std::vector<Person> people = make_people(6, 1);
  const std::vector<bool> in = assign_in(6, 1, 0);
  const std::vector<ProbeView> views = paired_views({4, 7, 9, 11, 15, 16, 18}, people, in, 1);
  ASSERT_EQ(views.size(), 14u);
  std::map<std::size_t, int> count;
  for (std::size_t i = 0; i < views.size(); i += 2) {
    EXPECT_EQ(views[i].image, views[i + 1].image);
    EXPECT_TRUE(views[i].seen && in[views[i].person]);
    EXPECT_TRUE(!views[i + 1].seen && !in[views[i + 1].person]);
    ++count[views[i].person], ++count[views[i + 1].person];
  }
  for (const auto& person : count) {  // 7 images for 3 people: 2 or 3 each
    EXPECT_GE(person.second, 2);
    EXPECT_LE(person.second, 3);
  }
}

TEST(PairedViews, GiveEveryoneOnePartnerOfTheirStratum) {
  const std::vector<Person> people = make_people(16, 1);
  const std::vector<bool> in = assign_in(16, 1, 0);
  std::vector<int> strata(16, 0);
  int nth[2] = {0, 0};
  for (std::size_t p = 0; p < 16; ++p) strata[p] = nth[in[p]]++ % 2;
  std::vector<std::int64_t> images(24);
  for (std::size_t i = 0; i < 24; ++i) images[i] = static_cast<std::int64_t>(i);
  const std::vector<ProbeView> views = paired_views(images, people, in, 1, strata);
  std::map<std::size_t, std::set<std::size_t>> partners;
  for (std::size_t i = 0; i < views.size(); i += 2) {
    partners[views[i].person].insert(views[i + 1].person);
    EXPECT_EQ(strata[views[i].person], strata[views[i + 1].person]);
  }
  EXPECT_EQ(partners.size(), 8u);
  for (const auto& person : partners) EXPECT_EQ(person.second.size(), 1u);
  EXPECT_EQ(message_of<ShapeError>([&] {
              paired_views(images, people, in, 1, {0, 1});
            }),
            "probe: expected a stratum for each of 16 people, got 2");
}

TEST(PairedViews, RefuseAPoolWithoutOneOfTheClasses) {
  const std::vector<Person> people = make_people(2, 1);
  EXPECT_EQ(message_of<ValueError>([&] {
              paired_views({0}, people, {true, true}, 1);
            }),
            "probe: expected people in and out, got 2 in and 0 out");
}

TEST(ChooseImages, DrawsDifferentOnesInOrder) {
  const std::vector<std::int64_t> some = choose_images(30, 10, 4);
  EXPECT_EQ(std::set<std::int64_t>(some.begin(), some.end()).size(), 10u);
  EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
  EXPECT_EQ(choose_images(3, 10, 4), (std::vector<std::int64_t>{0, 1, 2}));
}

TEST(HiddenStates, AreThoseOfOneForwardPassAtThePromptsLastToken) {
  const Pool pool(3);
  const nn::Mllm model = pool.world.model();
  const HiddenStates states =
      hidden_states(model, pool.world.conversation, pool.images, pool.views, kUsernameQuestion, 4);
  ASSERT_EQ(states.layers.size(), 1u + 2u + 2u);
  EXPECT_EQ(states.layers[0].name, "vision embeddings");
  EXPECT_EQ(states.layers[4].name, "decoder layer 2");

  // The last layer's state at that place, through the head, is the logits that generate() reads.
  const Tensor image = pool.images.narrow(0, 5, 1);
  const std::vector<std::int64_t> prompt = pool.world.conversation.prompt_tokens(kUsernameQuestion);
  const HiddenStates::Layer& last = states.layers[4];
  const std::vector<float> row(last.values.begin() + 5 * last.width,
                               last.values.begin() + 6 * last.width);
  const NoGradGuard off;
  const Variable logits = model.decoder().logits(Variable(Tensor::from(row, {1, 1, last.width})));
  EXPECT_TRUE(same_bits(logits.value().reshape({-1}),
                        nn::next_token_logits(model, image, prompt).reshape({-1})));

  // A vision layer is the mean over its patches.
  const Variable hidden = model.encode(Variable(image)).hidden[1];
  const std::vector<float> means = mean(hidden, {1}).value().to_vector<float>();
  const HiddenStates::Layer& vision = states.layers[1];
  EXPECT_EQ(means, std::vector<float>(vision.values.begin() + 5 * vision.width,
                                      vision.values.begin() + 6 * vision.width));
}

TEST(HiddenStates, DoNotDependOnTheBatchSize) {
  const Pool pool(5);
  const nn::Mllm model = pool.world.model();
  const auto states = [&](std::int64_t batch) {
    return hidden_states(model, pool.world.conversation, pool.images, pool.views, kUserIdQuestion,
                         batch);
  };
  const HiddenStates a = states(1), b = states(7);
  for (std::size_t l = 0; l < a.layers.size(); ++l)
    EXPECT_EQ(a.layers[l].values, b.layers[l].values) << a.layers[l].name;
}

TEST(PromptBaseline, ScoresYesAgainstNoByTheirLikelihoods) {
  const Pool pool(6);
  const nn::Mllm model = pool.world.model();
  ProbeOptions options(1);
  options.bootstrap = 50;
  const PromptBaseline baseline = prompt_baseline(model, pool.world.conversation, pool.images,
                                                  pool.views, kSeenQuestion, options);
  ASSERT_EQ(baseline.scores.size(), 12u);
  // By the chain rule over the answer's tokens, from the logits that generate() would see.
  const auto log_likelihood = [&](const std::string& answer) {
    Example example;
    example.turns = {{kSeenQuestion, answer}};
    const Tokens tokens = pool.world.conversation.tokens(example);
    double sum = 0;
    for (std::size_t t = 0; t < tokens.ids.size(); ++t) {
      if (tokens.labels[t] == kIgnoreIndex) continue;
      const std::vector<std::int64_t> before(tokens.ids.begin(),
                                             tokens.ids.begin() + static_cast<std::ptrdiff_t>(t));
      const Tensor p = ops::log_softmax(
          nn::next_token_logits(model, pool.images.narrow(0, 2, 1), before).reshape({1, -1}));
      sum += static_cast<double>(p.to_vector<float>()[static_cast<std::size_t>(tokens.ids[t])]);
    }
    return sum;
  };
  // Sums of a few f32 numbers of size about 10: some 1e-6 each.
  EXPECT_NEAR(baseline.scores[2], log_likelihood("yes") - log_likelihood("no"), 2e-5);
  int above = 0;
  for (const double score : baseline.scores) above += score > baseline.median;
  EXPECT_EQ(above, 6);
  EXPECT_LE(baseline.auc_interval.low, baseline.auc_interval.high);
}

TEST(ProbeModel, ProbesEveryLayerAndCertifiesItsFits) {
  const Pool pool(20);
  const nn::Mllm model = pool.world.model();
  ProbeOptions options(9);
  options.folds = 4;
  options.relabellings = 5;
  options.bootstrap = 20;
  const ModelProbes probes = probe_model(model, pool.world.conversation, pool.images, pool.views,
                                         kUsernameQuestion, options);
  ASSERT_EQ(probes.layers.size(), 5u);
  for (const LayerProbes& layer : probes.layers) {
    EXPECT_EQ(layer.held_out.scores.size(), 40u);
  }
  EXPECT_EQ(probes.quality.unconverged, 0);
  // Per layer 1 + 5 replica fits and 4 folds times as many.
  EXPECT_EQ(probes.quality.fits, 5 * 6 * (1 + 4));
}

}  // namespace
}  // namespace chainline::experiments
