#include "experiments/claims/trial.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/thresholds.h"
#include "experiments/statistics/distributions.h"
#include "experiments/statistics/hierarchical.h"
#include "experiments/statistics/multiplicity.h"

namespace chainline::experiments {
namespace {

std::string plain(double value) { return fmt::format("{:g}", value); }

void place(Trial& trial, double mean, double low, double high) {
  trial.mean = mean;
  trial.low = low;
  trial.high = high;
}

Answer of_interval(double low, double high, const std::function<bool(double, double)>& inside,
                   const std::function<bool(double, double)>& outside) {
  if (!std::isfinite(low) || !std::isfinite(high)) return Answer::open;
  return inside(low, high) ? Answer::yes : outside(low, high) ? Answer::no : Answer::open;
}

bool outside(const Trial& trial, double low, double high) {
  return high < trial.from || low > trial.to;  // false where there are no limits
}

/// Student's two-sided p of the end of the claim that the mean of the runs lies beyond: it is below a
/// level exactly where the limits of that level lie outside of what is claimed.
double beyond_p(const Trial& trial, const RunMean& m) {
  const double beyond = std::max(trial.from - m.mean, m.mean - trial.to);
  if (!(beyond > 0) || !std::isfinite(m.standard_error)) return 1;
  if (m.standard_error == 0) return 0;
  return 2 * student_t_cdf(-beyond / m.standard_error, static_cast<double>(m.df));
}

/// No, if the limits at the level / trials lie outside of what is claimed.
void refute(Trial& trial, std::size_t trials) {
  const auto share = static_cast<double>(trials);
  trial.confidence = 1 - kLevel / share;
  if (trial.per_run.size() >= 2) {
    const RunMean m = run_mean_t(trial.per_run, trial.confidence);
    trial.wide_low = m.interval.low;
    trial.wide_high = m.interval.high;
    trial.p_no = std::min(1.0, share * beyond_p(trial, m));
  }
  if (outside(trial, trial.wide_low, trial.wide_high))
    trial.answer = Answer::no;
  else if (outside(trial, trial.low, trial.high))
    trial.note = fmt::format("not at the {:.3g} % that one of {} tests needs",
                             100 * trial.confidence, trials);
}

const char* word(Answer answer) {
  return answer == Answer::yes ? "yes" : answer == Answer::no ? "no" : "open";
}

}  // namespace

Trial missing_trial(const std::string& what, const std::string& needed) {
  Trial trial;
  trial.what = what;
  trial.note = fmt::format("it needs {}, not there yet", needed);
  return trial;
}

Trial above_trial(const std::string& what, const Json& row, double minimum, double p) {
  Trial trial;
  trial.what = what;
  place(trial, number_at(row, "mean"), number_at(row, "t_low"), number_at(row, "t_high"));
  trial.p = p;
  trial.runs = row.value("runs", std::int64_t{0});
  trial.users = row.value("users", std::int64_t{0});
  trial.minimum = trial.from = minimum;
  trial.to = std::numeric_limits<double>::infinity();
  if (row.contains("per_run")) trial.per_run = numbers(row["per_run"], what);
  trial.scale = 100;
  trial.threshold =
      fmt::format("at least {:+g} points, corrected p below {:g}", 100 * minimum, kLevel);
  return trial;
}

void require_runs(Trial& trial) {
  if (trial.runs >= kFewestRuns) return;
  trial.answer = Answer::open;
  trial.note = fmt::format("{} run{}, where {} are the fewest", trial.runs,
                           trial.runs == 1 ? "" : "s", kFewestRuns);
}

void correct_trials(std::vector<Trial>& trials) {
  std::vector<double> p;
  for (const Trial& trial : trials)
    if (std::isfinite(trial.p)) p.push_back(trial.p);
  const std::vector<double> corrected = holm(p);
  std::size_t next = 0;
  for (Trial& trial : trials) {
    if (std::isfinite(trial.p)) trial.p_corrected = corrected[next++];
    const bool above = std::isfinite(trial.minimum);
    if (!above && trial.per_run.empty()) continue;
    // What was decided among fewer trials no longer holds. "Between" needs no correction to say
    // yes: all trials of a claim have to.
    const bool yes = above ? trial.p_corrected < kLevel && trial.mean >= trial.minimum
                           : trial.answer == Answer::yes;
    trial.answer = yes ? Answer::yes : Answer::open;
    trial.note.clear();
    if (!yes) refute(trial, trials.size());
    require_runs(trial);
  }
}

Trial between_trial(const std::string& what, double mean, double low, double high, double from,
                    double to) {
  Trial trial;
  trial.what = what;
  place(trial, mean, low, high);
  trial.from = from;
  trial.to = to;
  trial.threshold = fmt::format("between {} and {}", plain(from), plain(to));
  trial.answer = of_interval(
      low, high, [&](double l, double h) { return l > from && h < to; },
      [&](double l, double h) { return h < from || l > to; });
  return trial;
}

Trial below_trial(const std::string& what, double mean, double low, double high, double limit) {
  Trial trial;
  trial.what = what;
  place(trial, mean, low, high);
  trial.from = -std::numeric_limits<double>::infinity();
  trial.to = limit;
  trial.threshold = fmt::format("below {}", plain(limit));
  trial.answer = of_interval(
      low, high, [&](double, double h) { return h < limit; },
      [&](double l, double) { return l >= limit; });
  return trial;
}

Trial beyond_trial(const std::string& what, double mean, double low, double high, double limit) {
  Trial trial;
  trial.what = what;
  place(trial, mean, low, high);
  trial.from = limit;
  trial.to = std::numeric_limits<double>::infinity();
  trial.threshold = fmt::format("above {}", plain(limit));
  trial.answer = of_interval(
      low, high, [&](double l, double) { return l > limit; },
      [&](double, double h) { return h <= limit; });
  return trial;
}

Json to_json(const Trial& trial) {
  return {{"what", trial.what},
          {"answer", word(trial.answer)},
          {"mean", number(trial.mean)},
          {"low", number(trial.low)},
          {"high", number(trial.high)},
          {"wide",
           {{"low", number(trial.wide_low)},
            {"high", number(trial.wide_high)},
            {"confidence", number(trial.confidence)}}},
          {"p_no", number(trial.p_no)},
          {"p", number(trial.p)},
          {"p_corrected", number(trial.p_corrected)},
          {"scale", trial.scale},
          {"runs", trial.runs},
          {"users", trial.users},
          {"threshold", trial.threshold},
          {"note", trial.note}};
}

std::string sentence(const Trial& trial) {
  std::string text = trial.what;
  const auto value = [&](double v) {
    return trial.scale == 1 ? fmt::format("{:.3g}", v) : fmt::format("{:+.1f}", trial.scale * v);
  };
  if (std::isfinite(trial.mean)) text += fmt::format(" {}", value(trial.mean));
  if (trial.scale == 100 && std::isfinite(trial.mean)) text += " points";
  std::string inside;
  if (std::isfinite(trial.low))
    inside = fmt::format("interval {} to {}", value(trial.low), value(trial.high));
  if (std::isfinite(trial.p_corrected))
    inside += fmt::format("{}corrected p {:.2g}", inside.empty() ? "" : ", ", trial.p_corrected);
  if (!trial.note.empty()) inside += (inside.empty() ? "" : ", ") + trial.note;
  if (!inside.empty()) text += fmt::format(" ({})", inside);
  return text;
}

const Json* find_row(const Json& rows, const Json& wanted) {
  if (!rows.is_array()) return nullptr;
  for (const Json& row : rows) {
    bool all = row.is_object();
    for (const auto& item : wanted.items())
      all = all && row.contains(item.key()) && row[item.key()] == item.value();
    if (all) return &row;
  }
  return nullptr;
}

const Json* find_path(const Json& json, const std::vector<std::string>& keys) {
  const Json* at = &json;
  for (const std::string& key : keys) {
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
  }
  return at->is_null() ? nullptr : at;
}

}  // namespace chainline::experiments
