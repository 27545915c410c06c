#include "experiments/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include "tensor/random.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

using Ids = std::vector<std::int64_t>;
using Json = nlohmann::json;

const Tokenizer& small() {
  static const Tokenizer tokenizer =
      Tokenizer::train({"USER: <image>\nwhat color is the circle? ASSISTANT: blue</s>",
                        "USER: <image>\nwhat shape is in the image? ASSISTANT: a circle</s>",
                        "USER: <image>\nis there a red shape? ASSISTANT: yes</s>",
                        "USER: <image>\nwhat is the color of the shape? ASSISTANT: teal</s>",
                        "how many circles don't overlap? 12", "Größe: naïve café"},
                       {320, {"<pad>", "<s>", "</s>", "<image>"}, 2});
  return tokenizer;
}

/// The refusal of small()'s file after a change to it.
std::string refused(const std::function<void(Json&)>& change) {
  Json file = Json::parse(small().to_json());
  change(file);
  return refusal<FileError>([&] { Tokenizer::from_json(file.dump(), "t.json"); });
}

TEST(Tokenizer, MergesTheMostFrequentPairFirst) {
  // Ids: 0 "<e>", then the bytes in the alphabet's order: 'a' is 65, 'b' 66, 'c' 67.
  // (a, b) occurs 3 times; then (ab, c) twice.
  const Tokenizer t = Tokenizer::train({"abc", "abc", "ab"}, {1000, {"<e>"}, 2});
  EXPECT_EQ(t.size(), 1 + 256 + 2);
  EXPECT_EQ(t.token(257), "ab");
  EXPECT_EQ(t.token(258), "abc");
  EXPECT_EQ(t.encode("abcab<e>c"), (Ids{258, 257, 0, 67}));
}

TEST(Tokenizer, BreaksTiesByTheLowestPair) {
  const Tokenizer t = Tokenizer::train({"yz", "ab", "cd"}, {258, {"<e>"}, 1});
  EXPECT_EQ(t.token(257), "ab");
}

TEST(Tokenizer, MergesTheLeftmostOfOverlappingPairs) {
  const Tokenizer t = Tokenizer::train({"aa"}, {258, {"<e>"}, 1});
  EXPECT_EQ(t.encode("aaaaa"), (Ids{257, 257, 65}));
}

TEST(Tokenizer, GivesTheIdsOfTheHuggingFaceLibrary) {
  // Made by `tokenizers` 0.23.3 from small().to_json().
  const std::vector<std::pair<std::string, Ids>> golden = {
      {"USER: <image>\nwhat shape is the blue circle? ASSISTANT: a red circle</s>",
       {273, 29, 224, 3,  202, 287, 288, 285, 265, 224, 69,  79,
        88,  72, 289, 34, 277, 29,  295, 224, 293, 71,  289, 2}},
      {"they don't,  we'll\t see\n\n 1234 x99",
       {87,  263, 92, 224, 71, 82,  81,  10,  87, 15, 224, 224, 90,  72, 10, 79, 79,
        201, 224, 86, 72,  72, 202, 202, 224, 20, 21, 22,  23,  224, 91, 28, 28}},
      {"Größe über café — 日本 😀",
       {42,  85,  131, 118, 131, 257, 72,  224, 131, 124, 69,  72,  85,  261, 68,  73,  131,
        106, 224, 162, 226, 246, 224, 166, 249, 102, 166, 254, 109, 224, 176, 257, 250, 226}},
      {"<s></s><pad><image><imag>", {1, 2, 0, 3, 31, 76, 291, 74, 33}},
      {"   leading and trailing   ", {224, 224, 224, 79, 72, 68, 71, 76, 81, 74,  295, 81,
                                      71,  262, 85,  68, 76, 79, 76, 81, 74, 224, 224, 224}},
      {"a\u00a0b\u2003c e\u0301 ''s 'S \x01\x7f ..!? \r\n",
       {68, 130, 258, 69, 162, 226, 229, 70,  224, 72, 140, 227, 224, 10,  10,
        86, 224, 10,  54, 224, 193, 225, 224, 17,  17, 4,   34,  224, 205, 202}},
  };
  EXPECT_EQ(small().size(), 299);
  for (const auto& item : golden) EXPECT_EQ(small().encode(item.first), item.second) << item.first;
}

TEST(Tokenizer, DecodesWhatItEncodedWhateverTheBytes) {
  RandomSequence random = Generator(1, "tokenizer test").sequence(0, 0);
  for (int n = 0; n < 300; ++n) {
    std::string bytes(random.below(40), ' ');
    for (char& c : bytes)
      c = random.below(2) == 0 ? "what is the </s> <image>"[random.below(24)]
                               : static_cast<char>(random.below(256));
    EXPECT_EQ(small().decode(small().encode(bytes)), bytes);
  }
}

TEST(Tokenizer, EncodesAVeryLongWordInGoodTime) {
  const std::string word(1 << 18, 'a');
  const Tokenizer t = Tokenizer::train({word}, {300, {}, 1});
  EXPECT_EQ(t.decode(t.encode(word)), word);
}

TEST(Tokenizer, LeavesSpecialTokensWholeAndOutOfTheTraining) {
  const Tokenizer t = Tokenizer::train({"<a><a><a>x<ab>"}, {1000, {"<a>", "<ab>", "<ab><ab>"}, 1});
  EXPECT_EQ(t.size(), 3 + 256) << "no pair is left between the special tokens";
  EXPECT_EQ(t.encode("<ab><ab><ab><a>"), (Ids{2, 1, 0})) << "the longest where several begin";
  EXPECT_EQ(t.special_id("<ab>"), 1);
  EXPECT_TRUE(t.is_special(2));
  EXPECT_FALSE(t.is_special(3));
  EXPECT_FALSE(t.is_special(-1));
  EXPECT_EQ(t.find_special("x <ab> <a>"), "<ab>");
  EXPECT_EQ(t.find_special("x < ab>"), "");
  EXPECT_EQ(t.decode(Ids{0, t.encode("x")[0], 1}, false), "x");
}

TEST(Tokenizer, HoldsTwoMergesThatSpellTheSameToken) {
  const std::string file = [] {
    Json json = Json::parse(Tokenizer::train({}, {256, {}, 1}).to_json());
    json["model"]["vocab"].update({{"ab", 256}, {"bc", 257}, {"abc", 258}});
    json["model"]["merges"] = {"a b", "b c", "a bc", "ab c"};
    return json.dump();
  }();
  const Tokenizer t = Tokenizer::from_json(file, "t.json");
  EXPECT_EQ(t.encode("abc"), Ids{258});
  EXPECT_EQ(t.to_json(), Tokenizer::from_json(t.to_json(), "t.json").to_json());
}

TEST(Tokenizer, SavesAndLoadsTheSameTokenizer) {
  const TemporaryFolder folder;
  small().save(folder / "tokenizer.json");
  const Tokenizer again = Tokenizer::load(folder / "tokenizer.json");
  EXPECT_EQ(again.to_json(), small().to_json());
  EXPECT_EQ(again.encode("what shape is it?</s>"), small().encode("what shape is it?</s>"));
}

TEST(Tokenizer, ReadsMergesAsPairsAndAddedTokensBehindTheVocabulary) {
  Json file = Json::parse(small().to_json());
  for (Json& merge : file["model"]["merges"]) {
    const std::string text = merge;
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  Json added = file["added_tokens"][0];
  added["content"] = "<extra>";
  added["id"] = 299;
  file["added_tokens"].push_back(added);
  const Tokenizer t = Tokenizer::from_json(file.dump(), "t.json");
  EXPECT_EQ(t.encode("the shape<extra>"), (Ids{87, 263, 288, 299}));
}

TEST(Tokenizer, RefusesSettingsThatWouldGiveOtherIds) {
  EXPECT_EQ(refused([](Json& f) { f["model"]["type"] = "Unigram"; }),
            "t.json: model: type: expected \"BPE\", got \"Unigram\"");
  EXPECT_EQ(refused([](Json& f) { f["model"]["dropout"] = 0.1; }),
            "t.json: model: dropout: expected null, got 0.1");
  EXPECT_EQ(refused([](Json& f) { f["model"]["byte_fallback"] = true; }),
            "t.json: model: byte_fallback: expected false, got true");
  EXPECT_EQ(refused([](Json& f) {
              f["normalizer"] = {{"type", "NFC"}};
            }),
            "t.json: normalizer: expected null, got {\"type\":\"NFC\"}");
  EXPECT_EQ(refused([](Json& f) { f["added_tokens"][3]["lstrip"] = true; }),
            "t.json: added_tokens[3]: lstrip: expected false, got true");
  EXPECT_NE(refused([](Json& f) {
              f["pre_tokenizer"] = {{"type", "ByteLevel"}};
            }).find("t.json: pre_tokenizer: expected {\"pretokenizers\":"),
            std::string::npos);
  EXPECT_EQ(refused([](Json& f) { f["decoder"]["type"] = "WordPiece"; }),
            "t.json: decoder: type: expected \"ByteLevel\", got \"WordPiece\"");
  EXPECT_EQ(refused([](Json& f) { f["model"]["max_length"] = 3; }).substr(0, 39),
            "t.json: model: unknown key \"max_length\"");
  EXPECT_EQ(refused([](Json& f) { f.erase("decoder"); }), "t.json: missing key \"decoder\"");
}

TEST(Tokenizer, RefusesAVocabularyThatIsNotOne) {
  EXPECT_EQ(refused([](Json& f) { f["model"]["vocab"]["he"] = 299; }),
            "t.json: model: vocab: \"he\": expected an id of 0 .. 298 (no holes), got 299");
  EXPECT_EQ(refused([](Json& f) { f["model"]["vocab"]["he"] = -1; }),
            "t.json: model: vocab: \"he\": expected an id of 0 .. 298 (no holes), got -1");
  EXPECT_EQ(refused([](Json& f) { f["model"]["vocab"]["he"] = 260; }),
            "t.json: model: vocab: \"he\": id 260 is also that of \"ha\"");
  EXPECT_EQ(refused([](Json& f) { f["model"]["vocab"]["he"] = "263"; }),
            "t.json: model: vocab: he: expected a 64-bit integer, got string");
  EXPECT_EQ(refused([](Json& f) { f["model"]["vocab"]["日"] = 299; }),
            "t.json: model: vocab: \"日\": expected characters of the byte alphabet");
  EXPECT_EQ(refused([](Json& f) {
              f["model"]["vocab"].erase("Ġ");
              f["model"]["vocab"]["aaaa"] = 224;
            }),
            "t.json: model: vocab: no token for byte 32 (\"Ġ\")");
  const std::string text = small().to_json();
  const std::size_t at = text.find("\"he\": 263,");
  const std::string twice = text.substr(0, at) + "\"he\": 263, " + text.substr(at);
  EXPECT_EQ(refusal<FileError>([&] { Tokenizer::from_json(twice, "t.json"); }),
            "t.json: byte " + std::to_string(at + 15) + ": duplicate key \"he\"");
}

TEST(Tokenizer, RefusesBadAddedTokensAndMerges) {
  EXPECT_EQ(refused([](Json& f) { f["added_tokens"][0]["id"] = 7; }),
            "t.json: added_tokens: \"<pad>\": expected the id 0 that it has in vocab, got 7");
  EXPECT_EQ(refused([](Json& f) { f["added_tokens"].push_back(f["added_tokens"][0]); }),
            "t.json: added_tokens: \"<pad>\" is given twice");
  EXPECT_EQ(refused([](Json& f) { f["added_tokens"][0]["content"] = "a b"; }),
            "t.json: added_tokens: tokenizer: special token: expected at least 2 printable ASCII "
            "characters without blanks, got \"a b\"");
  EXPECT_EQ(refused([](Json& f) { f["model"]["merges"][1] = "Ġ c x"; }),
            "t.json: model: merges[1]: expected \"left right\" or [\"left\", \"right\"], got "
            "\"Ġ c x\"");
  EXPECT_EQ(refused([](Json& f) { f["model"]["merges"][1] = "q q"; }),
            "t.json: model: merges[1]: expected an ordinary token of vocab, got \"qq\"");
  EXPECT_EQ(refused([](Json& f) { f["model"]["merges"][1] = "h a"; }),
            "t.json: model: merges[1]: \"h a\" is given twice");
}

TEST(Tokenizer, RefusesOptionsThatCannotBeMet) {
  const auto refused_options = [](const TokenizerOptions& options) {
    return refusal<ValueError>([&] { Tokenizer::train({"abc"}, options); });
  };
  EXPECT_EQ(refused_options({259, {"<s>", "</s>", "<a>", "<b>"}, 2}),
            "tokenizer: vocabulary: expected 260 (special tokens and 256 bytes) .. 2^31 - 1, got "
            "259");
  EXPECT_EQ(refused_options({300, {"<s>", "<s>"}, 2}),
            "tokenizer: special token: \"<s>\" is given twice");
  EXPECT_EQ(refused_options({300, {"a"}, 2}),
            "tokenizer: special token: expected at least 2 printable ASCII characters without "
            "blanks, got \"a\"");
  EXPECT_EQ(refused_options({300, {}, 0}), "tokenizer: least_count: expected at least 1, got 0");
  EXPECT_EQ(refusal<ValueError>([] { small().token(299); }),
            "tokenizer: id: expected 0 .. 298, got 299");
  EXPECT_EQ(refusal<ValueError>([] { small().special_id("<x>"); }),
            "tokenizer: special token: expected one of <pad>, <s>, </s>, <image>, got <x>");
}

}  // namespace
}  // namespace chainline::experiments
