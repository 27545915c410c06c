#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chainline::experiments {

struct TokenizerOptions {
  /// Wanted number of tokens, special ones and the 256 bytes included.
  std::int64_t vocabulary = 512;
  /// Tokens that no merge makes and no cut divides; they get the ids 0, 1, 2, ...
  std::vector<std::string> special = {"<pad>", "<s>", "</s>", "<image>"};
  /// A pair that occurs less often in the corpus is not merged.
  std::int64_t least_count = 2;
};

/// Byte-level byte-pair encoding: text is cut at the special tokens, then into words
/// (split_words); the bytes of a word are merged pair by pair, the pair learned first before all
/// others, the leftmost first among equals. Any bytes can be encoded; there is no unknown token.
///
/// The file is a Hugging Face `tokenizer.json`, and their library gives the same ids for valid
/// UTF-8.
class Tokenizer {
 public:
  /// Learns merges: the most frequent pair of neighbours becomes a token, the pair with the lowest
  /// ids among equally frequent ones, until the vocabulary is full or no pair is frequent enough
  /// (so it may stay smaller). Special tokens in the corpus are left out.
  ///
  /// **Errors** ValueError for a vocabulary without room for the bytes, or a special token that is
  /// given twice or is not at least two printable characters of ASCII without blanks.
  static Tokenizer train(const std::vector<std::string>& corpus,
                         const TokenizerOptions& options = {});

  /// Reads tokenizer.json and refuses every setting that would give other ids than ours.
  ///
  /// **Errors** FileError naming file, key and what was expected.
  static Tokenizer load(const std::filesystem::path& path);
  static Tokenizer from_json(std::string_view text, const std::string& name);

  std::string to_json() const;
  /// to_json to a file, atomically.
  void save(const std::filesystem::path& path) const;

  /// The ids of a text; special tokens in it become their ids (the longest where two begin).
  std::vector<std::int64_t> encode(std::string_view text) const;

  /// The bytes of the ids; special tokens as they are written, or left out.
  ///
  /// **Errors** ValueError for an id outside of the vocabulary.
  std::string decode(std::span<const std::int64_t> ids, bool with_special = true) const;

  std::int64_t size() const { return static_cast<std::int64_t>(vocabulary_.tokens.size()); }

  /// Bytes of a token, or the text of a special one.
  ///
  /// **Errors** ValueError for an id outside of the vocabulary.
  const std::string& token(std::int64_t id) const;

  /// The id of a special token.
  ///
  /// **Errors** ValueError naming the special tokens there are.
  std::int64_t special_id(std::string_view token) const;

  bool is_special(std::int64_t id) const;

  /// The first special token that a text contains, "" if there is none.
  std::string find_special(std::string_view text) const;

 private:
  struct Merge {
    std::int64_t left, right, result;
  };
  struct Vocabulary {
    std::vector<std::string> tokens;  // by id: bytes of a token, text of a special one
    std::vector<bool> special;        // by id
    std::vector<Merge> merges;        // in the order learned
  };
  /// Where a special token stands in a text: begin == npos when there is none.
  struct Found {
    std::size_t begin;
    std::int64_t id;
  };

  explicit Tokenizer(Vocabulary vocabulary);
  static void check_special(const std::string& token);
  static Vocabulary learn(const std::vector<std::string>& corpus, const TokenizerOptions& options);
  Found find(std::string_view text, std::size_t from) const;
  void encode_word(std::string_view word, std::vector<std::int64_t>& ids) const;

  Vocabulary vocabulary_;
  std::vector<std::int64_t> special_ids_;  // the longest text first
  std::array<std::int64_t, 256> byte_ids_;
  std::unordered_map<std::uint64_t, std::int64_t> ranks_;  // pair -> index into merges
};

}  // namespace chainline::experiments
