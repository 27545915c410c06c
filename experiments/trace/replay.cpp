#include "experiments/trace/replay.h"

#include <fmt/core.h>

#include <chrono>

#include "experiments/training/interrupt.h"
#include "experiments/training/progress.h"
#include "experiments/training/run.h"

namespace chainline::experiments {

std::vector<std::string> identity_differences(const Json& a, const std::string& name_a,
                                              const Json& b, const std::string& name_b) {
  const auto value = [](const Json& object, const std::string& key) {
    return object.contains(key) ? excerpt(object[key]) : std::string("nothing");
  };
  Json keys = a;
  keys.update(b);
  std::vector<std::string> list;
  for (const auto& item : keys.items()) {
    const std::string& key = item.key();
    if (a.contains(key) && b.contains(key) && a[key] == b[key]) continue;
    list.push_back(key + identity_in_words(key) + ": " + value(a, key) + " in " + name_a + ", " +
                   value(b, key) + " in " + name_b);
  }
  return list;
}

Replayed replay(Trainer& trainer, const Trace& trace, std::int64_t steps,
                const std::function<void(const TraceLine&)>& on_line) {
  using Clock = std::chrono::steady_clock;
  const InterruptNote interrupt;
  trainer.keep_gradients();
  Progress progress("replay", 0, steps);
  Replayed result;
  while (result.steps < steps) {
    const Clock::time_point start = Clock::now();
    const StepRecord record = trainer.step();
    const TraceLine line = trace_line(trainer, record);
    if (on_line) on_line(line);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    progress.update(record.step, record.loss,
                    static_cast<double>(record.samples) / std::max(seconds, 1e-9));
    if (difference(trace.lines[static_cast<std::size_t>(result.steps)], line).any()) {
      result.different = line;
      return result;
    }
    ++result.steps;
    if (interrupt.requested() && result.steps < steps) {
      throw Interrupted(fmt::format("replay: stopped after step {} of {}, identical so far",
                                    result.steps, steps));
    }
  }
  return result;
}

std::string describe(const Replayed& replayed, const Trace& trace) {
  if (!replayed.different) return fmt::format("replayed {} steps: identical\n", replayed.steps);
  const TraceLine& now = *replayed.different;
  const TraceLine& then = trace.lines[static_cast<std::size_t>(replayed.steps)];
  return fmt::format("replayed {} steps: step {} differs\n{}", now.step, now.step,
                     describe(difference(then, now), then, "the trace", now, "the replay",
                              trace.header.parameters));
}

}  // namespace chainline::experiments
