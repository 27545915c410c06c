#include "experiments/program/memory_report.h"

#include <fmt/core.h>

#include "experiments/program/text_table.h"

namespace chainline::experiments {

std::string memory_report(const MemoryPeak& peak, const TrainedRun& run) {
  const auto mib = [](std::size_t bytes) {
    return fmt::format("{:.2f}", static_cast<double>(bytes) / (1 << 20));
  };
  std::string text = fmt::format("memory peak      {} MiB, at {}: {}{}\n", mib(peak.bytes),
                                 peak.period.empty() ? "the start" : peak.period, peak.op,
                                 peak.module.empty() ? "" : " in " + peak.module);
  text += fmt::format("from the system  {} blocks in the first step, {} in the {} after it\n\n",
                      run.first_step_allocations, run.later_allocations,
                      run.steps - run.resumed_from > 0 ? run.steps - run.resumed_from - 1 : 0);
  std::vector<std::vector<std::string>> rows;
  for (const HeldMemory& held : peak.holders) {
    const double share = static_cast<double>(held.bytes) / static_cast<double>(peak.bytes);
    rows.push_back({held.holder, std::to_string(held.bytes), mib(held.bytes),
                    fmt::format("{:.1f} %", 100 * share)});
  }
  return text +
         text_table({{"holder at the peak"}, {"bytes", true}, {"MiB", true}, {"share", true}},
                    rows);
}

}  // namespace chainline::experiments
