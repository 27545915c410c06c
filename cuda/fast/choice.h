#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cuda/runtime.h"
#include "tensor/backend.h"

/// Which of several ways computes a call of the fast class. They differ in the order of their sums,
/// so a choice decides bits: it is made once for a shape, by measured time, and kept in a table that
/// can be written down and given to another run (docs/numerics.md, "Classes").
namespace chainline::cuda {

/// The milliseconds that contender number i takes for so many runs, one after the other.
using TimeRuns = std::function<double(std::size_t i, int runs)>;

/// Which of n contenders is the quickest. Each runs once before it is measured, for what it sets up
/// at first; then they take turns, so that what disturbs the machine disturbs all of them, and the
/// least time of each counts. The earlier of two that are equally quick.
std::size_t quickest(std::size_t n, const TimeRuns& milliseconds);

/// The choices of the process, safe to use from any thread.
class Choices {
 public:
  std::optional<std::string> find(const std::string& op, const std::string& shape) const;
  void record(const KernelChoice& choice);
  /// By op and shape.
  std::vector<KernelChoice> all() const;
  /// These, and no others.
  void replace(const std::vector<KernelChoice>& choices);

  static Choices& of_process();

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> names_;
};

/// The contender for a call: the one that the table has for the op and the shape, else the quickest
/// of those that `can`, which the table has from then on. With one alone, and on the emulated
/// device, whose times mean nothing, the first that can is taken unmeasured. Returns an index.
///
/// A kernel that was chosen and can't do this one of the sizes that are rounded to the same gives way
/// to the first that can.
///
/// Errors   DeviceError when none can, the table names one that is not there, or times would be taken
///          of work that is recorded
std::size_t choose(const std::string& op, const std::string& shape,
                   const std::vector<std::string>& names,
                   const std::function<bool(std::size_t)>& can, bool measures,
                   const TimeRuns& milliseconds, Choices& table);

/// A size as choices name it: what is above 64 is rounded up to three binary digits behind the first,
/// 65 .. 72 to 72, 2049 .. 2304 to 2304. Batches of many lengths then need few choices.
std::int64_t rounded_size(std::int64_t n);

/// Milliseconds between two events around the work that `run` gives the stream.
double milliseconds_of(Stream stream, const std::function<void()>& run);

/// Whether times of this device mean something.
bool device_measures();

/// Runs the problem by its contender, one of a list of { name, can(problem), run(problem, stream) }.
/// `rehearsal()` is the same problem with outputs that may be written again and again: the problem
/// itself, where it adds to nothing. It is asked for only when times are taken, which can't be while
/// the stream's work is captured: a step that is to be captured must have run once before.
template <class Contender, class Problem, class Rehearsal>
void run_chosen(const std::string& op, const std::string& shape,
                std::span<const Contender> contenders, const Problem& problem, Stream stream,
                const Rehearsal& rehearsal) {
  // What was chosen before is found without much ado; choose() does the rest, and the refusals.
  if (const std::optional<std::string> known = Choices::of_process().find(op, shape)) {
    for (const Contender& c : contenders) {
      if (*known == c.name && c.can(problem)) return c.run(problem, stream);
    }
  }
  std::vector<std::string> names;
  for (const Contender& c : contenders) names.emplace_back(c.name);
  std::optional<Problem> trial;
  const std::size_t chosen = choose(
      op, shape, names, [&](std::size_t i) { return contenders[i].can(problem); },
      device_measures(),
      [&](std::size_t i, int runs) {
        if (!trial) trial = rehearsal();
        return milliseconds_of(stream, [&] {
          for (int r = 0; r < runs; ++r) contenders[i].run(*trial, stream);
        });
      },
      Choices::of_process());
  contenders[chosen].run(problem, stream);
}

}  // namespace chainline::cuda
