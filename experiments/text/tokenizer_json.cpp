#include <algorithm>
#include <map>
#include <set>

#include "experiments/data/json.h"
#include "experiments/data/paths.h"
#include "experiments/text/byte_level.h"
#include "experiments/text/tokenizer.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

using OrderedJson = nlohmann::ordered_json;  // a file reads best in the order of the ids

OrderedJson byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

OrderedJson pre_tokenizer() {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"},
             {"pattern", {{"Regex", kWordPattern}}},
             {"behavior", "Isolated"},
             {"invert", false}},
            byte_level(false)}}};
}

/// Refuses a setting that is neither left out nor one of those that mean the same to us.
void expect(const Json& object, const std::string& key, const std::vector<Json>& allowed,
            const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) return;
  if (std::find(allowed.begin(), allowed.end(), *found) != allowed.end()) return;
  std::vector<std::string> words;
  for (const Json& value : allowed) words.push_back(value.dump());
  throw FileError(where + ": " + key + ": expected " + list_words(words) + ", got " +
                  found->dump());
}

/// expect of a setting that must be there.
void require(const Json& object, const std::string& key, const std::vector<Json>& allowed,
             const std::string& where) {
  member(object, key, where);
  expect(object, key, allowed, where);
}

/// One entry of added_tokens.
struct Added {
  std::string text;
  std::int64_t id;
};

std::vector<Added> read_added(const Json& list, const std::string& where) {
  check<FileError>(list.is_array(), where, ": expected an array, got ", list.type_name());
  std::vector<Added> added;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string entry = where + "[" + std::to_string(i) + "]";
    check_keys(list[i],
               {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"},
               entry);
    added.push_back(
        {string_member(list[i], "content", entry), integer_member(list[i], "id", entry)});
    for (const char* key : {"single_word", "lstrip", "rstrip"})
      expect(list[i], key, {false}, entry);
    // Without a normalizer, `normalized` says nothing.
    expect(list[i], "normalized", {false, true}, entry);
    require(list[i], "special", {true}, entry);
  }
  return added;
}

/// The two halves of a merge: "a b", or ["a", "b"] as newer files have it.
std::pair<std::string, std::string> halves(const Json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (merge.is_string()) {
    const std::string text = merge.get<std::string>();
    const std::size_t blank = text.find(' ');
    if (blank != std::string::npos && text.find(' ', blank + 1) == std::string::npos)
      return {text.substr(0, blank), text.substr(blank + 1)};
  }
  throw FileError(where + ": expected \"left right\" or [\"left\", \"right\"], got " +
                  merge.dump());
}

}  // namespace

std::string Tokenizer::to_json() const {
  const auto spelled = [this](std::int64_t id) {
    return is_special(id) ? token(id) : to_byte_alphabet(token(id));
  };
  OrderedJson added = OrderedJson::array(), vocab = OrderedJson::object(),
              merges = OrderedJson::array();
  for (std::int64_t id = 0; id < size(); ++id) {
    vocab[spelled(id)] = id;
    if (is_special(id))
      added.push_back({{"id", id},
                       {"content", token(id)},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  for (const Merge& merge : vocabulary_.merges)
    merges.push_back(spelled(merge.left) + " " + spelled(merge.right));
  const OrderedJson file = {{"version", "1.0"},
                            {"truncation", nullptr},
                            {"padding", nullptr},
                            {"added_tokens", added},
                            {"normalizer", nullptr},
                            {"pre_tokenizer", pre_tokenizer()},
                            {"post_processor", nullptr},
                            {"decoder", byte_level(true)},
                            {"model",
                             {{"type", "BPE"},
                              {"dropout", nullptr},
                              {"unk_token", nullptr},
                              {"continuing_subword_prefix", nullptr},
                              {"end_of_word_suffix", nullptr},
                              {"fuse_unk", false},
                              {"byte_fallback", false},
                              {"ignore_merges", false},
                              {"vocab", vocab},
                              {"merges", merges}}}};
  return file.dump(2) + "\n";
}

void Tokenizer::save(const std::filesystem::path& path) const {
  const std::string text = to_json();
  write_atomically(path, std::as_bytes(std::span(text)));
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
  return from_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

Tokenizer Tokenizer::from_json(std::string_view text, const std::string& name) {
  const Json file = parse_json(text, name);
  check_keys(file,
             {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
              "post_processor", "decoder", "model"},
             name);
  require(file, "version", {"1.0"}, name);
  for (const char* key : {"truncation", "padding", "normalizer", "post_processor"})
    expect(file, key, {nullptr}, name);
  require(file, "pre_tokenizer", {Json(pre_tokenizer())}, name);
  require(member(file, "decoder", name), "type", {"ByteLevel"}, name + ": decoder");

  const Json& model = member(file, "model", name);
  const std::string where = name + ": model";
  require(model, "type", {"BPE"}, where);  // before the keys: another type has others
  check_keys(model,
             {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
              "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"},
             where);
  for (const char* key : {"dropout", "unk_token"}) expect(model, key, {nullptr}, where);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    expect(model, key, {nullptr, ""}, where);
  for (const char* key : {"fuse_unk", "byte_fallback", "ignore_merges"})
    expect(model, key, {false}, where);

  // Ids by the text in the file; an added token may, but need not, be in the vocabulary as well.
  std::map<std::string, std::int64_t> ids;
  const Json& vocab = member(model, "vocab", where);
  check<FileError>(vocab.is_object(), where, ": vocab: expected an object, got ",
                   vocab.type_name());
  for (const auto& item : vocab.items())
    ids[item.key()] = integer_member(vocab, item.key(), where + ": vocab");
  std::set<std::string> special;
  for (const Added& added :
       read_added(member(file, "added_tokens", name), name + ": added_tokens")) {
    const std::string entry = name + ": added_tokens: " + Json(added.text).dump();
    try {
      check_special(added.text);
    } catch (const ValueError& e) {
      throw FileError(name + ": added_tokens: " + e.what());
    }
    check<FileError>(special.insert(added.text).second, entry, " is given twice");
    const auto known = ids.emplace(added.text, added.id).first;
    check<FileError>(known->second == added.id, entry, ": expected the id ", known->second,
                     " that it has in vocab, got ", added.id);
  }

  Vocabulary vocabulary;
  const std::size_t n = ids.size();
  vocabulary.tokens.resize(n);
  vocabulary.special.resize(n);
  std::vector<const std::string*> owner(n, nullptr);
  for (const auto& item : ids) {
    const std::string entry = where + ": vocab: " + Json(item.first).dump();
    check<FileError>(item.second >= 0 && item.second < static_cast<std::int64_t>(n), entry,
                     ": expected an id of 0 .. ", static_cast<std::int64_t>(n) - 1,
                     " (no holes), got ", item.second);
    const auto id = static_cast<std::size_t>(item.second);
    check<FileError>(owner[id] == nullptr, entry, ": id ", item.second, " is also that of ",
                     owner[id] == nullptr ? "" : Json(*owner[id]).dump());
    owner[id] = &item.first;
    vocabulary.special[id] = special.count(item.first) > 0;
    if (vocabulary.special[id]) {
      vocabulary.tokens[id] = item.first;
      continue;
    }
    const std::optional<std::string> bytes = from_byte_alphabet(item.first);
    check<FileError>(bytes.has_value() && !bytes->empty(), entry,
                     ": expected characters of the byte alphabet");
    vocabulary.tokens[id] = *bytes;
  }
  for (const unsigned char byte : byte_alphabet_order()) {
    const std::string spelled = to_byte_alphabet(std::string(1, static_cast<char>(byte)));
    check<FileError>(ids.count(spelled) > 0, where, ": vocab: no token for byte ", int{byte}, " (",
                     Json(spelled).dump(), ")");
  }

  const Json& merges = member(model, "merges", where);
  check<FileError>(merges.is_array(), where, ": merges: expected an array, got ",
                   merges.type_name());
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const std::string entry = where + ": merges[" + std::to_string(i) + "]";
    const std::pair<std::string, std::string> pair = halves(merges[i], entry);
    const auto id_of = [&](const std::string& token) {
      const auto found = ids.find(token);
      check<FileError>(found != ids.end() && special.count(token) == 0, entry,
                       ": expected an ordinary token of vocab, got ", Json(token).dump());
      return found->second;
    };
    const std::int64_t left = id_of(pair.first), right = id_of(pair.second);
    check<FileError>(seen.insert({left, right}).second, entry, ": ", merges[i].dump(),
                     " is given twice");
    vocabulary.merges.push_back({left, right, id_of(pair.first + pair.second)});
  }
  return Tokenizer(std::move(vocabulary));
}

}  // namespace chainline::experiments
