#include "experiments/bench/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/bench/cards.h"
#include "experiments/program/text_table.h"
#include "experiments/statistics/multiplicity.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::string name_of(const Timing& t) { return t.call + ", " + threads_text(t.threads); }

bool is_ours(const Timing& t) { return t.contender.empty() && !t.seconds.empty(); }

std::string verdict(const ComparedCall& c) {
  if (!c.different()) return "no difference found";
  return c.test.ratio < 1 ? "faster" : "slower";
}

std::string p_text(double p) {
  return p < 0.001 ? fmt::format("{:.0e}", p) : fmt::format("{:.3f}", p);
}

std::string interval_text(const Interval& interval) {
  if (!std::isfinite(interval.high)) return "-";
  return fmt::format("{:.3f} .. {:.3f}", interval.low, interval.high);
}

/// "f32 peak of 1 thread 117.0 GFLOP/s, now 115.2 (0.985)" for every limit that both runs measured.
void add_limits(const std::map<int, double>& before, const std::map<int, double>& after,
                const std::string& what, const std::string& unit, std::string& text) {
  for (const auto& [threads, was] : before) {
    const auto is = after.find(threads);
    if (is != after.end())
      text += fmt::format("  {} of {}: {:.1f} {}, now {:.1f} ({:.3f})\n", what,
                          threads_text(threads), was, unit, is->second, is->second / was);
  }
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += "  " + name + "\n";
  return text;
}

}  // namespace

BenchComparison compare_results(const BenchResults& before, const BenchResults& after,
                                const std::string& before_name) {
  BenchComparison comparison;
  std::map<std::string, const Timing*> old;
  for (const Timing& t : before.timings) {
    if (is_ours(t)) old[t.key()] = &t;
  }
  std::vector<double> p;
  for (const Timing& t : after.timings) {
    if (!is_ours(t)) continue;
    const auto found = old.find(t.key());
    if (found == old.end()) {
      comparison.only_after.push_back(name_of(t));
      continue;
    }
    const RankTest test = compare_times(found->second->seconds, t.seconds, kComparisonLevel);
    comparison.calls.push_back({*found->second, t, test, 1});
    p.push_back(test.p);
    old.erase(found);
  }
  check<FileError>(!comparison.calls.empty(), before_name,
                   ": expected a benchmark that is in this run too, found none");
  for (const Timing& t : before.timings) {
    if (is_ours(t) && old.count(t.key()) != 0) comparison.only_before.push_back(name_of(t));
  }
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < corrected.size(); ++i) comparison.calls[i].p = corrected[i];
  return comparison;
}

std::string comparison_text(const BenchComparison& comparison, const BenchResults& before,
                            const BenchResults& after, const std::string& before_name) {
  std::string text = fmt::format("comparison with {}{}\n", before_name,
                                 before.date.empty() ? "" : " of " + before.date);
  add_limits(before.peak, after.peak, "f32 peak", "GFLOP/s", text);
  add_limits(before.copy, after.copy, "copy", "GB/s", text);
  if (before.processor != after.processor || before.instruction_set != after.instruction_set) {
    text += fmt::format("  another machine: {} {}, now {} {}\n", before.processor,
                        before.instruction_set, after.processor, after.instruction_set);
  }
  std::vector<std::vector<std::string>> rows;
  std::size_t faster = 0, slower = 0, most = 0;
  double smallest = 1;  // p that the fewest repetitions can have
  for (const ComparedCall& c : comparison.calls) {
    rows.push_back({c.after.call, std::to_string(c.after.threads),
                    time_text(median(c.before.seconds)), time_text(median(c.after.seconds)),
                    fmt::format("{:.3f}", c.test.ratio), interval_text(c.test.interval),
                    p_text(c.p), verdict(c)});
    (c.test.ratio < 1 ? faster : slower) += c.different();
    const double p = smallest_p(c.before.seconds.size(), c.after.seconds.size());
    smallest = std::min(smallest, p);
    most = std::max({most, c.before.seconds.size(), c.after.seconds.size()});
  }
  text += "\n";
  text += text_table({{"call"},
                      {"threads", true},
                      {"before", true},
                      {"now", true},
                      {"ratio", true},
                      {"99 % interval", true},
                      {"p", true},
                      {"verdict"}},
                     rows);
  const std::size_t n = comparison.calls.size();
  text += fmt::format(
      "\n{} compared: {} faster, {} slower, {} without a difference found\n"
      "p       of the Mann-Whitney U test on the repetitions, two-sided, with Holm's correction "
      "for\n"
      "        {} comparisons; below {} the times are called different\n"
      "ratio   Hodges-Lehmann: the median over all pairs of repetitions, one of each run\n",
      n, faster, slower, n - faster - slower, n, kComparisonLevel);
  if (smallest * static_cast<double>(n) >= kComparisonLevel) {
    text += fmt::format("with {} repetitions p cannot fall below the threshold; take more\n", most);
  }
  if (!comparison.only_before.empty())
    text += "only in " + before_name + ":\n" + list_of(comparison.only_before);
  if (!comparison.only_after.empty())
    text += "only in this run:\n" + list_of(comparison.only_after);
  return text;
}

}  // namespace chainline::experiments
