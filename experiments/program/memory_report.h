#pragma once

#include <string>

#include "experiments/training/run.h"
#include "tensor/memory_ledger.h"

namespace chainline::experiments {

/// What `chainline train --memory` prints: the peak and who held it, and how often the steps asked
/// the system for memory.
std::string memory_report(const MemoryPeak& peak, const TrainedRun& run);

}  // namespace chainline::experiments
