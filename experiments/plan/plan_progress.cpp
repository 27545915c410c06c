#include "experiments/plan/plan_progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/training/terminal.h"

namespace chainline::experiments {

PlanProgress progress_of(const Plan& plan, const std::vector<bool>& done,
                         const std::vector<RunningShare>& running,
                         const std::vector<RunningShare>& here) {
  PlanProgress p;
  p.jobs = plan.size();
  std::vector<double> left(plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const double weight = plan.job(i).weight;
    p.weight += weight;
    p.done += done[i];
    p.weight_done += done[i] ? weight : 0;
    left[i] = done[i] ? 0 : weight;
  }
  for (const RunningShare& r : running) {
    const double weight = plan.job(r.job).weight;
    p.weight_done += r.now * weight;
    p.weight_here += (r.now - r.from) * weight;
    left[r.job] -= r.now * weight;
  }
  for (const RunningShare& r : here) p.weight_here += (1 - r.from) * plan.job(r.job).weight;
  for (auto at = plan.order().rbegin(); at != plan.order().rend(); ++at) {
    double after = 0;  // the longest chain of those that wait for this one
    for (const std::size_t other : plan.needed_by(*at)) after = std::max(after, left[other]);
    left[*at] += after;
    p.longest = std::max(p.longest, left[*at]);
  }
  return p;
}

double share_done(const PlanProgress& p) {
  if (p.done == p.jobs) return 1;
  return std::min(p.weight_done / p.weight, 1.0);
}

double seconds_left(const PlanProgress& p) {
  if (p.done == p.jobs) return 0;
  const double round = p.weight / static_cast<double>(p.jobs);
  const double speed = (p.weight_here + p.parallel * round) / (p.seconds + round);
  return std::max(p.weight - p.weight_done, p.longest * p.parallel) / speed;
}

std::string plan_line(const std::string& title, const PlanProgress& p,
                      const std::vector<std::string>& names, std::int64_t columns) {
  constexpr std::int64_t kShortestNames = 8;
  const double share = share_done(p);
  const std::string text =
      fmt::format("{:3.0f} %  {}/{} jobs  {}  {} left", std::floor(100 * share), p.done, p.jobs,
                  duration_text(p.seconds), duration_text(seconds_left(p)));
  // An eighth of the line is bar, so that there is room for names.
  std::string line =
      line_with_bar(title, share, text, columns, std::max<std::int64_t>(columns / 8, 8));
  std::string list = "  " + list_words(names);
  if (names.empty()) return line;
  if (columns != 0) {
    const std::int64_t room = columns - static_cast<std::int64_t>(line.size());
    if (room < kShortestNames) return line;
    if (static_cast<std::int64_t>(list.size()) > room) {
      list = list.substr(0, static_cast<std::size_t>(room - 3)) + "...";
    }
  }
  return line + list;
}

}  // namespace chainline::experiments
