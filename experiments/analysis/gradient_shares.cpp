#include "experiments/analysis/gradient_shares.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "experiments/statistics/hierarchical.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// What changes samples; pairs of clean batches have no change to speak of.
constexpr const char* kChanges[] = {"W100", "W50",           "P-noise", "P-const",
                                    "IMG",  "IMG-published", "TXT"};

/// tan^2, NaN where the cosine is not above 0: of that tan^2 does not know.
double tangent_of(double cosine) { return cosine > 0 ? squared_tangent(cosine) : kNaN; }

double mean_of_finite(const std::vector<double>& values) {
  double sum = 0;
  std::int64_t n = 0;
  for (const double value : values)
    if (std::isfinite(value)) sum += value, ++n;
  return n > 0 ? sum / static_cast<double>(n) : kNaN;
}

Json student(const std::vector<double>& per_run, const std::vector<std::int64_t>& seeds,
             const AnalysisOptions& options) {
  Json e = estimate(per_run.empty() ? kNaN : mean(per_run), std::nullopt, Sources{seeds, 0});
  add_student(e, per_run, options.confidence, "low", "high");
  e["per_run"] = per_run;
  return e;
}

/// Mean cosines by size, as measured or of drawn batches of drawn runs.
class MeanCosines {
 public:
  MeanCosines(const GradientJobs& jobs, const std::string& comparison) {
    for (std::size_t s = 0; s < jobs.sizes.size(); ++s) {
      Batches cosines = jobs.batches(comparison, "cosine", 0, s);
      std::size_t n = 0;
      double sum = 0;
      for (const auto& run : cosines)
        for (const double cosine : run)
          if (std::isfinite(cosine)) sum += cosine, ++n;
      if (n == 0 || !(sum > 0)) continue;
      sizes_.push_back(jobs.sizes[s]);
      tangents_.push_back(tangent_of(sum / static_cast<double>(n)));
      counts_.push_back(static_cast<double>(n));
      cosines_.push_back(std::move(cosines));
    }
  }

  const std::vector<double>& sizes() const { return sizes_; }
  const std::vector<double>& tangents() const { return tangents_; }

  /// Of batches that spread in proportion to their mean, as study_plateau() weighs them.
  std::vector<double> weights() const {
    const double largest = *std::max_element(tangents_.begin(), tangents_.end());
    std::vector<double> weights;
    for (std::size_t s = 0; s < sizes_.size(); ++s) {
      const double scale = largest > 0 ? std::max(tangents_[s], 1e-3 * largest) : 1;
      weights.push_back(counts_[s] / (scale * scale));
    }
    return weights;
  }

  /// tan^2 of the mean cosine of each size, runs drawn first and then batches inside each; empty
  /// where a size's mean is not above 0.
  std::vector<double> draw(RandomSequence& random) const {
    const std::size_t runs = cosines_[0].size();
    std::vector<std::size_t> drawn;
    for (std::size_t k = 0; k < runs; ++k) drawn.push_back(runs == 1 ? 0 : random.below(runs));
    std::vector<double> tangents;
    for (const Batches& cosines : cosines_) {
      std::vector<double> values;
      for (const std::size_t run : drawn)
        for (std::size_t k = 0; k < cosines[run].size(); ++k)
          values.push_back(cosines[run][random.below(cosines[run].size())]);
      const double tangent = tangent_of(mean_of_finite(values));
      if (!std::isfinite(tangent)) return {};
      tangents.push_back(tangent);
    }
    return tangents;
  }

 private:
  std::vector<double> sizes_, tangents_, counts_;
  std::vector<Batches> cosines_;  // [size]
};

/// Null limits where half of the draws have no value: the rest would be a selection.
Json limits(double value, std::vector<double> draws, double confidence) {
  Json l = {{"estimate", number(value)}, {"low", nullptr}, {"high", nullptr}};
  const std::size_t all = draws.size();
  std::erase_if(draws, [](double draw) { return !std::isfinite(draw); });
  if (draws.size() < 2 || 2 * draws.size() < all) return l;
  const Interval interval = percentile_interval(draws, confidence);
  l["low"] = interval.low;
  l["high"] = interval.high;
  return l;
}

}  // namespace

ShareOfRun share_of_moments(const CosineMoments& moments, double smallest, double largest) {
  ShareOfRun s;
  // Rounding, or unbiased moments that belong to no real vectors, may put a cosine beyond 1.
  const auto cosine_at = [&](double b) { return std::min(predicted_cosine(moments, b), 1.0); };
  s.without_change = !(moments.d_square > 0);
  const bool has_gradient = moments.g_square > 0;
  s.fall = has_gradient ? cosine_at(smallest) - cosine_at(largest) : kNaN;
  s.at_one = tangent_of(cosine_at(1));
  s.at_any = s.without_change ? 0 : tangent_of(cosine_at(std::numeric_limits<double>::infinity()));
  s.share = has_gradient && s.at_one > 0 ? s.at_any / s.at_one : kNaN;
  return s;
}

Json gradient_shares(const GradientJobs& jobs, const AnalysisOptions& options) {
  Json rows = Json::array();
  if (jobs.sizes.empty() || jobs.groups.empty()) return rows;
  const auto [smallest, largest] = std::minmax_element(jobs.sizes.begin(), jobs.sizes.end());
  for (const char* comparison : kChanges) {
    std::vector<double> share, fall, at_one, at_any;
    std::vector<std::int64_t> of_share, of_fall;
    std::int64_t runs = 0, without_change = 0;
    for (std::size_t j = 0; j < jobs.jobs.size(); ++j) {
      const Json& m = jobs.moments(*jobs.jobs[j], comparison, jobs.groups[0]);
      if (!m.is_object()) continue;
      const ShareOfRun of = share_of_moments(cosine_moments_of(m), *smallest, *largest);
      ++runs;
      if (std::isfinite(of.share)) {
        share.push_back(of.share);
        at_one.push_back(of.at_one);
        at_any.push_back(of.at_any);
        of_share.push_back(jobs.sources.seeds[j]);
        without_change += of.without_change;
      }
      if (std::isfinite(of.fall)) {
        fall.push_back(of.fall);
        of_fall.push_back(jobs.sources.seeds[j]);
      }
    }
    if (runs == 0) continue;
    rows.push_back({{"at", jobs.at},
                    {"comparison", comparison},
                    {"runs", runs},
                    {"without_change", without_change},
                    {"smallest", *smallest},
                    {"largest", *largest},
                    {"share", student(share, of_share, options)},
                    {"at_one", student(at_one, of_share, options)},
                    {"at_any", student(at_any, of_share, options)},
                    {"fall", student(fall, of_fall, options)}});
  }
  return rows;
}

Json gradient_plateaus(const GradientJobs& jobs, const AnalysisOptions& options) {
  Json list = Json::array();
  for (const std::string comparison : kChanges) {
    if (!jobs.has(comparison)) continue;
    const MeanCosines cosines(jobs, comparison);
    const std::vector<double>& sizes = cosines.sizes();
    if (std::set<double>(sizes.begin(), sizes.end()).size() < 3) continue;
    const std::vector<double> weights = cosines.weights();
    const PlateauFit fit = fit_plateau(sizes, cosines.tangents(), weights);
    const PlateauFit without = fit_without_plateau(sizes, cosines.tangents(), weights);
    const Generator generator = stream(options, "plateau " + jobs.at + " " + comparison);
    std::vector<double> plateaus, decays, ratios;
    for (std::int64_t i = 0; i < options.replicates; ++i) {
      RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
      const std::vector<double> drawn = cosines.draw(random);
      const bool fits = !drawn.empty();
      const PlateauFit of = fits ? fit_plateau(sizes, drawn, weights) : PlateauFit();
      plateaus.push_back(fits ? of.plateau : kNaN);
      decays.push_back(fits ? of.decay : kNaN);
      ratios.push_back(fits ? of.ratio() : kNaN);
    }
    list.push_back({{"at", jobs.at},
                    {"comparison", comparison},
                    {"plateau", limits(fit.plateau, plateaus, options.confidence)},
                    {"decay", limits(fit.decay, decays, options.confidence)},
                    {"ratio", limits(fit.ratio(), ratios, options.confidence)},
                    {"offset", number(fit.offset)},
                    {"rises", fit.rises},
                    {"residual", number(fit.residual)},
                    {"residual_without", number(without.residual)}});
  }
  return list;
}

}  // namespace chainline::experiments
