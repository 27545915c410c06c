// Runs the benchmarks: Google Benchmark's main with a description of the machine, since a figure
// without one says little. Three options of its own: --threads=N is the most threads to measure with,
// --device=cuda runs those of another device instead of the CPU's, and --progress prints a line for
// each benchmark when it is done, in place of the table.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/device.h"
#include "bench/harness.h"
#include "bench/machine.h"
#include "tensor/error.h"

namespace chainline::bench {
namespace {

std::string giga(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", x * 1e-9);
  return text;
}

/// Into the context of the results; programs read these keys (experiments/bench/results.h).
void describe_machine() {
  benchmark::AddCustomContext("processor", processor_name());
  benchmark::AddCustomContext("instruction_set", std::string(name(isa())));
  for (const int n : thread_counts()) {
    benchmark::AddCustomContext("peak_GFLOPs" + thread_suffix(n), giga(fma_peak(isa(), n)));
    benchmark::AddCustomContext("copy_GBs" + thread_suffix(n), giga(copy_bandwidth(n)));
  }
}

void describe_device() {
  const DeviceLimits& most = device_limits();
  benchmark::AddCustomContext("processor", processor_name());
  benchmark::AddCustomContext("device", backend().name());
  benchmark::AddCustomContext("device_times", backend().measures() ? "measured" : "emulated");
  benchmark::AddCustomContext("device_f32_GFLOPs", giga(most.f32_flops));
  benchmark::AddCustomContext("device_bf16_GFLOPs", giga(most.bf16_flops));
  benchmark::AddCustomContext("device_copy_GBs", giga(most.copy_bytes));
  std::string libraries;
  for (const std::string& l : backend().libraries())
    libraries += (libraries.empty() ? "" : ", ") + l;
  benchmark::AddCustomContext("device_libraries", libraries.empty() ? "none" : libraries);
}

/// One line a benchmark, as soon as it is done.
class Progress : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      std::fprintf(stderr, "%s%s%s\n", run.run_name.str().c_str(),
                   run.error_occurred ? ": refused: " : "", run.error_message.c_str());
      return;  // its repetitions follow
    }
  }
};

/// Takes an option out of the command line; its value, if it is there.
std::optional<std::string> take(int& argc, char** argv, const std::string& option) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word != option && word.rfind(option + "=", 0) != 0) continue;
    for (int k = i; k < argc; ++k) argv[k] = argv[k + 1];  // argv[argc] is null
    --argc;
    return word.size() == option.size() ? "" : word.substr(option.size() + 1);
  }
  return std::nullopt;
}

int run(int argc, char** argv) {
  if (const std::optional<std::string> text = take(argc, argv, "--threads")) {
    char* end = nullptr;
    const long n = std::strtol(text->c_str(), &end, 10);
    check<ValueError>(*end == '\0' && n >= 1 && n <= 1024, "--threads: expected 1 .. 1024, got \"",
                      *text, "\"");
    set_most_threads(static_cast<int>(n));
  }
  if (const std::optional<std::string> name = take(argc, argv, "--device")) {
    run_on(parse_device(*name));
  }
  const bool only_progress = take(argc, argv, "--progress").has_value();
  bool lists = false;  // which takes no time, and so no description of the machine
  for (int i = 1; i < argc; ++i) {
    lists |= std::string_view(argv[i]).starts_with("--benchmark_list_tests");
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (on_device()) {
    DeviceSuite::register_all();
    if (!lists) describe_device();
  } else {
    Suite::register_all();
    if (!lists) describe_machine();
  }
  Progress progress;
  benchmark::RunSpecifiedBenchmarks(only_progress ? &progress : nullptr);
  benchmark::Shutdown();
  return any_refused() ? 3 : 0;
}

}  // namespace
}  // namespace chainline::bench

int main(int argc, char** argv) {
  try {
    return chainline::bench::run(argc, argv);
  } catch (const chainline::DeviceError& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 4;
  } catch (const chainline::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
