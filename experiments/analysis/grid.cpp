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
  // On unseen images without cards, of the watermarked and the clean runs; NaN where not measured.
  double accuracy = std::nan(""), clean_accuracy = std::nan("");

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

/// The mean accuracy of the runs with these numbers of which it was measured; NaN without any.
double accuracy_of(const std::vector<StudyRun>& runs, const std::vector<std::int64_t>& numbers) {
  std::vector<double> values;
  for (const StudyRun& run : runs)
    if (std::find(numbers.begin(), numbers.end(), run.run) != numbers.end() &&
        run.json->contains("utility"))
      values.push_back(number_at(run.json->at("utility"), "accuracy"));
  return values.empty() ? std::nan("") : mean(values);
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
    const std::vector<StudyRun> marked = of("W100"), clean = of("C0");
    add_pairs(cell, marked, clean);
    if (cell.seeds.empty()) continue;
    cell.accuracy = accuracy_of(marked, cell.seeds);
    cell.clean_accuracy = accuracy_of(clean, cell.seeds);
    cells.push_back(std::move(cell));
  }
  return cells;
}

/// Users of a run who are drawn together: those who share their pictures, and with them what the
/// pictures say; each alone where nothing is known of that.
std::vector<std::vector<std::size_t>> units_of(const UserRuns& users, std::size_t run) {
  std::map<int, std::vector<std::size_t>> groups;
  for (std::size_t u = 0; u < users.in[run].size(); ++u)
    groups[users.groups.empty() ? 0 : users.groups[run][u]].push_back(u);
  std::vector<std::vector<std::size_t>> units;
  for (const auto& [group, members] : groups) {
    if (members.size() <= 2)
      units.push_back(members);
    else
      for (const std::size_t u : members) units.push_back({u});
  }
  return units;
}

/// The limits of a cell's energy, by drawing runs and, inside each, pairs of users. A user who is
/// drawn twice makes the OUT users look more alike than they are, which lifts a replicate by about
/// 2 s^2 / n_out, less what partners have in common; so their mean is moved to where the energy is.
Interval energy_interval(const Cell& cell, const AnalysisOptions& options) {
  std::vector<std::vector<std::vector<std::size_t>>> units;
  for (std::size_t r = 0; r < cell.energies.size(); ++r) units.push_back(units_of(cell.users, r));
  const Generator generator = stream(options, "grid");
  std::vector<double> replicates, weights;
  for (std::int64_t i = 0; i < options.replicates; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    double sum = 0;
    std::int64_t n = 0;
    for (std::size_t k = 0; k < units.size(); ++k) {
      const std::size_t run = units.size() == 1 ? 0 : random.below(units.size());
      weights.assign(cell.users.in[run].size(), 0);
      for (std::size_t d = 0; d < units[run].size(); ++d)
        for (const std::size_t u : units[run][random.below(units[run].size())]) weights[u] += 1;
      const double energy =
          memorization_energy(cell.users.values[run], cell.users.in[run], weights);
      if (std::isfinite(energy)) sum += energy, ++n;
    }
    if (n > 0) replicates.push_back(sum / static_cast<double>(n));
  }
  const double lifted = mean(replicates) - mean(cell.energies);
  for (double& replicate : replicates) replicate -= lifted;
  return percentile_interval(replicates, options.confidence);
}

/// Least squares of log energy on the predictors; NaN where a cell has no logarithm, or the cells
/// don't fix the coefficients. coefficients[0] is the intercept.
std::vector<double> slopes_of(const std::vector<std::vector<double>>& predictors,
                              const std::vector<double>& energies, double* r_squared = nullptr) {
  std::vector<double> y;
  for (const double energy : energies) y.push_back(std::log(energy));  // NaN below 0
  const std::vector<double> none(predictors.size() + 1, std::nan(""));
  const auto finite = [](double value) { return std::isfinite(value); };
  if (y.size() < predictors.size() + 2 || !std::all_of(y.begin(), y.end(), finite)) return none;
  try {
    const LinearFit fit = least_squares(predictors, y);
    std::vector<double> coefficients;
    for (const Coefficient& c : fit.coefficients) coefficients.push_back(c.estimate);
    if (r_squared != nullptr) *r_squared = fit.r_squared;
    return coefficients;
  } catch (const ValueError&) {  // cells whose batch sizes and rates depend on each other
    return none;
  }
}

/// The runs that all of some cells have, so that every point of a line is made of the same ones.
std::vector<std::int64_t> common_seeds(const std::vector<const Cell*>& cells) {
  std::vector<std::int64_t> common;
  if (cells.empty()) return common;
  for (const std::int64_t seed : cells[0]->seeds)
    if (std::all_of(cells.begin(), cells.end(), [&](const Cell* cell) {
          return std::find(cell->seeds.begin(), cell->seeds.end(), seed) != cell->seeds.end();
        }))
      common.push_back(seed);
  return common;
}

/// The mean energy of each cell over some of its runs; `without` is left out.
std::vector<double> energies_of(const std::vector<const Cell*>& cells,
                                const std::vector<std::int64_t>& seeds,
                                std::optional<std::int64_t> without = {}) {
  std::vector<double> energies;
  for (const Cell* cell : cells) {
    std::vector<double> of_runs;
    for (std::size_t r = 0; r < cell->seeds.size(); ++r)
      if (cell->seeds[r] != without &&
          std::find(seeds.begin(), seeds.end(), cell->seeds[r]) != seeds.end())
        of_runs.push_back(cell->energies[r]);
    energies.push_back(mean(of_runs));
  }
  return energies;
}

/// Slopes of log energy on the predictors, by coefficient, with their jackknife over runs: run i
/// says b + (n - 1) (m - b_i), where b_i is fitted without it and m is the mean of those, so that the
/// mean of what runs say is b. The logarithm of one run's energy need not exist, that of a mean over
/// the others does where there is energy to speak of.
struct Slopes {
  std::vector<double> estimates;             // [coefficient], the intercept first
  std::vector<std::vector<double>> per_run;  // [coefficient][run]
  std::int64_t runs = 0;
  double r_squared = std::nan("");
};

Slopes slopes_over_runs(const std::vector<std::vector<double>>& predictors,
                        const std::vector<const Cell*>& cells) {
  const std::vector<std::int64_t> seeds = common_seeds(cells);
  Slopes slopes;
  slopes.runs = static_cast<std::int64_t>(seeds.size());
  slopes.estimates = slopes_of(predictors, energies_of(cells, seeds), &slopes.r_squared);
  slopes.per_run.resize(slopes.estimates.size());
  for (const std::int64_t seed : seeds) {
    const std::vector<double> without = slopes_of(predictors, energies_of(cells, seeds, seed));
    for (std::size_t c = 0; c < without.size(); ++c) slopes.per_run[c].push_back(without[c]);
  }
  for (std::size_t c = 0; c < slopes.per_run.size(); ++c) {
    const double m = mean(slopes.per_run[c]);
    for (double& slope : slopes.per_run[c])
      slope = slopes.estimates[c] + static_cast<double>(slopes.runs - 1) * (m - slope);
  }
  return slopes;
}

Json coefficient(const Slopes& slopes, std::size_t c, double theory, double confidence) {
  Json json = {{"estimate", number(slopes.estimates[c])},
               {"low", nullptr},
               {"high", nullptr},
               {"per_run", nullptr},
               {"theory", number(theory)}};
  const std::vector<double>& per_run = slopes.per_run[c];
  if (std::all_of(per_run.begin(), per_run.end(), [](double v) { return std::isfinite(v); })) {
    add_student(json, per_run, confidence, "low", "high");
    json["per_run"] = per_run;
  }
  return json;
}

/// What all figures of a grid are made from.
struct Grid {
  const std::vector<Cell>& cells;
  std::vector<Interval> intervals;  // of the energy, by cell
  std::vector<double> planned;      // batch sizes; none where the study does not say
  std::int64_t reference;           // batch size
  const AnalysisOptions& options;

  /// Of cells that count alone exponents are made: the logarithm of noise around 0 has any value.
  bool counts(std::size_t c) const { return intervals[c].low > 0; }
};

/// The energy where all rules agree, and whether it is more than chance; null without the cell.
Json reference_of(const Grid& grid, const std::vector<std::size_t>& of_optimizer) {
  for (const std::size_t c : of_optimizer) {
    const Cell& cell = grid.cells[c];
    if (cell.batch != grid.reference || !near(cell.rate_factor, 1)) continue;
    Json e = estimate(mean(cell.energies), grid.intervals[c],
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
Json fit_of(const std::string& optimizer, const Grid& grid,
            const std::vector<std::size_t>& of_optimizer) {
  std::vector<const Cell*> kept;
  std::vector<std::vector<double>> x(2);
  for (const std::size_t c : of_optimizer) {
    if (!grid.counts(c)) continue;
    kept.push_back(&grid.cells[c]);
    x[0].push_back(std::log(kept.back()->rate_factor));
    x[1].push_back(std::log(static_cast<double>(kept.back()->batch)));
  }
  const Slopes slopes = slopes_over_runs(x, kept);
  const auto found = static_cast<std::int64_t>(of_optimizer.size());
  return {{"optimizer", optimizer},
          {"cells", found},
          {"planned", std::max(planned_cells(grid, of_optimizer), found)},
          {"left_out", found - static_cast<std::int64_t>(kept.size())},
          {"runs", slopes.runs},
          {"reference", reference_of(grid, of_optimizer)},
          {"eta", coefficient(slopes, 1, 2, grid.options.confidence)},
          {"b", coefficient(slopes, 2, optimizer == "sgd" ? -2 : -1, grid.options.confidence)},
          {"r_squared", number(slopes.r_squared)}};
}

/// The slope over b that the exponents of fit_of() give along a rule.
double theory_of(const std::string& optimizer, const std::string& rule) {
  const double along = rule == "fixed" ? 0 : rule == "linear" ? 2 : 1;
  return (optimizer == "sgd" ? -2 : -1) + along;
}

/// The slope over b along a rule, of its cells that count; null for fewer than 3.
Json slope_of(const std::string& optimizer, const std::string& rule, const Grid& grid,
              const std::vector<std::size_t>& of_optimizer) {
  std::vector<const Cell*> along;
  std::vector<std::vector<double>> x(1);
  for (const std::size_t c : of_optimizer) {
    if (!grid.cells[c].has(rule) || !grid.counts(c)) continue;
    along.push_back(&grid.cells[c]);
    x[0].push_back(std::log(static_cast<double>(along.back()->batch)));
  }
  if (along.size() < 3) return nullptr;
  return {{"optimizer", optimizer},
          {"rule", rule},
          {"cells", along.size()},
          {"slope", coefficient(slopes_over_runs(x, along), 1, theory_of(optimizer, rule),
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
  Grid grid{cells, {}, {}, reference, options};
  if (study.contains("grid_batch_sizes"))
    grid.planned = numbers(study["grid_batch_sizes"], "study: grid_batch_sizes");
  Json rows = Json::array(), fits = Json::array(), rules = Json::array();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const Cell& cell = cells[c];
    grid.intervals.push_back(energy_interval(cell, options));
    Sources sources{cell.seeds, 0};
    for (const auto& users : cell.users.values)
      sources.users = std::max(sources.users, static_cast<std::int64_t>(users.size()));
    Json row = estimate(mean(cell.energies), grid.intervals.back(), sources);
    row["optimizer"] = cell.optimizer;
    row["batch"] = cell.batch;
    row["rate_factor"] = cell.rate_factor;
    row["rules"] = cell.rules;
    row["counts"] = grid.counts(c);
    row["per_run"] = cell.energies;
    row["accuracy"] = number(cell.accuracy);
    row["clean_accuracy"] = number(cell.clean_accuracy);
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
  const std::vector<StudyRun> base = runs.main("B", "lora", "utility");
  return {{"reference_batch", reference},
          {"measure", "phi"},
          {"base_accuracy", number(accuracy_of(base, seeds_of(base)))},
          {"cells", std::move(rows)},
          {"fits", std::move(fits)},
          {"rules", std::move(rules)},
          {"rates", rate_trend(runs, options)}};
}

}  // namespace chainline::experiments
