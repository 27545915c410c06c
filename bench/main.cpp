// Runs the benchmarks: Google Benchmark's main with a description of the machine, since a figure
// without one says little.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "bench/harness.h"
#include "bench/machine.h"
#include "tensor/error.h"

namespace chainline::bench {
namespace {

std::string giga(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", x * 1e-9);
  return text;
}

void describe_machine() {
  benchmark::AddCustomContext("processor", processor_name());
  benchmark::AddCustomContext("instruction set", std::string(name(isa())));
  for (const int n : thread_counts()) {
    benchmark::AddCustomContext("f32 peak, " + std::to_string(n) + " threads",
                                giga(fma_peak(isa(), n)) + " GFLOP/s");
    benchmark::AddCustomContext("copy, " + std::to_string(n) + " threads",
                                giga(copy_bandwidth(n)) + " GB/s");
  }
}

}  // namespace
}  // namespace chainline::bench

int main(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    chainline::bench::Suite::register_all();
    chainline::bench::describe_machine();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return chainline::bench::any_refused() ? 3 : 0;
  } catch (const chainline::DeviceError& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 4;
  } catch (const chainline::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
