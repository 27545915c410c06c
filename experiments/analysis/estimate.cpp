#include "experiments/analysis/estimate.h"

#include <cmath>

#include "experiments/statistics/distributions.h"
#include "experiments/statistics/hierarchical.h"
#include "experiments/statistics/multiplicity.h"
#include "experiments/statistics/randomisation.h"
#include "tensor/error.h"

namespace chainline::experiments {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double number_at(const Json& object, const std::string& key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number() ? found->get<double>()
                                                     : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> numbers(const Json& list, const std::string& where) {
  check<FileError>(list.is_array(), where, ": expected a list of numbers, got ", list.type_name());
  std::vector<double> values;
  values.reserve(list.size());
  for (const Json& item : list) {
    check<FileError>(item.is_number() || item.is_null() || item.is_boolean(), where,
                     ": expected numbers, got ", excerpt(item));
    values.push_back(item.is_number()    ? item.get<double>()
                     : item.is_boolean() ? (item.get<bool>() ? 1 : 0)
                                         : std::numeric_limits<double>::quiet_NaN());
  }
  return values;
}

Json estimate(double mean, const std::optional<Interval>& interval, const Sources& sources) {
  return {{"mean", number(mean)},
          {"low", interval ? number(interval->low) : Json(nullptr)},
          {"high", interval ? number(interval->high) : Json(nullptr)},
          {"runs", sources.seeds.size()},
          {"users", sources.users},
          {"seeds", sources.seeds}};
}

Generator stream(const AnalysisOptions& options, const std::string& what) {
  return Generator(options.seed, "analysis: " + what);
}

void add_student(Json& into, std::span<const double> per_run, double confidence, const char* low,
                 const char* high) {
  into[low] = into[high] = nullptr;
  if (per_run.size() < 2) return;
  const Interval interval = run_mean_t(per_run, confidence).interval;
  into[low] = number(interval.low);
  into[high] = number(interval.high);
}

Json student_p(std::span<const double> per_run) {
  if (per_run.size() < 2) return nullptr;
  const RunMean m = run_mean_t(per_run);
  if (!(m.standard_error > 0)) return nullptr;
  return student_t_cdf(-m.mean / m.standard_error, static_cast<double>(m.df));
}

Json run_estimate(std::span<const double> per_run, const std::vector<std::vector<double>>& controls,
                  const std::optional<Interval>& interval, const Sources& sources,
                  const AnalysisOptions& options, const std::string& what) {
  Json t = estimate(mean(per_run), interval, sources);
  add_student(t, per_run, options.confidence);
  t["per_run"] = std::vector<double>(per_run.begin(), per_run.end());
  t["p_t"] = student_p(per_run);
  t["p_sign_flip"] =
      sign_flip_test(per_run, options.draws, stream(options, what + " signs")).greater;
  t["p_control"] = nullptr;
  if (!controls.empty())
    t["p_control"] =
        combined_control_test(per_run, controls, options.draws, stream(options, what + " controls"))
            .greater;
  return t;
}

void add_holm(const std::vector<Json*>& objects, const char* p, const char* corrected) {
  std::vector<double> values;
  for (const Json* object : objects)
    if (object->at(p).is_number()) values.push_back(object->at(p));
  const std::vector<double> holms = holm(values);
  std::size_t next = 0;
  for (Json* object : objects)
    (*object)[corrected] = object->at(p).is_number() ? Json(holms[next++]) : Json(nullptr);
}

}  // namespace chainline::experiments
