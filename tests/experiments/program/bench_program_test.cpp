// `chainline bench` as a user meets it: results compared from files, sentences, exit codes, and one
// small op that is really timed.

#include <fstream>
#include <sstream>

#include "tensor/backend.h"
#include "tests/experiments/program/process.h"

namespace chainline::experiments {
namespace {

using test::content_of;
using test::Outcome;

class BenchProgram : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return path(name);
  }
  Outcome run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "bench");
    return test::Process(folder_.path(), arguments).wait();
  }
  void expect_refusal(const std::vector<std::string>& arguments, int code,
                      const std::string& sentence) const {
    test::expect_refusal(run(arguments), code, sentence);
  }
  /// Nine repetitions of one call, around so many nanoseconds.
  std::string results(const std::string& name, double time) const {
    std::ostringstream text;
    text << R"({"context": {"processor": "abacus"}, "benchmarks": [)";
    for (int i = 0; i < 9; ++i) {
      text << (i == 0 ? "" : ",") << R"({"name": "gelu/forward/vit/threads=1", "cpu_time": )"
           << time + i << R"(, "real_time": 1, "time_unit": "ns", "GB/s": 3.5})";
    }
    text << "]}";
    return write(name, text.str());
  }

  test::Folder folder_;
};

TEST_F(BenchProgram, ComparesTheResultsInTwoFiles) {
  const std::string before = results("before.json", 1000), after = results("after.json", 500);
  const Outcome outcome = run({"--from", after, "--compare", before});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_NE(outcome.out.find("gelu\n  x Phi(x), by erf or by tanh\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("  forward/vit               1  504.0 ns     0 %  3.5 GB/s\n"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("  4e-05  faster\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("1 compared: 1 faster, 0 slower, 0 without"), std::string::npos);
  EXPECT_NE(run({"--from", after, "--compare", after}).out.find("  no difference found\n"),
            std::string::npos);
}

TEST_F(BenchProgram, RefusesResultsThatAreMissingOrNone) {
  const std::string good = results("good.json", 1000), bad = write("bad.json", "{\"loss\": 1}");
  expect_refusal({"--from", path("none.json")}, 3,
                 path("none.json") + ": No such file or directory");
  expect_refusal({"--from", bad}, 3,
                 bad +
                     ": expected the results of benchmarks (an object with context and "
                     "benchmarks), got {\"loss\":1}");
  expect_refusal({"--from", good, "--compare", bad}, 3,
                 bad +
                     ": expected the results of benchmarks (an object with context and "
                     "benchmarks), got {\"loss\":1}");
  expect_refusal({"rope", "--from", good}, 3, good + ": expected benchmarks of rope, found none");
  expect_refusal({"--from", good, "--out", path("x.json")}, 2,
                 "--out excludes --from; see chainline bench --help");
}

TEST_F(BenchProgram, HasNoTimeForAWrongAnswerAndEndsWithThree) {
  const std::string file = write("refused.json", R"({"context": {}, "benchmarks": [
    {"name": "gelu/forward/vit/threads=1", "error_occurred": true, "error_message": "wrong bits",
     "cpu_time": 0, "real_time": 0, "time_unit": "ns"}]})");
  const Outcome outcome = run({"--from", file});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.out.find("refused\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.err,
            "chainline: bench: expected right answers, got 1 that are not, for which no time "
            "counts\n");
}

#ifdef CHAINLINE_HAS_BENCH

TEST_F(BenchProgram, DescribesEveryOpThatHasBenchmarks) {
  const Outcome list = run({"--list"});
  EXPECT_EQ(list.code, 0) << list.err;
  std::istringstream lines(list.out);
  std::string line, op, count, description;
  std::getline(lines, line);
  int ops = 0;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    description.clear();
    words >> op >> count >> description;
    EXPECT_NE(description, "") << "experiments/bench/computes.cpp: no line for " << op;
    ++ops;
  }
  EXPECT_GE(ops, 14);
}

TEST_F(BenchProgram, ListsTheBenchmarksOfAnOp) {
  const Outcome list = run({"attention/forward", "--list"});
  EXPECT_EQ(list.code, 0) << list.err;
  std::istringstream lines(list.out);
  std::string name;
  while (std::getline(lines, name)) EXPECT_TRUE(name.starts_with("attention/forward/")) << name;
  EXPECT_NE(list.out.find("attention/forward/decode_one/threads=1\n"), std::string::npos)
      << list.out;
  expect_refusal({"gel", "--list"}, 2,
                 "bench: OP: expected an op with benchmarks, got \"gel\"; did you mean \"gelu\"? "
                 "`chainline bench --list` lists them");
}

TEST_F(BenchProgram, TimesAnOpOnOneThreadAndOnTwoAndWritesWhatGoogleBenchmarkWrites) {
  const Outcome outcome = run({"attention/forward/decode_one", "--threads", "2", "--repetitions",
                               "2", "--min-time", "0.0001", "--out", path("now.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("1 thread: f32 peak "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("  forward/decode_one  "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(" of peak"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.err,
            "attention/forward/decode_one/threads=1\n"
            "attention/forward/decode_one/threads=2/real_time\n");
  EXPECT_NE(content_of(folder_ / "now.json").find("\"context\""), std::string::npos);
  // The clock's own cards are those of the file.
  const Outcome again = run({"--from", path("now.json")});
  EXPECT_EQ(again.out, outcome.out);
}

TEST_F(BenchProgram, TimesTheOpsOfADeviceAndSaysWhatAnEmulatorsTimesAreWorth) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const Outcome outcome = run({"rope", "--device", "cuda", "--repetitions", "1", "--min-time", "0",
                               "--out", path("now.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err,
            "rope/forward/decoder/exact/device=cuda/manual_time\n"
            "rope/forward/decoder/fast/device=cuda/manual_time\n");
  EXPECT_NE(outcome.out.find("device   "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("  forward/decoder/fast  "), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("its times say nothing") != std::string::npos,
            !cuda::backend(0).measures());
  EXPECT_EQ(run({"--from", path("now.json")}).out, outcome.out);
  const Outcome list = run({"--list", "--device", "cuda"});
  EXPECT_NE(list.out.find("train_step"), std::string::npos) << list.out;
  EXPECT_EQ(list.out.find("scaling"), std::string::npos) << list.out;
}

// On the emulator this is a test of the ops: exact answers have the bits of the CPU, and fast ones and
// both training steps are as near as they must be.
TEST_F(BenchProgram, FindsEveryAnswerOfADeviceRight) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  if (cuda::backend(0).measures()) GTEST_SKIP() << "./run gpu-check does it";
  const Outcome outcome = run({"--device", "cuda", "--repetitions", "1", "--min-time", "0"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find("refused"), std::string::npos) << outcome.out;
}

TEST_F(BenchProgram, RefusesAnOpThatHasNoBenchmarksAndAFolderThatIsNotThere) {
  expect_refusal({"gleu"}, 2,
                 "bench: OP: expected an op with benchmarks, got \"gleu\"; did you mean \"gelu\"? "
                 "`chainline bench --list` lists them");
  expect_refusal({"gel"}, 2,
                 "bench: OP: expected an op with benchmarks, got \"gel\"; did you mean \"gelu\"? "
                 "`chainline bench --list` lists them");
  expect_refusal({"gelu", "--out", path("nowhere/x.json")}, 3,
                 path("nowhere") + ": expected a folder for --out, got nothing");
}

#else

TEST_F(BenchProgram, SaysInASentenceThatItWasBuiltWithoutBenchmarks) {
  expect_refusal({"gelu"}, 4,
                 "bench: expected the benchmarks at " CHAINLINE_BINARY_DIR
                 "/bin/chainline_bench, "
                 "got a build without them; ./run bench makes one that has them");
}

#endif

}  // namespace
}  // namespace chainline::experiments
