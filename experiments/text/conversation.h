#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/text/tokenizer.h"

namespace chainline::experiments {

/// Labels with this value are not learned.
inline constexpr std::int64_t kIgnoreIndex = -100;

/// A text as the model sees it. labels[t] is ids[t] where that token is to be learned and
/// kIgnoreIndex elsewhere: the labels stand at their own tokens. A loss that compares the logits
/// of place t with the token after it takes next_token_targets(labels).
struct Tokens {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> labels;
};

/// Labels moved to the place that predicts them: targets[t] = labels[t + 1], the last kIgnoreIndex.
std::vector<std::int64_t> next_token_targets(const std::vector<std::int64_t>& labels);

struct ConversationOptions {
  std::string system;  // a first line; "" for none
  std::string image = "<image>";
  std::string end = "</s>";
};

/// LLaVA's template "v1" (written here with the default options, over two turns):
///
///     [system ]USER: <image>\n{question} ASSISTANT: {answer}</s>USER: {question} ASSISTANT: ...
///
/// Learned are " {answer}" and the </s> behind it. <image> is one token, which the model replaces
/// by the tokens of the picture.
///
/// Every prompt and every answer is encoded by itself, so the ids of a conversation begin with the
/// ids of its prompt, always; and since ':' and ' ' never share a word, they are also the ids of
/// the whole text.
class Conversation {
 public:
  /// Keeps a copy of the tokenizer. **Errors** ValueError when image or end is no special token of
  /// it, or when the system line contains one.
  explicit Conversation(Tokenizer tokenizer, ConversationOptions options = {});

  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::int64_t image_token() const { return image_token_; }
  std::int64_t end_token() const { return end_token_; }

  /// The tokens and labels of an example.
  ///
  /// **Errors** FileError naming the example's id: no turn or a blank answer (nothing would be
  /// learned; the text is shown), or a question or answer that contains a special token.
  Tokens tokens(const Example& example) const;

  /// What stands before the answer to a question; generation goes on from here.
  ///
  /// **Errors** ValueError for a question that contains a special token.
  std::vector<std::int64_t> prompt_tokens(const std::string& question,
                                          const std::vector<Turn>& earlier = {}) const;

  /// The text of generated ids: up to the first end token, without special tokens and without the
  /// blank before the answer.
  std::string answer(const std::vector<std::int64_t>& generated) const;

  /// The text with what is learned in brackets, control characters escaped:
  /// `USER: <image>\nwhat shape? ASSISTANT:[ circle</s>]`.
  std::string preview_mask(const Tokens& tokens) const;

 private:
  std::string prompt(const std::string& question, bool first) const;
  void append(Tokens& tokens, const std::string& text, bool learned) const;

  Tokenizer tokenizer_;
  ConversationOptions options_;
  std::int64_t image_token_, end_token_;
};

}  // namespace chainline::experiments
