#include "experiments/text/conversation.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// Control characters and backslashes as escapes, so that a preview stays on one line.
std::string escaped(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (c == '\\') {
      line += "\\\\";
    } else if (byte < 0x20 || byte == 0x7F) {
      line += "\\x";
      line += "0123456789abcdef"[byte >> 4];
      line += "0123456789abcdef"[byte & 15];
    } else {
      line += c;
    }
  }
  return line;
}

bool blank(const std::string& text) {
  return text.find_first_not_of(" \t\n\v\f\r") == std::string::npos;
}

}  // namespace

std::vector<std::int64_t> next_token_targets(const std::vector<std::int64_t>& labels) {
  if (labels.empty()) return {};
  std::vector<std::int64_t> targets(labels.begin() + 1, labels.end());
  targets.push_back(kIgnoreIndex);
  return targets;
}

Conversation::Conversation(Tokenizer tokenizer, ConversationOptions options)
    : tokenizer_(std::move(tokenizer)),
      options_(std::move(options)),
      image_token_(tokenizer_.special_id(options_.image)),
      end_token_(tokenizer_.special_id(options_.end)) {
  const std::string special = tokenizer_.find_special(options_.system);
  check<ValueError>(special.empty(), "conversation: system: expected no special token, got ",
                    special);
}

std::string Conversation::prompt(const std::string& question, bool first) const {
  std::string text;
  if (first && !options_.system.empty()) text += options_.system + " ";
  text += "USER: ";
  if (first) text += options_.image + "\n";
  return text + question + " ASSISTANT:";
}

void Conversation::append(Tokens& tokens, const std::string& text, bool learned) const {
  for (const std::int64_t id : tokenizer_.encode(text)) {
    tokens.ids.push_back(id);
    tokens.labels.push_back(learned ? id : kIgnoreIndex);
  }
}

Tokens Conversation::tokens(const Example& example) const {
  const std::string where = "conversation: example \"" + example.id + "\": ";
  Tokens tokens;
  bool all_answered = !example.turns.empty();
  for (std::size_t i = 0; i < example.turns.size(); ++i) {
    const Turn& turn = example.turns[i];
    for (const std::string* text : {&turn.question, &turn.answer}) {
      const std::string special = tokenizer_.find_special(*text);
      check<FileError>(special.empty(), where, "turn ", i + 1, ": ",
                       text == &turn.question ? "question" : "answer",
                       ": expected no special token, got ", special, " in \"", escaped(*text),
                       "\"");
    }
    if (blank(turn.answer)) all_answered = false;
    append(tokens, prompt(turn.question, i == 0), false);
    append(tokens, " " + turn.answer + options_.end, !blank(turn.answer));
  }
  check<FileError>(all_answered, where, "expected an answer to learn in every turn, got \"",
                   preview_mask(tokens), "\"");
  return tokens;
}

std::vector<std::int64_t> Conversation::prompt_tokens(const std::string& question,
                                                      const std::vector<Turn>& earlier) const {
  const std::string special = tokenizer_.find_special(question);
  check<ValueError>(special.empty(), "conversation: question: expected no special token, got ",
                    special, " in \"", escaped(question), "\"");
  Tokens tokens;
  if (!earlier.empty()) {
    Example example;
    example.id = "earlier turns";
    example.turns = earlier;
    tokens = this->tokens(example);
  }
  append(tokens, prompt(question, earlier.empty()), false);
  return tokens.ids;
}

std::string Conversation::answer(const std::vector<std::int64_t>& generated) const {
  const auto end = std::find(generated.begin(), generated.end(), end_token_);
  const std::vector<std::int64_t> ids(generated.begin(), end);
  const std::string text = tokenizer_.decode(ids, false);
  return text.substr(!text.empty() && text[0] == ' ' ? 1 : 0);
}

std::string Conversation::preview_mask(const Tokens& tokens) const {
  check<ShapeError>(tokens.ids.size() == tokens.labels.size(),
                    "preview_mask: labels: expected one for each of ", tokens.ids.size(),
                    " ids, got ", tokens.labels.size());
  std::string text;
  bool inside = false;
  for (std::size_t t = 0; t < tokens.ids.size(); ++t) {
    const bool learned = tokens.labels[t] != kIgnoreIndex;
    if (learned != inside) text += learned ? '[' : ']';
    inside = learned;
    text += escaped(tokenizer_.token(tokens.ids[t]));
  }
  return inside ? text + ']' : text;
}

}  // namespace chainline::experiments
