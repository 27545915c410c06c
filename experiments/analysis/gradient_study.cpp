#include "experiments/analysis/gradient_study.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "experiments/analysis/estimate.h"
#include "experiments/analysis/gradient_jobs.h"
#include "experiments/analysis/gradient_shares.h"
#include "experiments/statistics/hierarchical.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr const char* kOrder[] = {"W100",          "W50", "P-noise",     "P-const", "IMG",
                                  "IMG-published", "TXT", "other batch", "order",   "rerun"};

double mean_of(const Batches& batches) {
  double sum = 0;
  std::int64_t n = 0;
  for (const std::vector<double>& run : batches)
    for (const double value : run)
      if (std::isfinite(value)) sum += value, ++n;
  return n > 0 ? sum / static_cast<double>(n) : std::nan("");
}

/// One number of each run that has it, with Student's limits.
void add_runs(Json& e, const std::vector<double>& of_runs, double confidence) {
  std::vector<double> per_run;
  for (const double value : of_runs)
    if (std::isfinite(value)) per_run.push_back(value);
  add_student(e, per_run, confidence);
  e["per_run"] = per_run;
}

/// A number made of the means of some measurements, for each run alone.
std::vector<double> by_run(const std::vector<const Batches*>& of,
                           const std::function<double(const std::vector<double>&)>& statistic) {
  std::vector<double> values;
  for (std::size_t r = 0; r < of[0]->size(); ++r) {
    std::vector<double> means;
    for (const Batches* batches : of) means.push_back(mean_of({(*batches)[r]}));
    values.push_back(statistic(means));
  }
  return values;
}

/// Draws runs and, inside each, its batches: pairs of places. Equal shapes draw alike, so that
/// comparisons of the same batches stay paired.
class Resampling {
 public:
  Resampling(const Batches& shape, std::int64_t replicates, const Generator& generator) {
    std::size_t batches = 0;
    for (const std::vector<double>& run : shape) batches = std::max(batches, run.size());
    possible_ = shape.size() > 1 || batches > 1;
    if (!possible_) return;
    for (std::int64_t i = 0; i < replicates; ++i) {
      RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
      std::vector<std::pair<std::uint32_t, std::uint32_t>> drawn;
      for (std::size_t r = 0; r < shape.size(); ++r) {
        const std::size_t run = shape.size() == 1 ? 0 : random.below(shape.size());
        for (std::size_t b = 0; b < shape[run].size(); ++b)
          drawn.emplace_back(run, random.below(shape[run].size()));
      }
      draws_.push_back(std::move(drawn));
    }
  }

  /// The limits of a statistic of means of drawn batches, one mean for each of `of`; nullopt where
  /// there is one value alone.
  std::optional<Interval> interval(
      const std::vector<const Batches*>& of, double confidence,
      const std::function<double(const std::vector<double>&)>& statistic) const {
    if (!possible_) return std::nullopt;
    std::vector<double> replicates;
    std::vector<double> means(of.size());
    for (const auto& drawn : draws_) {
      for (std::size_t k = 0; k < of.size(); ++k) {
        double sum = 0;
        std::int64_t n = 0;
        for (const auto& [run, batch] : drawn) {
          const double value = (*of[k])[run][batch];
          if (std::isfinite(value)) sum += value, ++n;
        }
        means[k] = n > 0 ? sum / static_cast<double>(n) : std::nan("");
      }
      const double value = statistic(means);
      if (std::isfinite(value)) replicates.push_back(value);
    }
    if (replicates.size() < 2) return std::nullopt;
    return percentile_interval(replicates, confidence);
  }

 private:
  bool possible_ = false;
  std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>> draws_;
};

bool same_shape(const Batches& a, const Batches& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t r = 0; r < a.size(); ++r)
    if (a[r].size() != b[r].size()) return false;
  return true;
}

std::string draw_name(const GradientJobs& study, std::size_t size) {
  return "gradients " + study.at + " " +
         std::to_string(static_cast<std::int64_t>(study.sizes[size]));
}

/// The moments of a comparison and group, the mean over runs; null without.
Json moments_of(const GradientJobs& study, const std::string& comparison,
                const std::string& group) {
  const char* const names[] = {"G2", "GD", "D2", "S", "Sd", "X", "n"};
  Json sums = Json::object();
  std::int64_t runs = 0;
  for (const Json* job : study.jobs) {
    const Json& m = study.moments(*job, comparison, group);
    if (!m.is_object()) continue;
    for (const char* name : names) sums[name] = sums.value(name, 0.0) + number_at(m, name);
    ++runs;
  }
  if (runs == 0) return nullptr;
  for (const char* name : names)
    sums[name] = number(sums[name].get<double>() / static_cast<double>(runs));
  return sums;
}

Json predicted_of(const Json& moments, const std::vector<double>& sizes) {
  if (!moments.is_object()) return nullptr;
  const CosineMoments m = cosine_moments_of(moments);
  Json list = Json::array();
  for (const double b : sizes) list.push_back(number(predicted_cosine(m, b)));
  return list;
}

Json rows_of(const GradientJobs& study, const AnalysisOptions& options) {
  Json rows = Json::array();
  for (const char* comparison : kOrder) {
    if (!study.has(comparison)) continue;
    for (std::size_t g = 0; g < study.groups.size(); ++g) {
      Json cosine = Json::array(), ratio = Json::array(), change = Json::array();
      for (std::size_t s = 0; s < study.sizes.size(); ++s) {
        const Batches values = study.batches(comparison, "cosine", g, s);
        const Batches changes = study.changes(comparison, g, s);
        // Limits of each group would be most of the work and nothing is decided by them.
        const std::int64_t replicates = g == 0 ? options.replicates : options.replicates / 5 + 2;
        const Resampling resampling(values, replicates, stream(options, draw_name(study, s)));
        const auto first = [](const std::vector<double>& m) { return m[0]; };
        cosine.push_back(estimate(mean_of(values),
                                  resampling.interval({&values}, options.confidence, first),
                                  study.sources));
        add_runs(cosine.back(), by_run({&values}, first), options.confidence);
        change.push_back(estimate(mean_of(changes),
                                  resampling.interval({&changes}, options.confidence, first),
                                  study.sources));
        ratio.push_back(number(mean_of(study.batches(comparison, "norm_ratio", g, s))));
      }
      const Json moments = moments_of(study, comparison, study.groups[g]);
      rows.push_back({{"at", study.at},
                      {"comparison", comparison},
                      {"group", study.groups[g]},
                      {"cosine", std::move(cosine)},
                      {"norm_ratio", std::move(ratio)},
                      {"change", std::move(change)},
                      {"predicted", predicted_of(moments, study.sizes)},
                      {"moments", moments}});
    }
  }
  return rows;
}

void add_differences(Json& list, const GradientJobs& study, std::size_t size,
                     const AnalysisOptions& options) {
  const std::pair<const char*, const char*> pairs[] = {
      {"W100", "W50"},   {"W100", "P-noise"}, {"W100", "P-const"},
      {"W100", "order"}, {"W100", "rerun"},   {"W100", "other batch"}};
  for (const auto& [a, b] : pairs) {
    if (!study.has(a) || !study.has(b)) continue;
    const Batches x = study.batches(a, "cosine", 0, size);
    const Batches y = study.batches(b, "cosine", 0, size);
    if (!same_shape(x, y)) continue;
    const Resampling resampling(x, options.replicates, stream(options, draw_name(study, size)));
    const auto less = [](const std::vector<double>& m) { return m[0] - m[1]; };
    Json row = estimate(mean_of(x) - mean_of(y),
                        resampling.interval({&x, &y}, options.confidence, less), study.sources);
    add_runs(row, by_run({&x, &y}, less), options.confidence);
    row["at"] = study.at;
    row["a"] = a;
    row["b"] = b;
    list.push_back(std::move(row));
  }
}

/// The mean squared change of a pixel that a comparison's data have; NaN without.
double pixel_energy(const GradientJobs& study, const std::string& comparison) {
  double sum = 0;
  for (const Json* job : study.jobs) {
    if (!job->contains("pixel_energy")) return std::nan("");
    sum += number_at(job->at("pixel_energy"), comparison);
  }
  return sum / static_cast<double>(study.jobs.size());
}

void add_ratios(Json& list, const GradientJobs& study, const AnalysisOptions& options) {
  for (const char* to : {"IMG", "IMG-published", "TXT", "P-noise", "P-const"}) {
    if (!study.has("W100") || !study.has(to)) continue;
    for (std::size_t s = 0; s < study.sizes.size(); ++s) {
      const Batches x = study.changes("W100", 0, s), y = study.changes(to, 0, s);
      if (!same_shape(x, y)) continue;
      const Resampling resampling(x, options.replicates, stream(options, draw_name(study, s)));
      // Of pixel energies there is one a run; that of the ratio is taken as known.
      const double energy = pixel_energy(study, "W100") / pixel_energy(study, to);
      const auto row = [&](double scale) {
        const auto amplitude = [scale](const std::vector<double>& m) {
          return std::sqrt(m[0] / m[1] / scale);
        };
        Json e =
            estimate(amplitude({mean_of(x), mean_of(y)}),
                     resampling.interval({&x, &y}, options.confidence, amplitude), study.sources);
        add_runs(e, by_run({&x, &y}, amplitude), options.confidence);
        return e;
      };
      const bool pixels = std::isfinite(energy) && energy > 0;
      list.push_back({{"at", study.at},
                      {"of", "W100"},
                      {"to", to},
                      {"size", study.sizes[s]},
                      {"amplitude", row(1)},
                      {"matched", pixels ? row(energy) : Json(nullptr)}});
    }
  }
}

/// Whether the gradients of identical data are identical, over everything that was compared.
Json rerun_of(const std::vector<GradientJobs>& studies) {
  double smallest = std::numeric_limits<double>::infinity(), largest = -smallest;
  std::int64_t batches = 0;
  for (const GradientJobs& study : studies) {
    if (!study.has("rerun")) continue;
    for (std::size_t g = 0; g < study.groups.size(); ++g)
      for (std::size_t s = 0; s < study.sizes.size(); ++s)
        for (const std::vector<double>& run : study.batches("rerun", "cosine", g, s))
          for (const double cosine : run) {
            if (!std::isfinite(cosine)) continue;
            smallest = std::min(smallest, cosine);
            largest = std::max(largest, cosine);
            ++batches;
          }
  }
  if (batches == 0) return nullptr;
  return {{"batches", batches},
          {"smallest", smallest},
          {"largest", largest},
          {"exactly_one", smallest == 1 && largest == 1}};
}

}  // namespace

Json gradient_study(const StudyResults& results, std::int64_t batch,
                    const AnalysisOptions& options) {
  std::vector<GradientJobs> studies;
  for (const char* at : {"base", "C0"}) {
    GradientJobs study(results, at);
    if (!study.jobs.empty()) studies.push_back(std::move(study));
  }
  if (studies.empty()) return nullptr;
  Json rows = Json::array(), differences = Json::array(), shares = Json::array(),
       plateaus = Json::array(), ratios = Json::array();
  double size = 0;
  for (const GradientJobs& study : studies) {
    std::size_t nearest = 0;
    const auto distance = [&](std::size_t s) {
      return std::abs(std::log(study.sizes[s] / static_cast<double>(batch)));
    };
    for (std::size_t s = 1; s < study.sizes.size(); ++s)
      if (distance(s) < distance(nearest)) nearest = s;
    size = study.sizes.at(nearest);
    for (Json& row : rows_of(study, options)) rows.push_back(std::move(row));
    add_differences(differences, study, nearest, options);
    for (Json& row : gradient_shares(study, options)) shares.push_back(std::move(row));
    for (Json& row : gradient_plateaus(study, options)) plateaus.push_back(std::move(row));
    add_ratios(ratios, study, options);
  }
  return {{"batch", batch},
          {"size", size},
          {"groups", studies[0].groups},
          {"sizes", studies[0].sizes},
          {"rows", std::move(rows)},
          {"differences", std::move(differences)},
          {"shares", std::move(shares)},
          {"plateaus", std::move(plateaus)},
          {"ratios", std::move(ratios)},
          {"rerun", rerun_of(studies)}};
}

Json twin_summary(const StudyResults& results) {
  if (results.twins.empty()) return nullptr;
  Json list = Json::array();
  bool identical = true, zero = true;
  for (const Json& twin : results.twins) {
    const Json& same = member(twin, "identical_rerun", "twins");
    const Json& difference = member(twin, "max_difference_at_rate_0", "twins");
    check<FileError>(same.is_boolean(), "twins: identical_rerun: expected true or false, got ",
                     excerpt(same));
    check<FileError>(difference.is_number(),
                     "twins: max_difference_at_rate_0: expected a number, got ",
                     excerpt(difference));
    identical = identical && same.get<bool>();
    zero = zero && difference.get<double>() == 0;
    Json row = {{"run", integer_member(twin, "run", "twins")},
                {"condition", string_member(twin, "condition", "twins")},
                {"samples", member(twin, "samples", "twins")},
                {"identical_rerun", same},
                {"max_difference_at_rate_0", difference}};
    const auto groups = member(twin, "groups", "twins").get<std::vector<std::string>>();
    for (const char* what : {"weights", "gradients"}) {
      Json last = Json::object();
      const Json& by_group = member(twin, what, "twins");
      check<FileError>(by_group.is_array() && by_group.size() == groups.size(), "twins: ", what,
                       ": expected ", groups.size(), " groups");
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const std::vector<double> steps = numbers(by_group[g], "twins");
        last[groups[g]] = steps.empty() ? Json(nullptr) : number(steps.back());
      }
      row[std::string("last_") + what] = std::move(last);
    }
    list.push_back(std::move(row));
  }
  return {{"twins", std::move(list)}, {"all_identical", identical}, {"all_zero", zero}};
}

}  // namespace chainline::experiments
