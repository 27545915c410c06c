#include "experiments/text/tokenizer.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>

#include "experiments/data/json.h"
#include "experiments/text/byte_level.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
}

}  // namespace

Tokenizer::Tokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  for (std::int64_t id = 0; id < size(); ++id) {
    const std::string& text = token(id);
    if (is_special(id))
      special_ids_.push_back(id);
    else if (text.size() == 1)
      byte_ids_[static_cast<unsigned char>(text[0])] = id;
  }
  std::stable_sort(
      special_ids_.begin(), special_ids_.end(),
      [this](std::int64_t a, std::int64_t b) { return token(a).size() > token(b).size(); });
  for (std::size_t rank = 0; rank < vocabulary_.merges.size(); ++rank) {
    const Merge& merge = vocabulary_.merges[rank];
    ranks_[pair_key(merge.left, merge.right)] = static_cast<std::int64_t>(rank);
  }
}

Tokenizer::Found Tokenizer::find(std::string_view text, std::size_t from) const {
  Found first{std::string_view::npos, -1};
  for (const std::int64_t id : special_ids_) {  // the longest first: it wins where two begin
    const std::size_t begin = text.find(token(id), from);
    if (begin < first.begin) first = {begin, id};
  }
  return first;
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text) const {
  std::vector<std::int64_t> ids;
  for (std::size_t begin = 0; begin < text.size();) {
    const Found found = find(text, begin);
    for (const std::string_view word : split_words(text.substr(begin, found.begin - begin)))
      encode_word(word, ids);
    if (found.id < 0) break;
    ids.push_back(found.id);
    begin = found.begin + token(found.id).size();
  }
  return ids;
}

void Tokenizer::encode_word(std::string_view word, std::vector<std::int64_t>& ids) const {
  // A doubly linked list of what the bytes have become, and a queue of the merges in sight. An
  // entry of the queue is stale when the pair at its place is no longer the one with its rank.
  struct Symbol {
    std::int64_t id;
    std::size_t before, after;
  };
  constexpr std::size_t kNone = std::string_view::npos;
  std::vector<Symbol> symbols(word.size());
  for (std::size_t i = 0; i < word.size(); ++i)
    symbols[i] = {byte_ids_[static_cast<unsigned char>(word[i])], i == 0 ? kNone : i - 1,
                  i + 1 == word.size() ? kNone : i + 1};
  const auto rank_at = [&](std::size_t at) -> std::int64_t {
    if (symbols[at].id < 0 || symbols[at].after == kNone) return -1;
    const auto found = ranks_.find(pair_key(symbols[at].id, symbols[symbols[at].after].id));
    return found == ranks_.end() ? -1 : found->second;
  };
  using Candidate = std::pair<std::int64_t, std::size_t>;  // rank, place: the leftmost of equals
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<Candidate>> queue;
  const auto consider = [&](std::size_t at) {
    if (at == kNone) return;
    const std::int64_t rank = rank_at(at);
    if (rank >= 0) queue.push({rank, at});
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) consider(i);
  while (!queue.empty()) {
    const std::int64_t rank = queue.top().first;
    const std::size_t at = queue.top().second;
    queue.pop();
    if (rank_at(at) != rank) continue;
    const std::size_t eaten = symbols[at].after;
    symbols[at].id = vocabulary_.merges[static_cast<std::size_t>(rank)].result;
    symbols[at].after = symbols[eaten].after;
    if (symbols[at].after != kNone) symbols[symbols[at].after].before = at;
    symbols[eaten].id = -1;
    consider(symbols[at].before);
    consider(at);
  }
  for (std::size_t at = 0; at != kNone && !symbols.empty(); at = symbols[at].after)
    ids.push_back(symbols[at].id);
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool with_special) const {
  std::string text;
  for (const std::int64_t id : ids) {
    const std::string& bytes = token(id);
    if (with_special || !is_special(id)) text += bytes;
  }
  return text;
}

const std::string& Tokenizer::token(std::int64_t id) const {
  check<ValueError>(id >= 0 && id < size(), "tokenizer: id: expected 0 .. ", size() - 1, ", got ",
                    id);
  return vocabulary_.tokens[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_special(std::int64_t id) const {
  return id >= 0 && id < size() && vocabulary_.special[static_cast<std::size_t>(id)];
}

std::int64_t Tokenizer::special_id(std::string_view text) const {
  std::vector<std::string> known;
  for (std::int64_t id = 0; id < size(); ++id) {
    if (!is_special(id)) continue;
    if (token(id) == text) return id;
    known.push_back(token(id));
  }
  throw ValueError("tokenizer: special token: expected one of " + list_words(known) + ", got " +
                   std::string(text));
}

std::string Tokenizer::find_special(std::string_view text) const {
  const Found found = find(text, 0);
  return found.id < 0 ? "" : token(found.id);
}

}  // namespace chainline::experiments
