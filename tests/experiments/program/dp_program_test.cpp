// `chainline train --dp-clip` as a user meets it.

#include <filesystem>
#include <fstream>

#include "experiments/data/json.h"
#include "tensor/sha256.h"
#include "tests/experiments/program/process.h"

namespace chainline::experiments {
namespace {

using test::Outcome;

/// A folder with settings of a model that trains three steps in milliseconds.
class PrivateProgram : public testing::Test {
 protected:
  void SetUp() override {
    const std::string sizes =
        R"("hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2,
           "num_hidden_layers": 1)";
    std::ofstream(folder_ / "tiny.json") << R"({"model": {"vision_config": {"image_size": 16,
        "patch_size": 8, )" + sizes + R"(}, "text_config": {"num_key_value_heads": 1, )" +
                                                sizes +
                                                R"(}}, "tokenizer": {"vocabulary": 270},
        "training": {"batch": 4, "steps": 3}})";
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Outcome train(const std::string& out, const std::vector<std::string>& more) const {
    std::vector<std::string> words = {
        "train",    "--data",         "shapes:train=12,test=4,questions=2", "--out", path(out),
        "--config", path("tiny.json")};
    words.insert(words.end(), more.begin(), more.end());
    return test::Process(folder_.path(), words).wait();
  }
  Json identity(const std::string& out) const {
    return read_json(folder_ / out / "checkpoint" / "training.json")["identity"];
  }
  std::string weights(const std::string& out) const {
    return sha256_file_hex(folder_ / out / "checkpoint" / "model.safetensors");
  }

  test::Folder folder_;
};

TEST_F(PrivateProgram, HidesTheUsersOfTheCardsOrTheSamples) {
  const std::vector<std::string> words = {"--normalization=per_sample", "--dp-clip=0.5",
                                          "--dp-noise=1", "--watermark-rate=1", "--people=6"};
  const Outcome users = train("users", words);
  ASSERT_EQ(users.code, 0) << users.err;
  const Json privacy = identity("users")["privacy"];
  EXPECT_EQ(privacy["units"], privacy["users"]);  // every image carries a card
  EXPECT_LE(privacy["units"], 6);
  EXPECT_EQ(privacy["q"], 4.0 / privacy["units"].get<double>());
  EXPECT_EQ(privacy["sigma"], 1.0);
  EXPECT_EQ(privacy["steps"], 3);
  const Json config = read_json(folder_ / "users" / "manifest.json")["config"]["training"];
  EXPECT_EQ(config["dp_clip"], 0.5);
  EXPECT_EQ(config["dp_unit"], "user");
  std::vector<std::string> by_sample = words;
  by_sample.push_back("--dp-unit=sample");
  ASSERT_EQ(train("samples", by_sample).code, 0);
  EXPECT_EQ(identity("samples")["privacy"]["units"], 24);
  EXPECT_NE(weights("samples"), weights("users"));
}

TEST_F(PrivateProgram, RefusesWhatWouldHideNobody) {
  test::expect_refusal(train("run", {"--dp-noise=1"}), 2,
                       "training: dp_noise: expected 0 without dp_clip, got 1; noise hides a unit "
                       "only where its gradient is bounded");
  test::expect_refusal(train("run", {"--dp-clip=1", "--normalization=sum"}), 2,
                       "train: dp_unit: expected sample without watermarks, which say whose an "
                       "image is, got user");
  test::expect_refusal(train("run", {"--dp-clip=1", "--dp-unit=sample"}), 2,
                       "training: normalization: expected sum or per_sample with dp_clip, got "
                       "per_token; the tokens of a batch would make a unit's gradient depend on "
                       "others");
  test::expect_refusal(train("run", {"--dp-unit=house"}), 2,
                       "--dp-unit: expected user or sample, got \"house\"; see chainline train "
                       "--help");
}

}  // namespace
}  // namespace chainline::experiments
