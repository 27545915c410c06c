#include "experiments/reproduce/accuracy.h"

#include <map>

#include "experiments/statistics/statistics.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

struct Count {
  std::int64_t right = 0, questions = 0;

  Json json() const {
    const Interval interval = wilson_interval(right, questions);
    return {{"accuracy", static_cast<double>(right) / static_cast<double>(questions)},
            {"interval", {interval.low, interval.high}},
            {"right", right},
            {"questions", questions}};
  }
};

const std::string& kind_of(const Example& example) {
  static const std::string other = "other";
  return example.kind.empty() ? other : example.kind;
}

Json by_kind(const std::map<std::string, Count>& kinds) {
  Json result = Json::object();
  for (const auto& entry : kinds) result[entry.first] = entry.second.json();
  return result;
}

}  // namespace

Json question_only_by_kind(const Dataset& data) {
  const std::map<std::string, std::string> rule = question_only_rule(data.train);
  std::map<std::string, Count> kinds;
  Count all;
  for (const Example& example : data.test.examples) {
    for (const Turn& turn : example.turns) {
      const auto found = rule.find(turn.question);
      const bool right = (found != rule.end() ? found->second : rule.at("")) == turn.answer;
      Count& kind = kinds[kind_of(example)];
      all.right += right, ++all.questions;
      kind.right += right, ++kind.questions;
    }
  }
  Json result = all.json();
  result["kinds"] = by_kind(kinds);
  return result;
}

Json accuracy_of(const Evaluation& evaluation, const Split& split) {
  check<ShapeError>(evaluation.right_by_sample.size() == split.examples.size(),
                    "accuracy: expected ", split.examples.size(), " examples, got ",
                    evaluation.right_by_sample.size());
  std::map<std::string, Count> kinds;
  std::string marks;
  for (std::size_t i = 0; i < split.examples.size(); ++i) {
    const bool right = evaluation.right_by_sample[i];
    Count& kind = kinds[kind_of(split.examples[i])];
    kind.right += right, ++kind.questions;
    marks += right ? '1' : '0';
  }
  Json result = Count{evaluation.right, evaluation.questions}.json();
  result["loss"] = evaluation.loss;
  result["kinds"] = by_kind(kinds);
  result["marks"] = marks;
  return result;
}

Json accuracy_difference(const Json& a, const Json& b, const Split& split, std::int64_t bootstrap,
                         std::uint64_t seed) {
  const std::string x = a.at("marks"), y = b.at("marks");
  check<ShapeError>(x.size() == split.examples.size() && y.size() == x.size(),
                    "accuracy: expected ", split.examples.size(), " examples of both, got ",
                    x.size(), " and ", y.size());
  // Questions about one image are not independent: images are drawn, with all their questions.
  std::map<std::int64_t, std::size_t> row;
  std::vector<double> gain, questions;
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto entry = row.emplace(split.examples[i].image, gain.size());
    if (entry.second) gain.push_back(0), questions.push_back(0);
    const double difference = y[i] - x[i];
    gain[entry.first->second] += difference;
    questions[entry.first->second] += 1;
    total += difference;
  }
  const auto mean_gain = [&](std::span<const double> drawn) {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < gain.size(); ++i) {
      sum += drawn[i] * gain[i];
      count += drawn[i] * questions[i];
    }
    return sum / count;
  };
  const Generator draws(seed, "accuracy bootstrap");
  const std::vector<int> strata(gain.size(), 0);
  const Interval wide = bootstrap_interval(strata, bootstrap, draws, mean_gain, 0.95);
  const Interval narrow = bootstrap_interval(strata, bootstrap, draws, mean_gain, 0.90);
  return {{"difference", total / static_cast<double>(x.size())},
          {"interval", {wide.low, wide.high}},
          {"interval_90", {narrow.low, narrow.high}}};
}

}  // namespace chainline::experiments
