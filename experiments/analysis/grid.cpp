#include "experiments/analysis/grid.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/statistics/hierarchical.h"
#include "experiments/statistics/regression.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// One optimizer, batch size and learning rate, and its pairs of watermarked and clean runs.
struct Cell {
  std::string optimizer;
  std::int64_t batch = 0;
  double rate_factor = 1;
  std::vector<std::string> rules;
  std::vector<std::int64_t> seeds;
  std::vector<std::vector<double>> d;  // [run][user], phi against the clean run
  std::vector<std::vector<int>> in;
  std::vector<double> energies;  // [run]

  bool has(const std::string& rule) const {
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
  }
};

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::abs(b); }

/// The rules by which the learning rate was made from the batch size; at the reference all three.
std::vector<std::string> rules_of(double factor, double batch, double reference) {
  std::vector<std::string> rules;
  if (near(factor, 1)) rules.emplace_back("fixed");
  if (near(factor, batch / reference)) rules.emplace_back("linear");
  if (near(factor, std::sqrt(batch / reference))) rules.emplace_back("square root");
  return rules;
}

/// phi of the watermarked run less that of the clean one, of users who have both.
void add_pair(Cell& cell, const StudyRun& marked, const StudyRun& clean) {
  const std::vector<double> a = user_values(marked, "phi", ""), b = user_values(clean, "phi", "");
  if (a.size() != b.size()) return;
  std::vector<double> d;
  std::vector<int> in;
  for (std::size_t u = 0; u < a.size(); ++u) {
    if (!std::isfinite(a[u]) || !std::isfinite(b[u])) continue;
    d.push_back(a[u] - b[u]);
    in.push_back(marked.in[u]);
  }
  const double energy = memorization_energy(d, in);
  if (!std::isfinite(energy)) return;
  cell.seeds.push_back(marked.run);
  cell.d.push_back(std::move(d));
  cell.in.push_back(std::move(in));
  cell.energies.push_back(energy);
}

std::vector<Cell> cells_of(const Runs& runs, const RunSettings& main, std::int64_t reference) {
  std::vector<Cell> cells;
  std::set<std::tuple<std::string, std::int64_t, double>> places;
  const auto matches = [&](const StudyRun& run) {
    return run.tuning == "lora" && run.private_noise == 0 && run.settings.mix == main.mix &&
           run.settings.lora_rank == main.lora_rank;
  };
  for (const StudyRun& run : runs.all())
    if (matches(run) && run.condition == "W100" && run.json->contains("users"))
      places.emplace(run.settings.optimizer, run.settings.batch, run.settings.rate_factor);
  for (const auto& place : places) {
    const auto of = [&](const char* condition) {
      return runs.where(
          [&](const StudyRun& run) {
            return matches(run) && run.condition == condition &&
                   std::tuple(run.settings.optimizer, run.settings.batch,
                              run.settings.rate_factor) == place;
          },
          "users");
    };
    Cell cell;
    std::tie(cell.optimizer, cell.batch, cell.rate_factor) = place;
    cell.rules =
        rules_of(cell.rate_factor, static_cast<double>(cell.batch), static_cast<double>(reference));
    const std::vector<StudyRun> own = of("C0");
    const std::vector<StudyRun> clean = own.empty() ? runs.main("C0", "lora", "users") : own;
    for (const auto& [a, b] : paired(of("W100"), clean)) add_pair(cell, a, b);
    if (!cell.seeds.empty()) cells.push_back(std::move(cell));
  }
  return cells;
}

/// Replicates of every cell's energy, [cell][replicate]: run numbers are drawn, the same for all
/// cells, and then users inside each run.
std::vector<std::vector<double>> energy_replicates(const std::vector<Cell>& cells,
                                                   const AnalysisOptions& options) {
  std::set<std::int64_t> seeds;
  for (const Cell& cell : cells) seeds.insert(cell.seeds.begin(), cell.seeds.end());
  const std::vector<std::int64_t> all(seeds.begin(), seeds.end());
  const Generator generator = stream(options, "grid");
  std::vector<std::vector<double>> replicates(cells.size());
  std::vector<double> weights;
  for (std::int64_t i = 0; i < options.replicates; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    std::vector<std::int64_t> drawn;
    for (std::size_t k = 0; k < all.size(); ++k) drawn.push_back(all[random.below(all.size())]);
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const Cell& cell = cells[c];
      double sum = 0;
      std::int64_t n = 0;
      for (std::size_t k = 0; k < drawn.size(); ++k) {
        const auto found = std::find(cell.seeds.begin(), cell.seeds.end(), drawn[k]);
        if (found == cell.seeds.end()) continue;
        const auto run = static_cast<std::size_t>(found - cell.seeds.begin());
        // Users of one draw are the same in every cell that has as many.
        RandomSequence users =
            generator.sequence(static_cast<std::uint32_t>(k) + 1, static_cast<std::uint32_t>(i));
        const std::size_t size = cell.d[run].size();
        weights.assign(size, 0);
        for (std::size_t u = 0; u < size; ++u) weights[users.below(size)] += 1;
        const double energy = memorization_energy(cell.d[run], cell.in[run], weights);
        if (std::isfinite(energy)) sum += energy, ++n;
      }
      replicates[c].push_back(n > 0 ? sum / static_cast<double>(n) : std::nan(""));
    }
  }
  return replicates;
}

/// Least squares of log energy on the predictors over the cells with a positive energy; NaN where
/// they don't fix the coefficients. coefficients[0] is the intercept.
std::vector<double> slopes_of(const std::vector<std::vector<double>>& predictors,
                              const std::vector<double>& energies, double* r_squared = nullptr) {
  std::vector<std::vector<double>> x(predictors.size());
  std::vector<double> y;
  for (std::size_t c = 0; c < energies.size(); ++c) {
    if (!(energies[c] > 0)) continue;
    y.push_back(std::log(energies[c]));
    for (std::size_t p = 0; p < x.size(); ++p) x[p].push_back(predictors[p][c]);
  }
  const std::vector<double> none(predictors.size() + 1, std::nan(""));
  if (y.size() < predictors.size() + 2) return none;
  try {
    const LinearFit fit = least_squares(x, y);
    std::vector<double> coefficients;
    for (const Coefficient& c : fit.coefficients) coefficients.push_back(c.estimate);
    if (r_squared != nullptr) *r_squared = fit.r_squared;
    return coefficients;
  } catch (const ValueError&) {  // cells whose batch sizes and rates depend on each other
    return none;
  }
}

Json coefficient(double estimate, const std::vector<double>& replicates, double theory,
                 double confidence) {
  Json c = {{"estimate", number(estimate)}, {"low", nullptr}, {"high", nullptr}};
  std::vector<double> finite;
  for (const double value : replicates)
    if (std::isfinite(value)) finite.push_back(value);
  // Where half of the replicates have no slope, the rest is a selection.
  if (finite.size() >= 2 && 2 * finite.size() >= replicates.size()) {
    const Interval interval = percentile_interval(finite, confidence);
    c["low"] = interval.low;
    c["high"] = interval.high;
  }
  c["theory"] = number(theory);
  return c;
}

std::vector<double> at(const std::vector<std::vector<double>>& replicates,
                       const std::vector<std::size_t>& cells, std::size_t i) {
  std::vector<double> values;
  for (const std::size_t c : cells) values.push_back(replicates[c][i]);
  return values;
}

/// Exponents of the learning rate and the batch size: (2, -2) for SGD, (2, -1) for Adam in theory.
Json fit_of(const std::string& optimizer, const std::vector<Cell>& cells,
            const std::vector<std::size_t>& chosen, const std::vector<double>& energies,
            const std::vector<std::vector<double>>& replicates, const AnalysisOptions& options) {
  std::vector<std::vector<double>> x(2);
  std::int64_t left_out = 0;
  for (const std::size_t c : chosen) {
    x[0].push_back(std::log(cells[c].rate_factor));
    x[1].push_back(std::log(static_cast<double>(cells[c].batch)));
  }
  for (const double energy : energies) left_out += !(energy > 0);
  double r_squared = std::nan("");
  const std::vector<double> fit = slopes_of(x, energies, &r_squared);
  std::vector<double> eta, b;
  for (std::size_t i = 0; i < replicates[chosen[0]].size(); ++i) {
    const std::vector<double> slopes = slopes_of(x, at(replicates, chosen, i));
    eta.push_back(slopes[1]);
    b.push_back(slopes[2]);
  }
  return {{"optimizer", optimizer},
          {"cells", chosen.size()},
          {"left_out", left_out},
          {"eta", coefficient(fit[1], eta, 2, options.confidence)},
          {"b", coefficient(fit[2], b, optimizer == "sgd" ? -2 : -1, options.confidence)},
          {"r_squared", number(r_squared)}};
}

/// The slope over b that the exponents of fit_of() give along a rule.
double theory_of(const std::string& optimizer, const std::string& rule) {
  const double along = rule == "fixed" ? 0 : rule == "linear" ? 2 : 1;
  return (optimizer == "sgd" ? -2 : -1) + along;
}

/// The slope of the energy over the rate, run by run, against the clean run.
Json rate_trend(const Runs& runs, const AnalysisOptions& options) {
  std::map<std::int64_t, std::vector<std::pair<double, double>>> by_run;
  const std::vector<StudyRun> clean = runs.main("C0", "lora", "users");
  for (const std::string& condition : study_conditions()) {
    const std::optional<double> rate = rate_of(condition);
    if (!rate || *rate == 0) continue;
    for (const auto& [a, b] : paired(runs.main(condition, "lora", "users"), clean)) {
      Cell cell;
      add_pair(cell, a, b);
      if (!cell.energies.empty()) by_run[a.run].emplace_back(*rate, cell.energies[0]);
    }
  }
  std::vector<double> slopes;
  Sources sources;
  for (const auto& [run, points] : by_run) {
    if (points.size() < 2) continue;
    std::vector<double> x, y;
    double xx = 0, xy = 0;
    for (const auto& [rate, energy] : points) x.push_back(rate), y.push_back(energy);
    for (std::size_t i = 0; i < x.size(); ++i) {
      xx += (x[i] - mean(x)) * (x[i] - mean(x));
      xy += (x[i] - mean(x)) * y[i];
    }
    slopes.push_back(xy / xx);
    sources.seeds.push_back(run);
  }
  if (slopes.empty()) return nullptr;
  return run_estimate(slopes, {}, std::nullopt, sources, options, "energy over rates");
}

}  // namespace

double memorization_energy(std::span<const double> d, std::span<const int> in,
                           std::span<const double> weights) {
  check<ShapeError>(d.size() == in.size() && (weights.empty() || weights.size() == d.size()),
                    "memorization_energy: expected one membership and weight for each value");
  const auto weight = [&](std::size_t u) { return weights.empty() ? 1 : weights[u]; };
  double n_in = 0, n_out = 0, m = 0;
  for (std::size_t u = 0; u < d.size(); ++u) {
    (in[u] == 1 ? n_in : n_out) += weight(u);
    if (in[u] != 1) m += weight(u) * d[u];
  }
  if (n_in < 1 || n_out < 2) return std::nan("");
  m /= n_out;
  double inside = 0, variance = 0;
  for (std::size_t u = 0; u < d.size(); ++u)
    (in[u] == 1 ? inside : variance) += weight(u) * (d[u] - m) * (d[u] - m);
  variance /= n_out - 1;
  return inside / n_in - variance * (1 + 1 / n_out);
}

Json batch_rate_grid(const Runs& runs, std::int64_t reference, const AnalysisOptions& options) {
  const std::optional<RunSettings> main = runs.main_settings("lora");
  if (!main) return nullptr;
  const std::vector<Cell> cells = cells_of(runs, *main, reference);
  if (cells.empty()) return nullptr;
  const std::vector<std::vector<double>> replicates = energy_replicates(cells, options);
  Json rows = Json::array(), fits = Json::array(), rules = Json::array();
  std::vector<double> energies;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const Cell& cell = cells[c];
    energies.push_back(mean(cell.energies));
    Sources sources{cell.seeds, 0};
    for (const auto& users : cell.d)
      sources.users = std::max(sources.users, static_cast<std::int64_t>(users.size()));
    Json row =
        estimate(energies.back(), percentile_interval(replicates[c], options.confidence), sources);
    row["optimizer"] = cell.optimizer;
    row["batch"] = cell.batch;
    row["rate_factor"] = cell.rate_factor;
    row["rules"] = cell.rules;
    row["per_run"] = cell.energies;
    rows.push_back(std::move(row));
  }
  for (const char* optimizer : {"sgd", "adamw"}) {
    std::vector<std::size_t> chosen;
    std::vector<double> of_optimizer;
    for (std::size_t c = 0; c < cells.size(); ++c)
      if (cells[c].optimizer == optimizer) chosen.push_back(c), of_optimizer.push_back(energies[c]);
    if (chosen.size() < 3) continue;
    fits.push_back(fit_of(optimizer, cells, chosen, of_optimizer, replicates, options));
    for (const char* rule : {"fixed", "linear", "square root"}) {
      std::vector<std::size_t> along;
      std::vector<std::vector<double>> x(1);
      std::vector<double> y;
      for (const std::size_t c : chosen) {
        if (!cells[c].has(rule)) continue;
        along.push_back(c);
        x[0].push_back(std::log(static_cast<double>(cells[c].batch)));
        y.push_back(energies[c]);
      }
      if (along.size() < 3) continue;
      std::vector<double> slopes;
      for (std::size_t i = 0; i < replicates[along[0]].size(); ++i)
        slopes.push_back(slopes_of(x, at(replicates, along, i))[1]);
      rules.push_back({{"optimizer", optimizer},
                       {"rule", rule},
                       {"cells", along.size()},
                       {"slope", coefficient(slopes_of(x, y)[1], slopes, theory_of(optimizer, rule),
                                             options.confidence)}});
    }
  }
  return {{"reference_batch", reference}, {"measure", "phi"},
          {"cells", std::move(rows)},     {"fits", std::move(fits)},
          {"rules", std::move(rules)},    {"rates", rate_trend(runs, options)}};
}

}  // namespace chainline::experiments
