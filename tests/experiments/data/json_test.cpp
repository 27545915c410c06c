#include "experiments/data/json.h"

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

std::string refused(const std::string& text) {
  return refusal<FileError>([&] { parse_json(text, "f.json"); });
}

TEST(ParseJson, ReadsAValue) {
  const Json value = parse_json(R"({"a": [1, 2.5, "ü", null, true]})", "f.json");
  EXPECT_EQ(value["a"].size(), 5u);
  EXPECT_EQ(value["a"][2], "ü");
}

TEST(ParseJson, LetsObjectsSideBySideAndNestedUseTheSameKey) {
  EXPECT_NO_THROW(parse_json(R"([{"a": {"a": 1}, "b": 2}, {"a": 3}])", "f.json"));
}

TEST(ParseJson, RefusesADuplicateKey) {
  EXPECT_EQ(refused(R"({"id": 1, "id": 2})"), "f.json: byte 14: duplicate key \"id\"");
  EXPECT_EQ(refused(R"([{"a": {"x": 1}, "b": 0, "a": 1}])"),
            "f.json: byte 28: duplicate key \"a\"");
}

TEST(ParseJson, NamesTheByteOfASyntaxError) {
  EXPECT_EQ(refused("[1, 2").substr(0, 16), "f.json: byte 5: ");
  EXPECT_EQ(refused("[1] x").substr(0, 15), "f.json: byte 5:");
  EXPECT_EQ(refused("").substr(0, 15), "f.json: byte 0:");
  EXPECT_EQ(refused(std::string("[1]\0[2]", 7)), "f.json: byte 3: NUL byte");
}

TEST(ParseJson, RefusesInvalidUtf8AndOverflow) {
  EXPECT_NE(refused("[\"a\xff\"]").find("byte 4: "), std::string::npos);
  EXPECT_NE(refused("[\"\xc0\x80\"]").find("UTF-8"), std::string::npos) << "overlong NUL";
  EXPECT_NE(refused("[\"\xed\xa0\x80\"]").find("UTF-8"), std::string::npos) << "surrogate";
  EXPECT_NE(refused("[1e999]").find("number overflow"), std::string::npos);
}

TEST(ParseJson, NestsAtMost256Deep) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_NO_THROW(parse_json(nested(256), "f.json"));
  EXPECT_EQ(refused(nested(257)), "f.json: byte 257: nested deeper than 256");
  EXPECT_EQ(refused(std::string(1000000, '[')), "f.json: byte 257: nested deeper than 256");
}

TEST(ReadJson, LimitsTheFile) {
  const TemporaryFolder folder;
  const auto path = folder.write("f.json", "[1, 2, 3]");
  EXPECT_EQ(read_json(path).size(), 3u);
  EXPECT_EQ(refusal<FileError>([&] { read_json(path, 4); }),
            path.string() + ": expected at most 4 bytes, got 9");
}

TEST(CheckKeys, NamesTheKeyTheKnownOnesAndTheLikelyOne) {
  const Json row = {{"id", 1}, {"imgae", "x"}};
  EXPECT_EQ(refusal<FileError>([&] {
              check_keys(row, {"id", "image"}, "f.json: row 3");
            }),
            "f.json: row 3: unknown key \"imgae\", known keys are id, image; did you mean "
            "\"image\"?");
  EXPECT_EQ(refusal<FileError>([&] {
              check_keys(row, {"id", "conversations"}, "f.json");
            }),
            "f.json: unknown key \"imgae\", known keys are id, conversations");
  EXPECT_EQ(refusal<FileError>([&] { check_keys(Json::array(), {"id"}, "f.json"); }),
            "f.json: expected an object, got array");
}

TEST(Members, MustBeThereWithTheirType) {
  const Json row = {{"id", 1}, {"big", 18446744073709551615ull}};
  EXPECT_EQ(integer_member(row, "id", "f"), 1);
  EXPECT_EQ(refusal<FileError>([&] { string_member(row, "id", "f"); }),
            "f: id: expected a string, got number");
  EXPECT_EQ(refusal<FileError>([&] { string_member(row, "x", "f"); }), "f: missing key \"x\"");
  EXPECT_EQ(refusal<FileError>([&] { integer_member(row, "big", "f"); }),
            "f: big: expected a 64-bit integer, got 18446744073709551615");
}

TEST(NearestSpelling, CorrectsASlipButDoesNotGuess) {
  const std::vector<std::string> words = {"seed", "train", "test"};
  EXPECT_EQ(nearest_spelling("sead", words), "seed");
  EXPECT_EQ(nearest_spelling("tset", words), "test");
  EXPECT_EQ(nearest_spelling("train", words), "train");
  EXPECT_EQ(nearest_spelling("banana", words), "");
}

}  // namespace
}  // namespace chainline::experiments
