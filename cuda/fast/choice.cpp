#include "cuda/fast/choice.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tensor/device_graph.h"
#include "tensor/error.h"

namespace chainline::cuda {
namespace {

constexpr int kRounds = 4;
/// So long must one measurement take that the clock's steps and a launch's delay don't show ...
constexpr double kMilliseconds = 0.2;
/// ... and yet end soon.
constexpr int kMostRuns = 50;

}  // namespace

std::size_t quickest(std::size_t n, const TimeRuns& milliseconds) {
  std::vector<int> runs(n, 1);
  std::vector<double> least(n, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < n; ++i) {
    milliseconds(i, 1);
    const double once = milliseconds(i, 1);
    if (once < kMilliseconds) {
      runs[i] = static_cast<int>(std::min<double>(
          kMostRuns, std::ceil(kMilliseconds / std::max(once, kMilliseconds / kMostRuns))));
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < n; ++i) {
      least[i] = std::min(least[i], milliseconds(i, runs[i]) / runs[i]);
    }
  }
  return static_cast<std::size_t>(std::min_element(least.begin(), least.end()) - least.begin());
}

std::optional<std::string> Choices::find(const std::string& op, const std::string& shape) const {
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find({op, shape});
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

void Choices::record(const KernelChoice& choice) {
  const std::scoped_lock lock(mutex_);
  names_[{choice.op, choice.shape}] = choice.kernel;
}

std::vector<KernelChoice> Choices::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<KernelChoice> choices;
  for (const auto& [key, name] : names_) choices.push_back({key.first, key.second, name});
  return choices;
}

void Choices::replace(const std::vector<KernelChoice>& choices) {
  const std::scoped_lock lock(mutex_);
  names_.clear();
  for (const KernelChoice& c : choices) names_[{c.op, c.shape}] = c.kernel;
}

Choices& Choices::of_process() {
  static Choices choices;
  return choices;
}

std::size_t choose(const std::string& op, const std::string& shape,
                   const std::vector<std::string>& names,
                   const std::function<bool(std::size_t)>& can, bool measures,
                   const TimeRuns& milliseconds, Choices& table) {
  if (const std::optional<std::string> name = table.find(op, shape)) {
    const auto at =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), *name) - names.begin());
    check<DeviceError>(at < names.size(), op, ": ", shape, ": expected the kernel ", *name,
                       " that was chosen, got a build or a machine without it");
    if (can(at)) return at;
    // It was chosen for sizes that are rounded to the same. The first that can do these is no less
    // repeatable.
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (can(i)) return i;
    }
  }
  std::vector<std::size_t> able;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (can(i)) able.push_back(i);
  }
  check<DeviceError>(!able.empty(), op, ": ", shape,
                     ": expected a kernel that can do it, got none");
  std::size_t best = 0;
  if (measures && able.size() > 1) {
    check<DeviceError>(!DeviceGraph::recording(), op, ": ", shape,
                       ": expected a kernel that was chosen before, in work that is recorded");
    best =
        quickest(able.size(), [&](std::size_t i, int runs) { return milliseconds(able[i], runs); });
  }
  table.record({op, shape, names[able[best]]});
  return able[best];
}

std::int64_t rounded_size(std::int64_t n) {
  if (n <= 64) return n;
  const int digits = std::bit_width(static_cast<std::uint64_t>(n - 1));
  const std::int64_t step = std::int64_t{1} << (digits - 4);
  return (n + step - 1) / step * step;
}

double milliseconds_of(Stream stream, const std::function<void()>& run) {
  struct Events {
    Event begin = event_create(), end = event_create();
    ~Events() {
      event_destroy(begin);
      event_destroy(end);
    }
  } const events;
  event_record(events.begin, stream);
  run();
  event_record(events.end, stream);
  event_synchronize(events.end);
  return double{event_milliseconds(events.begin, events.end)};
}

bool device_measures() {
  static const bool real = !device_properties(0).emulated;
  return real;
}

}  // namespace chainline::cuda
