#include "experiments/measures/utility.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "experiments/measures/candidates.h"
#include "experiments/training/samples.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

const std::vector<std::string> kPerception = {"color", "shape", "exists", "yes/no"};
const std::vector<std::string> kCognition = {"count", "relation", "size", "negation"};

bool is_of(const std::vector<std::string>& kinds, const std::string& kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json by_kind(const Split& test, const std::vector<bool>& right) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> counts;  // right, all
  for (std::size_t i = 0; i < right.size(); ++i) {
    auto& count = counts[test.examples[i].kind];
    count.first += right[i];
    ++count.second;
  }
  Json kinds = Json::object();
  for (const auto& [kind, count] : counts)
    kinds[kind] = {{"accuracy", share(count.first, count.second)}, {"questions", count.second}};
  return kinds;
}

Json choice_score(const LoadedModel& model, const Split& train, const Split& test,
                  const UtilityOptions& options) {
  const auto size = model.config().vision.image_size;
  std::int64_t right = 0;
  const std::vector<Choice> choices = make_choices(train, test, options);
  for (const Choice& choice : choices) {
    const Example& example = test.examples[choice.example];
    const Tensor image = image_tensor(test.images->image(example.image), static_cast<int>(size))
                             .reshape({1, 3, size, size});
    std::vector<double> losses = candidate_losses(model.model, model.conversation, image,
                                                  example.turns.front().question, choice.options);
    for (std::size_t o = 0; o < losses.size(); ++o) {
      const auto tokens = model.conversation.tokenizer().encode(" " + choice.options[o]).size() + 1;
      losses[o] /= static_cast<double>(tokens);
    }
    right += std::min_element(losses.begin(), losses.end()) == losses.begin();
  }
  const auto asked = static_cast<std::int64_t>(choices.size());
  return {{"accuracy", share(right, asked)}, {"questions", asked}, {"options", kOptions}};
}

}  // namespace

Json group_score(const Split& test, const std::vector<bool>& right,
                 const std::vector<std::string>& kinds) {
  std::map<std::int64_t, bool> all_right;  // by image
  std::int64_t questions = 0, answered = 0;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const Example& example = test.examples[i];
    if (!is_of(kinds, example.kind)) continue;
    ++questions;
    answered += right[i];
    const bool before = all_right.emplace(example.image, true).first->second;
    all_right[example.image] = before && right[i];
  }
  const auto images = static_cast<std::int64_t>(all_right.size());
  const auto whole = std::count_if(all_right.begin(), all_right.end(),
                                   [](const auto& image) { return image.second; });
  const double accuracy = share(answered, questions), plus = share(whole, images);
  return {{"accuracy", accuracy},
          {"accuracy_plus", plus},
          {"score", 100 * (accuracy + plus)},
          {"questions", questions},
          {"images", images}};
}

std::vector<Choice> make_choices(const Split& train, const Split& test,
                                 const UtilityOptions& options) {
  std::map<std::string, std::set<std::string>> answers;  // by kind
  for (const Example& example : train.examples)
    for (const Turn& turn : example.turns) answers[example.kind].insert(turn.answer);
  std::vector<std::size_t> order(test.examples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Generator generator(options.seed, "multiple choice");
  RandomSequence random = generator.sequence(0, 0);
  random.shuffle(order);
  std::vector<Choice> choices;
  for (const std::size_t i : order) {
    if (static_cast<std::int64_t>(choices.size()) == options.choice_questions) break;
    const Example& example = test.examples[i];
    const std::string& right = example.turns.front().answer;
    std::vector<std::string> others;
    for (const std::string& answer : answers[example.kind])
      if (answer != right) others.push_back(answer);
    if (others.size() + 1 < kOptions) continue;
    random.shuffle(others);
    Choice choice{i, {right}};
    choice.options.insert(choice.options.end(), others.begin(),
                          others.begin() + static_cast<std::ptrdiff_t>(kOptions - 1));
    choices.push_back(std::move(choice));
  }
  return choices;
}

Json measure_utility(const LoadedModel& model, const Split& train, const Split& test,
                     const UtilityOptions& options) {
  const Samples samples(test, 0, static_cast<std::int64_t>(test.examples.size()),
                        model.conversation, static_cast<int>(model.config().vision.image_size),
                        nullptr);
  const Evaluation evaluation = evaluate(model.model, samples);
  const std::vector<bool>& right = evaluation.right_by_sample;
  return {{"accuracy", evaluation.accuracy()},
          {"loss", evaluation.loss},
          {"questions", evaluation.questions},
          {"kinds", by_kind(test, right)},
          {"perception", group_score(test, right, kPerception)},
          {"cognition", group_score(test, right, kCognition)},
          {"choice", choice_score(model, train, test, options)}};
}

}  // namespace chainline::experiments
