// What a training asks of the system, and who holds its memory.

#include "experiments/program/memory_report.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {
namespace {

/// A training whose every step has all 24 samples, and so the same shapes.
TrainedRun train_on_all(const std::filesystem::path& folder, const TrainingConfig& config) {
  const Dataset data = tiny_data();
  LoadedModel model = [&] {
    const MemoryScope held("parameters");
    return tiny_model(data);
  }();
  const Samples samples = tiny_samples(data, model);
  RunPlan plan;
  plan.folder = folder;
  plan.texts = model_texts(model);
  return train_run(model.model, samples, config, plan);
}

TrainingConfig all_samples() {
  TrainingConfig config = tiny_training();
  config.batch = config.micro_batch = 24;
  return config;
}

TEST(TrainingMemory, ComesFromTheSystemInTheFirstStepOnly) {
  const TemporaryFolder folder;
  for (const bool recompute : {false, true}) {
    release_cached_memory();
    TrainingConfig config = all_samples();
    config.recompute = recompute;
    const TrainedRun run = train_on_all(folder / std::to_string(recompute), config);
    EXPECT_EQ(run.steps, 8);
    EXPECT_GT(run.first_step_allocations, 0u);
    EXPECT_EQ(run.later_allocations, 0u) << "recompute " << recompute;
  }
}

TEST(TrainingMemory, IsHeldByWhatTheReportNames) {
  const TemporaryFolder folder;
  const MemoryLedger ledger;
  const TrainedRun run = train_on_all(folder / "run", all_samples());
  const MemoryPeak peak = ledger.peak();
  std::size_t sum = 0;
  std::vector<std::string> holders;
  for (const HeldMemory& held : peak.holders) {
    sum += held.bytes;
    holders.push_back(held.holder);
  }
  EXPECT_EQ(sum, peak.bytes);
  EXPECT_EQ(peak.period.rfind("step ", 0), 0u) << peak.period;
  for (const char* holder : {"parameters", "optimizer state", "linear", "attention"}) {
    EXPECT_NE(std::find(holders.begin(), holders.end(), holder), holders.end()) << holder;
  }
  const std::string report = memory_report(peak, run);
  EXPECT_EQ(report.rfind("memory peak      ", 0), 0u) << report;
  EXPECT_NE(report.find("\nholder at the peak"), std::string::npos) << report;
  EXPECT_NE(report.find("\noptimizer state "), std::string::npos) << report;
}

TEST(TrainingMemory, PeaksLowerWithBlocksRecomputed) {
  const TemporaryFolder folder;
  const auto peak = [&](bool recompute) {
    const MemoryLedger ledger;
    TrainingConfig config = all_samples();
    config.recompute = recompute;
    train_on_all(folder / std::to_string(recompute), config);
    return ledger.peak().bytes;
  };
  EXPECT_LT(peak(true), peak(false));
}

}  // namespace
}  // namespace chainline::experiments
