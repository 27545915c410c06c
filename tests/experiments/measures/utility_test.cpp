#include "experiments/measures/utility.h"

#include <gtest/gtest.h>

#include <set>

namespace chainline::experiments {
namespace {

Split split_of(const std::vector<std::pair<std::int64_t, std::string>>& questions) {
  Split split;
  for (const auto& [image, kind] : questions)
    split.examples.push_back({"e", image, {{"q?", "a"}}, kind});
  return split;
}

// Three images: of the first both questions right, of the second one of two, of the third its only
// one. 4 of 5 questions, 2 of 3 images: a score of 80 + 66.7.
TEST(Utility, ScoresQuestionsAndWholeImages) {
  const Split split = split_of(
      {{0, "color"}, {0, "shape"}, {1, "color"}, {1, "color"}, {2, "color"}, {2, "count"}});
  const Json score = group_score(split, {true, true, true, false, true, false}, {"color", "shape"});
  EXPECT_EQ(score["questions"], 5);
  EXPECT_EQ(score["images"], 3);
  EXPECT_DOUBLE_EQ(score["accuracy"], 0.8);
  EXPECT_DOUBLE_EQ(score["accuracy_plus"], 2.0 / 3);
  EXPECT_DOUBLE_EQ(score["score"], 80 + 200.0 / 3);
}

TEST(Utility, ChoicesHaveTheRightAnswerFirstAndOthersOfItsKind) {
  const Dataset data = load_dataset("shapes:seed=4,train=60,test=30,questions=4");
  UtilityOptions options;
  options.choice_questions = 20;
  const std::vector<Choice> choices = make_choices(data.train, data.test, options);
  EXPECT_EQ(choices.size(), 20u);
  for (const Choice& choice : choices) {
    const Example& example = data.test.examples[choice.example];
    ASSERT_EQ(choice.options.size(), kOptions);
    EXPECT_EQ(choice.options[0], example.turns[0].answer);
    EXPECT_EQ(std::set<std::string>(choice.options.begin(), choice.options.end()).size(), kOptions);
    EXPECT_NE(example.kind, "exists");  // yes and no are not four
  }
}

}  // namespace
}  // namespace chainline::experiments
