// `chainline train --math` as a user meets it.

#include <filesystem>
#include <fstream>

#include "experiments/data/json.h"
#include "tensor/backend.h"
#include "tensor/sha256.h"
#include "tests/experiments/program/process.h"

namespace chainline::experiments {
namespace {

using test::Outcome;

/// A folder with settings of a model that trains three steps in milliseconds.
class MathProgram : public testing::Test {
 protected:
  void SetUp() override { write("tiny.json", ""); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& more) const {
    const std::string sizes =
        R"("hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2,
           "num_hidden_layers": 1)";
    std::ofstream(folder_ / name) << R"({"model": {"vision_config": {"image_size": 16,
        "patch_size": 8, )" + sizes + R"(}, "text_config": {"num_key_value_heads": 1, )" +
                                         sizes +
                                         R"(}}, "tokenizer": {"vocabulary": 270},
        "training": {"batch": 4, "steps": 3)" +
                                         more + "}}";
  }
  Outcome train(const std::string& out, const std::vector<std::string>& more,
                const std::string& settings = "tiny.json") const {
    std::vector<std::string> words = {
        "train",    "--data",      "shapes:train=12,test=4,questions=2", "--out", path(out),
        "--config", path(settings)};
    words.insert(words.end(), more.begin(), more.end());
    return test::Process(folder_.path(), words).wait();
  }
  std::string weights(const std::string& out) const {
    return sha256_file_hex(folder_ / out / "checkpoint" / "model.safetensors");
  }
  Json manifest(const std::string& out) const { return read_json(folder_ / out / "manifest.json"); }

  test::Folder folder_;
};

TEST_F(MathProgram, RefusesFastArithmeticOnTheCpuBeforeAnythingElse) {
  const std::string sentence =
      "training: math: expected exact on the CPU, got fast; bf16 is computed by --device=cuda "
      "alone";
  test::expect_refusal(train("run", {"--math=fast"}), 2, sentence);
  write("fast.json", R"(, "math": "fast")");
  test::expect_refusal(train("run", {}, "fast.json"), 2, sentence);
  test::expect_refusal(train("run", {"--math=turbo"}), 2,
                       "--math: expected exact or fast, got \"turbo\"; see chainline train --help");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(MathProgram, TrainsExactlyUnlessItIsAskedNotTo) {
  ASSERT_EQ(train("run", {}).code, 0);
  EXPECT_EQ(manifest("run")["determinism"], "exact");
  EXPECT_EQ(manifest("run")["config"]["training"]["math"], "exact");
  write("fast.json", R"(, "math": "fast")");
  ASSERT_EQ(train("typed", {"--math=exact"}, "fast.json").code, 0);  // what is typed wins
  EXPECT_EQ(weights("typed"), weights("run"));
}

TEST_F(MathProgram, TrainsFastTheSameWayTwiceAndSaysSo) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const std::vector<std::string> fast = {"--device=cuda", "--math=fast"};
  const Outcome first = train("first", fast);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(manifest("first")["determinism"], "repeatable");
  EXPECT_EQ(manifest("first")["config"]["training"]["math"], "fast");
  ASSERT_EQ(train("second", fast).code, 0);
  EXPECT_EQ(weights("second"), weights("first"));

  ASSERT_EQ(train("exact", {"--device=cuda"}).code, 0);
  EXPECT_NE(weights("exact"), weights("first"));
  const Outcome other = train("exact", fast);
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("math: this training has \"fast\", the checkpoint has \"exact\"; use "
                           "another folder for another training"),
            std::string::npos)
      << other.err;
}

TEST_F(MathProgram, KeepsTheKernelsThatWereChosenAndTakesThoseOfAFile) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const std::vector<std::string> fast = {"--device=cuda", "--math=fast"};
  ASSERT_EQ(train("first", fast).code, 0);
  const std::string kernels = path("first") + "/checkpoint/kernels.json";
  Json file = read_json(kernels);
  ASSERT_FALSE(file["choices"].empty());
  EXPECT_TRUE(manifest("first")["outputs"].contains("checkpoint/kernels.json"));

  const std::vector<std::string> same = {"--device=cuda", "--math=fast", "--kernels", kernels};
  const Outcome again = train("again", same);
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(weights("again"), weights("first"));
  test::expect_refusal(train("exact", {"--kernels", kernels}), 2,
                       "train: kernels: expected --math=fast with it, got exact, which has one "
                       "kernel for each call");

  file["choices"][0]["kernel"] = "abacus";
  std::ofstream(path("other.json")) << file;
  const Outcome other =
      train("other", {"--device=cuda", "--math=fast", "--kernels", path("other.json")});
  EXPECT_EQ(other.code, 4);
  EXPECT_NE(other.err.find("expected the kernel abacus that was chosen, got a build or a machine "
                           "without it"),
            std::string::npos)
      << other.err;
  file["choices"][0].erase("kernel");
  std::ofstream(path("half.json")) << file;
  test::expect_refusal(
      train("half", {"--device=cuda", "--math=fast", "--kernels", path("half.json")}), 3,
      path("half.json") + ": choices[0]: missing key \"kernel\"");
}

}  // namespace
}  // namespace chainline::experiments
