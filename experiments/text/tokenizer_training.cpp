#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "experiments/text/byte_level.h"
#include "experiments/text/tokenizer.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

using Pair = std::pair<std::int64_t, std::int64_t>;

struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    return std::hash<std::int64_t>()(pair.first << 32 ^ pair.second);
  }
};

/// A distinct word of the corpus, as the tokens it has been merged to so far.
struct Word {
  std::vector<std::int64_t> ids;
  std::int64_t count;
};

/// How often each pair of neighbours occurs, kept up to date from merge to merge: only the words
/// that a merge changes are counted anew.
class PairCounts {
 public:
  explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
    for (std::size_t w = 0; w < words_.size(); ++w) count(w, +1);
  }

  /// The most frequent pair, the lowest of equally frequent ones, and its count (0: none left).
  std::pair<Pair, std::int64_t> best() const {
    std::pair<Pair, std::int64_t> best{{-1, -1}, 0};
    for (const auto& item : counts_)
      if (item.second > best.second || (item.second == best.second && item.first < best.first))
        best = item;
    return best;
  }

  void merge(const Pair& pair, std::int64_t result) {
    const std::unordered_set<std::size_t> changed = std::move(where_[pair]);
    where_.erase(pair);
    for (const std::size_t w : changed) {
      count(w, -1);
      std::vector<std::int64_t>& ids = words_[w].ids;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < ids.size(); ++i, ++kept) {
        const bool match = i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second;
        ids[kept] = match ? result : ids[i];
        i += match;
      }
      ids.resize(kept);
      count(w, +1);
    }
  }

 private:
  void count(std::size_t w, std::int64_t sign) {
    const Word& word = words_[w];
    for (std::size_t i = 1; i < word.ids.size(); ++i) {
      const Pair pair{word.ids[i - 1], word.ids[i]};
      const auto entry = counts_.try_emplace(pair, 0).first;
      entry->second += sign * word.count;
      if (entry->second == 0) counts_.erase(entry);
      // Words that lose a pair keep their mark: merge() then finds nothing to replace in them.
      if (sign > 0) where_[pair].insert(w);
    }
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, std::int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::unordered_set<std::size_t>, PairHash> where_;
};

}  // namespace

void Tokenizer::check_special(const std::string& token) {
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  check<ValueError>(token.size() >= 2 && printable,
                    "tokenizer: special token: expected at least 2 printable ASCII characters "
                    "without blanks, got \"",
                    token, "\"");
}

Tokenizer Tokenizer::train(const std::vector<std::string>& corpus,
                           const TokenizerOptions& options) {
  return Tokenizer(learn(corpus, options));
}

Tokenizer::Vocabulary Tokenizer::learn(const std::vector<std::string>& corpus,
                                       const TokenizerOptions& options) {
  const auto least = static_cast<std::int64_t>(options.special.size()) + 256;
  check<ValueError>(options.vocabulary >= least && options.vocabulary < std::int64_t{1} << 31,
                    "tokenizer: vocabulary: expected ", least,
                    " (special tokens and 256 bytes) .. 2^31 - 1, got ", options.vocabulary);
  check<ValueError>(options.least_count >= 1, "tokenizer: least_count: expected at least 1, got ",
                    options.least_count);
  Vocabulary vocabulary;
  std::map<std::string, std::int64_t> ids;
  const auto add = [&](const std::string& token, bool special) {
    const auto id = static_cast<std::int64_t>(vocabulary.tokens.size());
    const bool fresh = ids.emplace(token, id).second;
    check<ValueError>(fresh, "tokenizer: special token: \"", token, "\" is given twice");
    vocabulary.tokens.push_back(token);
    vocabulary.special.push_back(special);
    return id;
  };
  for (const std::string& token : options.special) {
    check_special(token);
    add(token, true);
  }
  for (const unsigned char byte : byte_alphabet_order())
    add(std::string(1, static_cast<char>(byte)), false);

  const Tokenizer bytes_only(vocabulary);  // knows the cuts at special tokens
  std::map<std::string, std::int64_t> counts;
  for (const std::string& text : corpus) {
    for (std::size_t begin = 0; begin < text.size();) {
      const Found found = bytes_only.find(text, begin);
      const auto part = std::string_view(text).substr(begin, found.begin - begin);
      for (const std::string_view word : split_words(part)) ++counts[std::string(word)];
      if (found.id < 0) break;
      begin = found.begin + bytes_only.token(found.id).size();
    }
  }
  std::vector<Word> words;
  for (const auto& item : counts) {
    words.push_back({{}, item.second});
    bytes_only.encode_word(item.first, words.back().ids);
  }

  PairCounts pairs(std::move(words));
  while (static_cast<std::int64_t>(vocabulary.tokens.size()) < options.vocabulary) {
    const std::pair<Pair, std::int64_t> best = pairs.best();
    if (best.second < options.least_count) break;
    const std::int64_t left = best.first.first, right = best.first.second;
    const std::string token = vocabulary.tokens[static_cast<std::size_t>(left)] +
                              vocabulary.tokens[static_cast<std::size_t>(right)];
    // Two pairs can spell the same token ("a" + "bc", "ab" + "c"); the second adds only a merge.
    const auto known = ids.find(token);
    const std::int64_t result = known == ids.end() ? add(token, false) : known->second;
    vocabulary.merges.push_back({left, right, result});
    pairs.merge(best.first, result);
  }
  return vocabulary;
}

}  // namespace chainline::experiments
