#include "experiments/text/conversation.h"

#include <algorithm>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

using Ids = std::vector<std::int64_t>;

const Conversation& conversation() {
  static const Conversation built(
      Tokenizer::train({"USER: <image>\nwhat color is the circle? ASSISTANT: blue</s>",
                        "USER: <image>\nis there a shape? ASSISTANT: yes</s>"}));
  return built;
}

Example example(const std::vector<Turn>& turns) { return {"7", 0, turns, ""}; }

TEST(Conversation, WritesTheTemplateOfLlavaV1AndLearnsTheAnswers) {
  const Tokens one = conversation().tokens(example({{"what color is it?", "dark blue"}}));
  EXPECT_EQ(conversation().preview_mask(one),
            "USER: <image>\\nwhat color is it? ASSISTANT:[ dark blue</s>]");
  const Tokens two = conversation().tokens(example({{"a?", "b"}, {"c?", "d"}}));
  EXPECT_EQ(conversation().preview_mask(two),
            "USER: <image>\\na? ASSISTANT:[ b</s>]USER: c? ASSISTANT:[ d</s>]");
}

TEST(Conversation, BeginsWithTheSystemLineWhenThereIsOne) {
  const Conversation with(conversation().tokenizer(), {"A talk.", "<image>", "</s>"});
  EXPECT_EQ(with.preview_mask(with.tokens(example({{"a?", "b"}, {"c?", "d"}}))),
            "A talk. USER: <image>\\na? ASSISTANT:[ b</s>]USER: c? ASSISTANT:[ d</s>]");
}

TEST(Conversation, LabelsStandAtTheirOwnTokens) {
  const Tokens tokens = conversation().tokens(example({{"what color?", "blue"}}));
  const Ids answer = conversation().tokenizer().encode(" blue</s>");
  ASSERT_EQ(tokens.ids.size(), tokens.labels.size());
  const std::size_t prompt = tokens.ids.size() - answer.size();
  for (std::size_t t = 0; t < prompt; ++t) EXPECT_EQ(tokens.labels[t], kIgnoreIndex);
  EXPECT_EQ(Ids(tokens.ids.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.ids.end()),
            answer);
  EXPECT_EQ(Ids(tokens.labels.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.labels.end()),
            answer);
  EXPECT_EQ(std::count(tokens.ids.begin(), tokens.ids.end(), conversation().image_token()), 1);
}

TEST(Conversation, TargetsAreTheLabelsOneTokenEarlier) {
  EXPECT_EQ(next_token_targets({-100, -100, 5, 2}), (Ids{-100, 5, 2, -100}));
  EXPECT_EQ(next_token_targets({}), Ids{});
}

TEST(Conversation, BeginsWithItsPromptAndEqualsTheWholeTextEncodedAtOnce) {
  for (const char* answer : {"blue", "?!", "'s", "  two blanks", "12", "été", "\nline", " ", "<"}) {
    for (const char* question : {"what color?", "ends in colons::", "  ", "", "日本", "a ' s"}) {
      const Example turns = example({{question, "yes"}, {question, std::string(answer) + "x"}});
      const Tokens whole = conversation().tokens(turns);
      const Ids prompt = conversation().prompt_tokens(question, {turns.turns[0]});
      ASSERT_LT(prompt.size(), whole.ids.size());
      EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), whole.ids.begin())) << answer;
      const std::string text = conversation().tokenizer().decode(whole.ids);
      EXPECT_EQ(conversation().tokenizer().encode(text), whole.ids) << text;
    }
  }
}

TEST(Conversation, ReadsAnAnswerUpToItsEnd) {
  EXPECT_EQ(conversation().answer(conversation().tokenizer().encode(" blue</s>yes")), "blue");
  EXPECT_EQ(conversation().answer(conversation().tokenizer().encode("blue")), "blue");
  EXPECT_EQ(conversation().answer({}), "");
}

TEST(Conversation, RefusesAnExampleThatTeachesNothing) {
  EXPECT_EQ(refusal<FileError>([] { conversation().tokens(example({})); }),
            "conversation: example \"7\": expected an answer to learn in every turn, got \"\"");
  EXPECT_EQ(refusal<FileError>([] {
              conversation().tokens(example({{"a\tb?", "x"}, {"c", " "}}));
            }),
            "conversation: example \"7\": expected an answer to learn in every turn, got "
            "\"USER: <image>\\na\\tb? ASSISTANT:[ x</s>]USER: c ASSISTANT:  </s>\"");
}

TEST(Conversation, RefusesSpecialTokensInsideOfTheData) {
  EXPECT_EQ(refusal<FileError>([] {
              conversation().tokens(example({{"<image>\na?", "b"}}));
            }),
            "conversation: example \"7\": turn 1: question: expected no special token, got "
            "<image> in \"<image>\\na?\"");
  EXPECT_EQ(refusal<FileError>([] {
              conversation().tokens(example({{"a?", "b</s>"}}));
            }),
            "conversation: example \"7\": turn 1: answer: expected no special token, got </s> in "
            "\"b</s>\"");
  EXPECT_EQ(refusal<ValueError>([] { conversation().prompt_tokens("</s>"); }),
            "conversation: question: expected no special token, got </s> in \"</s>\"");
  EXPECT_EQ(refusal<ValueError>([] {
              Conversation(conversation().tokenizer(), {"<s>", "<image>", "</s>"});
            }),
            "conversation: system: expected no special token, got <s>");
  EXPECT_EQ(refusal<ValueError>([] {
              Conversation(conversation().tokenizer(), {"", "<picture>", "</s>"});
            }),
            "tokenizer: special token: expected one of <pad>, <s>, </s>, <image>, got <picture>");
}

}  // namespace
}  // namespace chainline::experiments
