#include "experiments/bench/results.h"

#include <fstream>

#include "tensor/error.h"
#include "tests/support.h"
#include "tests/tensor/folder.h"

namespace chainline::experiments {
namespace {

using test::message_of;

class Results : public testing::Test {
 protected:
  BenchResults read(const std::string& text) const {
    std::ofstream(path(), std::ios::binary) << text;
    return read_bench_results(path());
  }
  /// The sentence that refuses the text, without the file's name before it.
  std::string refusal(const std::string& text) const {
    const std::string sentence = message_of<FileError>([&] { read(text); });
    const std::string start = path() + ": ";
    return sentence.starts_with(start) ? sentence.substr(start.size()) : sentence;
  }
  std::string path() const { return (folder_ / "results.json").string(); }

 private:
  test::Folder folder_;
};

/// A file with these benchmarks.
std::string file_of(const std::string& benchmarks) {
  return R"({"context": {"date": "today", "processor": "abacus", "instruction_set": "beads",
    "load_avg": [0.5, 1, 2], "peak_GFLOPs/threads=1": "100.5", "peak_GFLOPs/threads=2": "200",
    "copy_GBs/threads=1": "10"}, "benchmarks": [)" +
         benchmarks + "]}";
}

TEST_F(Results, AreTheRepetitionsOfEachCallWithTheMediansOfTheirCounters) {
  const BenchResults results = read(file_of(R"(
    {"name": "gelu/forward/vit/threads=1", "run_type": "iteration", "real_time": 9, "cpu_time": 3,
     "time_unit": "us", "label": "2 x 3", "GB/s": 1.0, "iterations": 7},
    {"name": "gelu/forward/vit/threads=1", "run_type": "iteration", "real_time": 9, "cpu_time": 5,
     "time_unit": "us", "label": "2 x 3", "GB/s": 4.0, "iterations": 7},
    {"name": "gelu/forward/vit/threads=1_mean", "run_type": "aggregate", "real_time": 9,
     "cpu_time": 4, "time_unit": "us"},
    {"name": "gelu/forward/vit/threads=2/real_time", "run_type": "iteration", "real_time": 2,
     "cpu_time": 1, "time_unit": "ms"})"));
  EXPECT_EQ(results.processor, "abacus");
  EXPECT_EQ(results.load, 0.5);
  EXPECT_EQ(results.peak, (std::map<int, double>{{1, 100.5}, {2, 200.0}}));
  EXPECT_EQ(results.copy, (std::map<int, double>{{1, 10.0}}));
  ASSERT_EQ(results.timings.size(), 2u);
  const Timing& one = results.timings[0];
  EXPECT_EQ(one.call, "gelu/forward/vit");
  EXPECT_EQ(one.op(), "gelu");
  EXPECT_EQ(one.shape, "2 x 3");
  EXPECT_EQ(one.seconds, (std::vector<double>{3 * 1e-6, 5 * 1e-6}));  // of the processor
  EXPECT_EQ(one.counters, (std::map<std::string, double>{{"GB/s", 2.5}}));
  const Timing& two = results.timings[1];
  EXPECT_EQ(two.call, one.call);
  EXPECT_EQ(two.threads, 2);
  EXPECT_EQ(two.seconds, (std::vector<double>{2 * 1e-3}));  // of the wall
}

TEST_F(Results, TakeTheNameBeforeTheThreadsForAContenderWhereTheContestIsCounted) {
  const BenchResults results = read(file_of(R"(
    {"name": "matmul/nt/vit/eigen/threads=1/manual_time", "real_time": 8, "cpu_time": 3,
     "time_unit": "ns", "vs": 1.5})"));
  ASSERT_EQ(results.timings.size(), 1u);
  EXPECT_EQ(results.timings[0].call, "matmul/nt/vit");
  EXPECT_EQ(results.timings[0].contender, "eigen");
  EXPECT_EQ(results.timings[0].seconds, (std::vector<double>{8 * 1e-9}));
}

TEST_F(Results, OfAnotherDeviceHaveNoThreadsAndItsLimits) {
  const BenchResults results = read(R"({"context": {"device": "loom", "device_times": "emulated",
    "device_f32_GFLOPs": "60000", "device_bf16_GFLOPs": "900000.5", "device_copy_GBs": "3000",
    "device_libraries": "cuBLASLt 13.1.0"}, "benchmarks": [
    {"name": "linear/forward/vit/fast/device=cuda/manual_time", "real_time": 8, "cpu_time": 3,
     "time_unit": "us", "of_peak": 0.5},
    {"name": "linear/forward/vit/fast/cublaslt/device=cuda/manual_time", "real_time": 6,
     "cpu_time": 3, "time_unit": "us", "vs": 0.75}]})");
  EXPECT_EQ(results.device, "loom");
  EXPECT_TRUE(results.emulated);
  EXPECT_EQ(results.bf16_peak, 900000.5);
  EXPECT_EQ(results.libraries, "cuBLASLt 13.1.0");
  ASSERT_EQ(results.timings.size(), 2u);
  EXPECT_EQ(results.timings[0].call, "linear/forward/vit/fast");
  EXPECT_EQ(results.timings[0].contender, "");
  EXPECT_EQ(results.timings[0].threads, 0);
  EXPECT_EQ(results.timings[0].seconds, (std::vector<double>{8 * 1e-6}));
  EXPECT_EQ(results.timings[1].call, "linear/forward/vit/fast");
  EXPECT_EQ(results.timings[1].contender, "cublaslt");
  EXPECT_EQ(refusal(R"({"context": {"device": "loom", "device_copy_GBs": "fast"},
    "benchmarks": []})"),
            "context: device_copy_GBs: expected a number, got \"fast\"");
}

TEST_F(Results, HaveNoTimeForAnAnswerThatWasRefused) {
  const BenchResults results = read(file_of(R"(
    {"name": "gelu/forward/vit/threads=1", "error_occurred": true, "error_message": "wrong bits",
     "real_time": 0, "cpu_time": 0, "time_unit": "ns"})"));
  ASSERT_EQ(results.timings.size(), 1u);
  EXPECT_EQ(results.timings[0].refused, "wrong bits");
  EXPECT_TRUE(results.timings[0].seconds.empty());
}

TEST_F(Results, AreReadFromOtherProgramsOfGoogleBenchmarkToo) {
  const BenchResults results = read(R"({"context": {"host_name": "x"}, "benchmarks": [
    {"name": "BM_Sort/1024/iterations:3/threads:4", "real_time": 8, "cpu_time": 3,
     "time_unit": "s"}]})");
  ASSERT_EQ(results.timings.size(), 1u);
  EXPECT_EQ(results.timings[0].call, "BM_Sort/1024");
  EXPECT_EQ(results.timings[0].threads, 4);
  EXPECT_TRUE(results.peak.empty());
}

TEST_F(Results, RefuseWhatGoogleBenchmarkDoesNotWrite) {
  const std::string head = R"({"name": "a", )", time = R"("cpu_time": 1, "time_unit": "ns"})";
  EXPECT_EQ(refusal("{"),
            "byte 1: syntax error while parsing object key - unexpected end of "
            "input; expected string literal");
  EXPECT_EQ(refusal(R"({"loss": 1})"),
            "expected the results of benchmarks (an object with context and benchmarks), got "
            "{\"loss\":1}");
  EXPECT_EQ(refusal(file_of("3")), "benchmarks[0]: expected an object, got number");
  EXPECT_EQ(refusal(file_of("{}")), "benchmarks[0]: missing key \"name\"");
  EXPECT_EQ(refusal(file_of(head + R"("cpu_time": "1", "time_unit": "ns"})")),
            "benchmarks[0]: cpu_time: expected a number, got \"1\"");
  EXPECT_EQ(refusal(file_of(head + R"("cpu_time": 0, "time_unit": "ns"})")),
            "benchmarks[0]: cpu_time: expected a positive time, got 0");
  EXPECT_EQ(refusal(file_of(head + R"("cpu_time": 1, "time_unit": "min"})")),
            "benchmarks[0]: time_unit: expected ns, us, ms or s, got \"min\"");
  EXPECT_EQ(refusal(file_of(R"({"name": "a/threads=x", )" + time)),
            "benchmarks[0]: name: expected a number of threads, got \"x\"");
  EXPECT_EQ(refusal(file_of(R"({"name": "a_mean", "run_type": "aggregate"})")),
            "expected repetitions, got aggregates only");
  EXPECT_EQ(refusal(R"({"context": {"peak_GFLOPs/threads=1": "fast"}, "benchmarks": []})"),
            "context: peak_GFLOPs/threads=1: expected a positive number, got \"fast\"");
}

}  // namespace
}  // namespace chainline::experiments
