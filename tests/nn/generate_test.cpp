// Decoding with and without the key/value cache, greedy and sampled.

#include "nn/generate.h"

#include "autograd/ops.h"
#include "tests/nn/tiny.h"

namespace chainline {
namespace {

using test::message_of;
const std::vector<std::int64_t> kPrompt = {4, 1, 5, 6};

TEST(DecoderCache, GivesTheBitsOfTheUncachedLogitsAtEveryLength) {
  const nn::Mllm model = test::tiny_mllm();
  const NoGradGuard off;
  const Tensor rows = test::randn({1, 9, 8}, 3, DType::f32);
  const Tensor whole = model.decoder().logits(model.decoder()(Variable(rows)).back()).value();
  // The first four rows at once, then one by one.
  nn::DecoderCache cache;
  for (std::int64_t at = 0; at < 9;) {
    const std::int64_t n = at == 0 ? 4 : 1;
    const Variable hidden = model.decoder()(Variable(rows.narrow(1, at, n)), &cache).back();
    EXPECT_TRUE(
        same_bits(model.decoder().logits(hidden).value(), whole.narrow(1, at, n).contiguous()))
        << "rows from " << at;
    at += n;
  }
}

TEST(Generate, AnswersTheSameWithAndWithoutTheCache) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const nn::Mllm model = test::tiny_mllm(seed);
    for (const double temperature : {0.0, 1.5}) {
      const Generator generator(seed, "test");
      nn::GenerateOptions options;
      options.max_tokens = 12;
      options.temperature = temperature;
      const auto cached = nn::generate(model, test::tiny_image(), kPrompt, options, &generator);
      options.use_cache = false;
      EXPECT_EQ(nn::generate(model, test::tiny_image(), kPrompt, options, &generator), cached);
      EXPECT_EQ(cached.size(), 12u);
    }
  }
}

TEST(Generate, TakesTheLikeliestTokenAndStopsAtTheStopToken) {
  const nn::Mllm model = test::tiny_mllm();
  nn::GenerateOptions options;
  options.max_tokens = 1;
  const std::vector<std::int64_t> first = nn::generate(model, test::tiny_image(), kPrompt, options);
  const std::vector<float> logits =
      nn::next_token_logits(model, test::tiny_image(), kPrompt).to_vector<float>();
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  EXPECT_EQ(first, std::vector<std::int64_t>{best});
  options.stop_id = best;
  EXPECT_TRUE(nn::generate(model, test::tiny_image(), kPrompt, options).empty());
}

TEST(Generate, SamplesByTheSeedTheStreamAndTheSample) {
  const nn::Mllm model = test::tiny_mllm();
  nn::GenerateOptions options;
  options.max_tokens = 12;
  options.temperature = 2;
  const Generator one(1, "test"), two(2, "test");
  const auto answer = [&](const Generator& g, std::uint32_t sample) {
    return nn::generate(model, test::tiny_image(), kPrompt, options, &g, sample);
  };
  EXPECT_EQ(answer(one, 0), answer(one, 0));
  EXPECT_NE(answer(one, 0), answer(one, 1));
  EXPECT_NE(answer(one, 0), answer(two, 0));
}

TEST(Generate, RefusesWhatCannotBeDecoded) {
  const nn::Mllm model = test::tiny_mllm();
  nn::GenerateOptions options;
  const auto generate = [&](const std::vector<std::int64_t>& prompt) {
    nn::generate(model, test::tiny_image(), prompt, options);
  };
  EXPECT_EQ(message_of<ValueError>([&] { generate({}); }), "generate: the prompt is empty");
  options.temperature = 1;
  EXPECT_EQ(message_of<ValueError>([&] { generate(kPrompt); }),
            "generate: sampling needs a generator");
  options.temperature = -1;
  EXPECT_EQ(message_of<ValueError>([&] { generate(kPrompt); }),
            "generate: expected a temperature of 0 or more, got -1");
}

}  // namespace
}  // namespace chainline
