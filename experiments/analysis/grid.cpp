#include "experiments/analysis/grid.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/analysis/energy.h"
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
  UserRuns users;                // phi against the clean run
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

/// phi of the watermarked runs less that of the clean ones of the same numbers; runs with too few
/// users for an energy are left out.
void add_pairs(Cell& cell, const std::vector<StudyRun>& marked,
               const std::vector<StudyRun>& clean) {
  const MeasuredRuns m = measured(less_reference(marked, clean, "phi", ""));
  for (std::size_t r = 0; r < m.sources.seeds.size(); ++r) {
    const double energy = memorization_energy(m.values.values[r], m.values.in[r]);
    if (!std::isfinite(energy)) continue;
    cell.seeds.push_back(m.sources.seeds[r]);
    cell.users.values.push_back(m.values.values[r]);
    cell.users.in.push_back(m.values.in[r]);
    cell.users.groups.push_back(m.values.groups[r]);
    cell.energies.push_back(energy);
  }
}

/// Pairs at every place that has watermarked and clean runs of its own. What a clean training at
/// another batch size or rate does to phi is no zero for this one.
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
    add_pairs(cell, of("W100"), of("C0"));
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
        const std::size_t size = cell.users.values[run].size();
        weights.assign(size, 0);
        for (std::size_t u = 0; u < size; ++u) weights[users.below(size)] += 1;
        const double energy =
            memorization_energy(cell.users.values[run], cell.users.in[run], weights);
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

/// What all figures of a grid are made from.
struct Grid {
  const std::vector<Cell>& cells;
  std::vector<double> energies;  // by cell
  const std::vector<std::vector<double>>& replicates;
  std::vector<bool> counts;     // whether the cell's lower limit is above 0
  std::vector<double> planned;  // batch sizes; none where the study does not say
  std::int64_t reference;       // batch size
  const AnalysisOptions& options;
};

/// The energy where all rules agree, and whether it is more than chance; null without the cell.
Json reference_of(const Grid& grid, const std::vector<std::size_t>& of_optimizer) {
  for (const std::size_t c : of_optimizer) {
    const Cell& cell = grid.cells[c];
    if (cell.batch != grid.reference || !near(cell.rate_factor, 1)) continue;
    Json e =
        estimate(grid.energies[c], percentile_interval(grid.replicates[c], grid.options.confidence),
                 {cell.seeds, static_cast<std::int64_t>(cell.users.values[0].size())});
    e["p"] = energy_p(cell.users, grid.options.relabellings,
                      stream(grid.options, "grid reference " + cell.optimizer));
    return e;
  }
  return nullptr;
}

/// How many cells an optimizer is to have: each planned batch size under three rules that agree at
/// the reference, and what else was found (the study's own batch size).
std::int64_t planned_cells(const Grid& grid, const std::vector<std::size_t>& of_optimizer) {
  std::int64_t planned = 0;
  for (const double b : grid.planned) planned += b == static_cast<double>(grid.reference) ? 1 : 3;
  for (const std::size_t c : of_optimizer)
    planned += std::find(grid.planned.begin(), grid.planned.end(),
                         static_cast<double>(grid.cells[c].batch)) == grid.planned.end();
  return planned;
}

/// Exponents of the learning rate and the batch size: (2, -2) for SGD, (2, -1) for Adam in theory.
/// Of cells that count alone: the logarithm of what is noise around 0 has any value.
Json fit_of(const std::string& optimizer, const Grid& grid,
            const std::vector<std::size_t>& of_optimizer) {
  std::vector<std::size_t> kept;
  std::vector<std::vector<double>> x(2);
  std::vector<double> energies;
  std::int64_t runs = 0;
  for (const std::size_t c : of_optimizer) {
    if (!grid.counts[c]) continue;
    const Cell& cell = grid.cells[c];
    const auto of_cell = static_cast<std::int64_t>(cell.seeds.size());
    runs = kept.empty() ? of_cell : std::min(runs, of_cell);
    kept.push_back(c);
    energies.push_back(grid.energies[c]);
    x[0].push_back(std::log(cell.rate_factor));
    x[1].push_back(std::log(static_cast<double>(cell.batch)));
  }
  double r_squared = std::nan("");
  const std::vector<double> fit = slopes_of(x, energies, &r_squared);
  std::vector<double> eta, b;
  for (std::int64_t i = 0; i < grid.options.replicates && !kept.empty(); ++i) {
    const std::vector<double> slopes =
        slopes_of(x, at(grid.replicates, kept, static_cast<std::size_t>(i)));
    eta.push_back(slopes[1]);
    b.push_back(slopes[2]);
  }
  const auto found = static_cast<std::int64_t>(of_optimizer.size());
  return {{"optimizer", optimizer},
          {"cells", found},
          {"planned", std::max(planned_cells(grid, of_optimizer), found)},
          {"left_out", found - static_cast<std::int64_t>(kept.size())},
          {"runs", runs},
          {"reference", reference_of(grid, of_optimizer)},
          {"eta", coefficient(fit[1], eta, 2, grid.options.confidence)},
          {"b", coefficient(fit[2], b, optimizer == "sgd" ? -2 : -1, grid.options.confidence)},
          {"r_squared", number(r_squared)}};
}

/// The slope over b that the exponents of fit_of() give along a rule.
double theory_of(const std::string& optimizer, const std::string& rule) {
  const double along = rule == "fixed" ? 0 : rule == "linear" ? 2 : 1;
  return (optimizer == "sgd" ? -2 : -1) + along;
}

/// The slope over b along a rule, of its cells that count; null for fewer than 3.
Json slope_of(const std::string& optimizer, const std::string& rule, const Grid& grid,
              const std::vector<std::size_t>& of_optimizer) {
  std::vector<std::size_t> along;
  std::vector<std::vector<double>> x(1);
  std::vector<double> y;
  for (const std::size_t c : of_optimizer) {
    if (!grid.cells[c].has(rule) || !grid.counts[c]) continue;
    along.push_back(c);
    x[0].push_back(std::log(static_cast<double>(grid.cells[c].batch)));
    y.push_back(grid.energies[c]);
  }
  if (along.size() < 3) return nullptr;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < grid.replicates[along[0]].size(); ++i)
    slopes.push_back(slopes_of(x, at(grid.replicates, along, i))[1]);
  return {{"optimizer", optimizer},
          {"rule", rule},
          {"cells", along.size()},
          {"slope", coefficient(slopes_of(x, y)[1], slopes, theory_of(optimizer, rule),
                                grid.options.confidence)}};
}

/// The slope of the energy over the rate, run by run, against the clean run.
Json rate_trend(const Runs& runs, const AnalysisOptions& options) {
  std::map<std::int64_t, std::vector<std::pair<double, double>>> by_run;
  const std::vector<StudyRun> clean = runs.main("C0", "lora", "users");
  for (const std::string& condition : study_conditions()) {
    const std::optional<double> rate = rate_of(condition);
    if (!rate || *rate == 0) continue;
    Cell cell;
    add_pairs(cell, runs.main(condition, "lora", "users"), clean);
    for (std::size_t r = 0; r < cell.seeds.size(); ++r)
      by_run[cell.seeds[r]].emplace_back(*rate, cell.energies[r]);
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

Json batch_rate_grid(const Runs& runs, const Json& study, std::int64_t reference,
                     const AnalysisOptions& options) {
  const std::optional<RunSettings> main = runs.main_settings("lora");
  if (!main) return nullptr;
  const std::vector<Cell> cells = cells_of(runs, *main, reference);
  if (cells.empty()) return nullptr;
  const std::vector<std::vector<double>> replicates = energy_replicates(cells, options);
  Grid grid{cells, {}, replicates, {}, {}, reference, options};
  if (study.contains("grid_batch_sizes"))
    grid.planned = numbers(study["grid_batch_sizes"], "study: grid_batch_sizes");
  Json rows = Json::array(), fits = Json::array(), rules = Json::array();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const Cell& cell = cells[c];
    const Interval interval = percentile_interval(replicates[c], options.confidence);
    grid.energies.push_back(mean(cell.energies));
    grid.counts.push_back(interval.low > 0);
    Sources sources{cell.seeds, 0};
    for (const auto& users : cell.users.values)
      sources.users = std::max(sources.users, static_cast<std::int64_t>(users.size()));
    Json row = estimate(grid.energies.back(), interval, sources);
    row["optimizer"] = cell.optimizer;
    row["batch"] = cell.batch;
    row["rate_factor"] = cell.rate_factor;
    row["rules"] = cell.rules;
    row["counts"] = interval.low > 0;
    row["per_run"] = cell.energies;
    rows.push_back(std::move(row));
  }
  for (const char* optimizer : {"sgd", "adamw"}) {
    std::vector<std::size_t> of_optimizer;
    for (std::size_t c = 0; c < cells.size(); ++c)
      if (cells[c].optimizer == optimizer) of_optimizer.push_back(c);
    if (of_optimizer.empty()) continue;
    fits.push_back(fit_of(optimizer, grid, of_optimizer));
    for (const char* rule : {"fixed", "linear", "square root"}) {
      Json slope = slope_of(optimizer, rule, grid, of_optimizer);
      if (!slope.is_null()) rules.push_back(std::move(slope));
    }
  }
  return {{"reference_batch", reference}, {"measure", "phi"},
          {"cells", std::move(rows)},     {"fits", std::move(fits)},
          {"rules", std::move(rules)},    {"rates", rate_trend(runs, options)}};
}

}  // namespace chainline::experiments
