#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "experiments/data/json.h"
#include "experiments/trace/difference.h"
#include "experiments/training/trace.h"

namespace chainline::experiments {

/// What a training is a function of that is not what its trace says, one sentence a key:
/// "samples_sha256 (the data with their watermarks): HEX in A, HEX in B".
std::vector<std::string> identity_differences(const Json& a, const std::string& name_a,
                                              const Json& b, const std::string& name_b);

struct Replayed {
  std::int64_t steps = 0;              ///< the first so many are identical
  std::optional<TraceLine> different;  ///< the step after them, as it was computed now
};

/// Does the first `steps` steps of a recorded training again with a fresh trainer, until one differs
/// from its record in a bit. `on_line` is told of each line.
///
/// **Errors** those of Trainer::step; Interrupted after the step in which a signal came
Replayed replay(Trainer& trainer, const Trace& trace, std::int64_t steps,
                const std::function<void(const TraceLine&)>& on_line = {});

/// "replayed 8 steps: identical", or the first step that is not, and what differs in it.
std::string describe(const Replayed& replayed, const Trace& trace);

}  // namespace chainline::experiments
