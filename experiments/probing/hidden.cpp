#include "experiments/probing/hidden.h"

#include <algorithm>
#include <numeric>

#include "autograd/ops.h"
#include "experiments/text/batch.h"
#include "experiments/training/samples.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

/// A text under every picture of a batch, planned once: all its rows are alike.
struct SameText {
  Tensor ids;
  nn::Splice plan;

  SameText(const nn::Mllm& model, const Tokens& tokens, std::int64_t rows) {
    const Batch batch =
        collate(std::vector<Tokens>(static_cast<std::size_t>(rows), tokens),
                model.config().pad_token_id, static_cast<std::int64_t>(tokens.ids.size()));
    const auto table = [&](const std::vector<std::int64_t>& values) {
      return Tensor::from(values, {batch.rows, batch.columns}, model.device());
    };
    ids = table(batch.ids);
    plan = nn::splice(ids, table(batch.labels), model.image_rows(), model.config());
  }
};

/// Calls use(first view, output) batch by batch, without recording history.
template <class Use>
void for_each_batch(const nn::Mllm& model, const Tokens& tokens, const Tensor& images,
                    std::int64_t batch_size, const Use& use) {
  const NoGradGuard off;
  const std::int64_t n = images.shape()[0];
  for (std::int64_t begin = 0; begin < n; begin += batch_size) {
    const std::int64_t rows = std::min(batch_size, n - begin);
    const SameText text(model, tokens, rows);
    const Tensor pictures = images.narrow(0, begin, rows).to(model.device());
    use(begin, text, model(Variable(pictures), text.ids, text.plan));
  }
}

void append(HiddenStates::Layer& layer, const Tensor& rows) {
  const std::vector<float> values = rows.to(DType::f32).to_vector<float>();
  layer.width = rows.shape()[rows.rank() - 1];
  layer.values.insert(layer.values.end(), values.begin(), values.end());
}

/// -log p(answer, end | picture, question) of every view, in nats.
std::vector<double> answer_losses(const nn::Mllm& model, const Conversation& conversation,
                                  const Tensor& images, const std::string& question,
                                  const std::string& answer, std::int64_t batch_size) {
  Example example;
  example.id = "prompt baseline";
  example.turns = {{question, answer}};
  ops::CrossEntropyOptions options;
  options.ignore_index = model.config().ignore_index;
  std::vector<double> losses;
  for_each_batch(model, conversation.tokens(example), images, batch_size,
                 [&](std::int64_t, const SameText& text, const nn::MllmOutput& out) {
                   const Tensor loss =
                       ops::cross_entropy(out.logits.value(), text.plan.labels, options).loss;
                   for (const double l : loss.to(DType::f64).to_vector<double>())
                     losses.push_back(l);
                 });
  return losses;
}

}  // namespace

std::vector<ProbeView> paired_views(const std::vector<std::int64_t>& images,
                                    const std::vector<Person>& people, const std::vector<bool>& in,
                                    std::uint64_t seed, const std::vector<int>& strata) {
  check<ShapeError>(strata.empty() || strata.size() == people.size(),
                    "probe: expected a stratum for each of ", people.size(), " people, got ",
                    strata.size());
  check<ShapeError>(in.size() == people.size(), "probe: expected one of in and out for each of ",
                    people.size(), " people, got ", in.size());
  std::vector<std::size_t> classes[2];
  for (std::size_t p = 0; p < people.size(); ++p) classes[in[p]].push_back(p);
  check<ValueError>(!classes[0].empty() && !classes[1].empty(),
                    "probe: expected people in and out, got ", classes[1].size(), " in and ",
                    classes[0].size(), " out");
  const Generator generator(seed, "probe people");
  for (const std::uint32_t c : {0u, 1u}) {
    generator.sequence(0, c).shuffle(classes[c]);
    if (strata.empty()) continue;
    std::stable_sort(classes[c].begin(), classes[c].end(),
                     [&](std::size_t a, std::size_t b) { return strata[a] < strata[b]; });
  }
  std::vector<ProbeView> views;
  for (std::size_t i = 0; i < images.size(); ++i) {
    views.push_back({images[i], classes[1][i % classes[1].size()], true});
    views.push_back({images[i], classes[0][i % classes[0].size()], false});
  }
  return views;
}

std::vector<std::int64_t> choose_images(std::int64_t size, std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), 0);
  RandomSequence random = Generator(seed, "probe images").sequence(0, 0);
  random.shuffle(all);
  all.resize(static_cast<std::size_t>(std::min(size, count)));
  std::sort(all.begin(), all.end());
  return all;
}

Tensor view_images(const ImageSource& images, const Watermarker& watermarker,
                   const std::vector<ProbeView>& views, int size) {
  const auto n = static_cast<std::int64_t>(views.size());
  Tensor result = Tensor::empty({n, 3, size, size}, DType::f32);
  float* out = result.mutable_data<float>();
  const std::int64_t pixels = 3 * static_cast<std::int64_t>(size) * size;
  parallel_for(n, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t v = begin; v < end; ++v) {
      const ProbeView& view = views[static_cast<std::size_t>(v)];
      const Twin twin =
          watermarker.twin(images.image(view.image), view.image, images.name(view.image),
                           watermarker.people()[view.person]);
      const Tensor x = image_tensor(twin.marked, size);
      std::copy(x.data<float>(), x.data<float>() + pixels, out + v * pixels);
    }
  });
  return result;
}

ProbeItems HiddenStates::items(std::size_t layer) const {
  const Layer& l = layers[layer];
  return {Features{l.values, static_cast<std::int64_t>(seen.size()), l.width}, seen, users, images};
}

HiddenStates hidden_states(const nn::Mllm& model, const Conversation& conversation,
                           const Tensor& images, const std::vector<ProbeView>& views,
                           const std::string& question, std::int64_t batch_size) {
  check<ShapeError>(images.shape()[0] == static_cast<std::int64_t>(views.size()),
                    "probe: expected a picture for each of ", views.size(), " views, got ",
                    images.shape()[0]);
  HiddenStates states;
  for (const ProbeView& view : views) {
    states.seen.push_back(view.seen);
    states.users.push_back(static_cast<std::int64_t>(view.person));
    states.images.push_back(view.image);
  }
  const nn::MllmConfig& config = model.config();
  states.layers.push_back({"vision embeddings", 0, {}});
  for (std::int64_t l = 1; l <= config.vision.num_hidden_layers; ++l)
    states.layers.push_back({"vision layer " + std::to_string(l), 0, {}});
  // The decoder's entry 0 is left out: at the prompt's last token it is that token's embedding,
  // which no picture changes.
  for (std::int64_t l = 1; l <= config.text.num_hidden_layers; ++l)
    states.layers.push_back({"decoder layer " + std::to_string(l), 0, {}});

  Tokens prompt;
  prompt.ids = conversation.prompt_tokens(question);
  prompt.labels.assign(prompt.ids.size(), kIgnoreIndex);
  for_each_batch(model, prompt, images, batch_size,
                 [&](std::int64_t, const SameText&, const nn::MllmOutput& out) {
                   std::size_t layer = 0;
                   for (const Variable& h : out.vision) {
                     const std::int64_t first = config.vision.class_token;
                     append(states.layers[layer++],
                            mean(narrow(h, 1, first, h.shape()[1] - first), {1}).value());
                   }
                   for (std::size_t l = 1; l < out.decoder.size(); ++l) {
                     const Tensor& h = out.decoder[l].value();
                     append(states.layers[layer++], h.select(1, h.shape()[1] - 1));
                   }
                 });
  return states;
}

PromptBaseline prompt_baseline(const nn::Mllm& model, const Conversation& conversation,
                               const Tensor& images, const std::vector<ProbeView>& views,
                               const std::string& question, const ProbeOptions& options,
                               std::int64_t batch_size) {
  PromptBaseline result;
  result.question = question;
  const std::vector<double> yes =
      answer_losses(model, conversation, images, question, "yes", batch_size);
  const std::vector<double> no =
      answer_losses(model, conversation, images, question, "no", batch_size);
  for (std::size_t i = 0; i < yes.size(); ++i) result.scores.push_back(no[i] - yes[i]);
  result.median = quantile(result.scores, 0.5);

  std::vector<int> seen;
  std::vector<int> strata;  // by person: 0 and 1 the two classes
  for (const ProbeView& view : views) {
    seen.push_back(view.seen);
    strata.resize(std::max(strata.size(), view.person + 1), 2);
    strata[view.person] = view.seen;
  }
  const RankedScores ranked(result.scores, seen);
  result.auc = ranked.auc();
  const auto weights_of = [&](std::span<const double> drawn) {
    std::vector<double> weights;
    for (const ProbeView& view : views) weights.push_back(drawn[view.person]);
    return weights;
  };
  const auto accuracy = [&](const std::vector<double>& weights) {
    double right = 0, all = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      right += (result.scores[i] > result.median) == (seen[i] == 1) ? weights[i] : 0;
      all += weights[i];
    }
    return right / all;
  };
  result.accuracy = accuracy(std::vector<double>(seen.size(), 1));
  const Generator draws(options.seed, "prompt bootstrap");
  result.accuracy_interval = bootstrap_interval(
      strata, options.bootstrap, draws,
      [&](std::span<const double> drawn) { return accuracy(weights_of(drawn)); });
  result.auc_interval = bootstrap_interval(
      strata, options.bootstrap, draws,
      [&](std::span<const double> drawn) { return ranked.auc(weights_of(drawn)); });
  return result;
}

}  // namespace chainline::experiments
