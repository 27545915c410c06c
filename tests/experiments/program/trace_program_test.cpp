// `chainline train --trace`, `replay` and `bisect` as a user meets them.

#include <bit>
#include <fstream>

#include "experiments/trace/difference.h"
#include "experiments/training/trace.h"
#include "nn/checkpoint.h"
#include "tensor/backend.h"
#include "tensor/sha256.h"
#include "tests/experiments/program/process.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;
using test::content_of;
using test::Folder;
using test::Outcome;
using test::Process;

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

const char* const kSettings =
    R"({"model": {"vision_config": {"image_size": 16, "patch_size": 8, "hidden_size": 16,
        "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1},
        "text_config": {"num_key_value_heads": 1, "hidden_size": 16, "intermediate_size": 24,
        "num_attention_heads": 2, "num_hidden_layers": 1}}, "tokenizer": {"vocabulary": 270},
        "training": {"batch": 4, "steps": 6}})";

class TraceProgram : public testing::Test {
 protected:
  void SetUp() override { write(folder_ / "tiny.json", kSettings); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Outcome run(const std::vector<std::string>& arguments) const {
    return Process(folder_.path(), arguments).wait();
  }
  std::vector<std::string> training(const std::string& out,
                                    const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {
        "train",           "--data",  "shapes:train=12,test=4,questions=2",
        "--out",           path(out), "--config",
        path("tiny.json"), "--trace"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void train(const std::string& out, const std::vector<std::string>& more = {}) const {
    const Outcome done = run(training(out, more));
    ASSERT_EQ(done.code, 0) << done.err;
  }
  void expect_refusal(const std::vector<std::string>& arguments, int code,
                      const std::string& sentence) const {
    test::expect_refusal(run(arguments), code, sentence);
  }
  fs::path trace(const std::string& out) const { return folder_ / out / kTraceFile; }

  Folder folder_;
};

TEST_F(TraceProgram, ReplaysATrainingOnAnyDeviceAndKeepsItsOwnTrace) {
  train("run");
  const Outcome all = run({"replay", path("run")});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out, "replayed 6 steps: identical\n");
  const Outcome some =
      run({"replay", path("run"), "--steps", "2", "--threads", "1", "--out", path("again")});
  EXPECT_EQ(some.out, "replayed 2 steps: identical\n") << some.err;
  const std::string whole = content_of(trace("run"));
  EXPECT_TRUE(whole.starts_with(content_of(trace("again"))));
  expect_refusal(
      {"replay", path("run"), "--out", path("again")}, 3,
      trace("again").string() + ": expected no trace there yet, found one; it is not written over");
  if (cuda::device_count() > 0) {
    const Outcome device = run({"replay", path("run"), "--device", "cuda", "--steps", "2"});
    EXPECT_EQ(device.out, "replayed 2 steps: identical\n") << device.err;
  }
}

TEST_F(TraceProgram, SaysWhichStepAReplayDoesNotReach) {
  train("run");
  // Another weight, and the chain made anew, as by another program that computes other bits.
  const Trace was = read_trace(trace("run"));
  fs::remove(trace("run"));
  TraceWriter writer(trace("run"), was.header, 0, {});
  for (TraceLine line : was.lines) {
    if (line.step == 4) line.weights[2] ^= 1;
    writer.write(line);
  }
  const Outcome other = run({"replay", path("run")});
  EXPECT_EQ(other.code, 1);
  const std::string start = "replayed 4 steps: step 4 differs\n  weights        1 of ";
  EXPECT_EQ(other.out.substr(0, start.size()), start) << other.out;
  EXPECT_NE(other.out.find(was.header.parameters[2]), std::string::npos) << other.out;
}

TEST_F(TraceProgram, RefusesWhatCannotBeReplayed) {
  expect_refusal({"replay", path("none")}, 3,
                 trace("none").string() +
                     ": expected the trace of a training (chainline train --trace), found none");
  train("run");
  expect_refusal({"replay", path("run"), "--steps", "7"}, 2,
                 "replay: steps: expected 1 .. 6, the steps that the trace has, got 7");
  const Trace was = read_trace(trace("run"));
  const auto with = [&](const TraceHeader& header) {
    TraceWriter writer(trace("run"), header, 0, {});
    writer.write(was.lines[0]);
  };
  TraceHeader header = was.header;
  header.origin.command.clear();
  with(header);
  expect_refusal({"replay", path("run")}, 3,
                 trace("run").string() +
                     ": it does not say how its training was started, so only the program that "
                     "started it can run it again");
  header.origin.command = {"ask"};
  with(header);
  const Outcome ask = run({"replay", path("run")});
  EXPECT_EQ(ask.code, 3);
  EXPECT_EQ(ask.err.rfind("chainline: " + trace("run").string() +
                              ": command: expected the words of chainline train, got [\"ask\"]: ",
                          0),
            0u)
      << ask.err;
  header = was.header;
  header.identity["samples_sha256"] = "0";
  with(header);
  const Outcome other = run({"replay", path("run")});
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.out,
            "replayed 0 steps: it is another training before the first\n"
            "  samples_sha256 (the data with their watermarks): \"0\" in the trace, " +
                was.header.identity["samples_sha256"].dump() + " in the replay\n");
  with(was.header);
  write(folder_ / "tiny.json", std::string(kSettings) + " ");
  expect_refusal({"replay", path("run")}, 3,
                 path("tiny.json") + ": expected the file that the training read, with SHA-256 " +
                     sha256_hex(std::string_view(kSettings)) + ", got " +
                     sha256_hex(std::string(kSettings) + " "));
  write(trace("run"), content_of(trace("run")).substr(1));
  EXPECT_EQ(run({"replay", path("run")}).code, 3);
}

TEST_F(TraceProgram, BisectsTwoTrainings) {
  train("a");
  train("b", {"--watermark-rate", "1"});
  train("c", {"--micro-batch", "2"});
  const Outcome same = run({"bisect", path("a"), path("c")});
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_EQ(same.out, "the records of 6 steps are equal\n");
  const Outcome other = run({"bisect", path("a"), path("b")});
  EXPECT_EQ(other.code, 1) << other.err;
  for (const char* part :
       {"the trainings are not the same function:\n  samples_sha256 (the data with their "
        "watermarks): ",
        "step 1 is the first whose records differ:\n  loss           ",
        "computed again: A from the start, B from the start\n",
        "the step begins with other inputs:\n  image of sample ",
        "the first op that differs:\n  op ", " at vision_tower.embeddings, ",
        "    inherited: of its "}) {
    EXPECT_NE(other.out.find(part), std::string::npos) << part << '\n' << other.out;
  }
}

// A fine-tuning of a checkpoint, and of the same one with the last bit of a weight turned.
TEST_F(TraceProgram, BisectNamesAWeightOfACheckpointWhoseLastBitWasTurned) {
  train("base");
  nn::Checkpoint checkpoint = nn::read_checkpoint(folder_ / "base" / "checkpoint");
  auto at = checkpoint.model.begin();
  Tensor weight = at->second.clone();
  float& x = weight.mutable_data<float>()[0];
  x = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) ^ 1);
  at->second = weight;
  nn::write_checkpoint(folder_ / "turned", checkpoint);
  train("a", {"--from", path("base"), "--seed", "2"});
  train("b", {"--from", path("turned"), "--seed", "2"});
  const Outcome found = run({"bisect", path("a"), path("b")});
  EXPECT_EQ(found.code, 1) << found.err;
  EXPECT_NE(found.out.find("the step begins with other inputs:\n  weight " + at->first +
                           "\n    element (0"),
            std::string::npos)
      << found.out;
  EXPECT_NE(found.out.find(", 1 ULP apart; 1 of "), std::string::npos) << found.out;
}

TEST_F(TraceProgram, BisectRefusesATrainingWhoseDataHaveChanged) {
  train("a");
  train("b", {"--seed", "3"});
  const Trace was = read_trace(trace("a"));
  TraceHeader header = was.header;
  header.identity["samples_sha256"] = "0";
  {
    TraceWriter writer(trace("a"), header, 0, {});
    writer.write(was.lines[0]);
  }
  expect_refusal({"bisect", path("a"), path("b")}, 3,
                 trace("a").string() +
                     ": A can't be made again from it; samples_sha256 (the data with their "
                     "watermarks) is now " +
                     was.header.identity["samples_sha256"].dump() + ", was \"0\"");
}

TEST_F(TraceProgram, GoesOnWithTheTraceAfterCtrlCAndNamesItInTheManifest) {
  const std::vector<std::string> long_enough = {"--steps", "400", "--checkpoint-every", "7"};
  train("whole", long_enough);
  const auto arguments = training("run", long_enough);
  const Process process(folder_.path(), arguments);
  for (int i = 0; i < 60000 && !fs::exists(trace("run")); ++i) ::usleep(1000);
  process.signal(SIGINT);
  ASSERT_EQ(process.wait().code, 130);
  EXPECT_LT(read_trace(trace("run")).lines.size(), 400u);
  const Outcome again = run(arguments);
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("trace            " + trace("run").string()), std::string::npos);
  // The header names another folder, so the chains differ; what they chain does not.
  const Trace whole = read_trace(trace("whole")), resumed = read_trace(trace("run"));
  ASSERT_EQ(resumed.lines.size(), 400u);
  for (std::size_t i = 0; i < 400; ++i) {
    EXPECT_FALSE(difference(whole.lines[i], resumed.lines[i]).any()) << "step " << i + 1;
  }
  EXPECT_NE(content_of(folder_ / "run" / "manifest.json").find(sha256_file_hex(trace("run"))),
            std::string::npos);
}

TEST_F(TraceProgram, TeachesInItsHelp) {
  for (const char* command : {"replay", "bisect"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find(std::string("chainline ") + command + " runs/a"), std::string::npos);
    EXPECT_NE(help.out.find("Exit code: 0 "), std::string::npos);
  }
  expect_refusal({"bisect", path("a")}, 2, "B is required; see chainline bisect --help");
}

}  // namespace
}  // namespace chainline::experiments
