#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kPanels = 12;

/// A curve of a twin over steps; 0 has no place on a logarithmic axis and is a gap.
Series twin_series(const Json& twin, const char* what, std::size_t group, std::string name) {
  Series series;
  series.name = std::move(name);
  const std::vector<double> steps = numbers_of(at_path(twin, {"steps"}));
  const Json& all = at_path(twin, {what});
  if (!all.is_array() || group >= all.size()) return series;
  const std::vector<double> values = numbers_of(all[group]);
  bool any = false;
  for (std::size_t i = 0; i < std::min(steps.size(), values.size()); ++i) {
    if (!std::isfinite(steps[i])) continue;
    series.x.push_back(steps[i]);
    series.y.push_back(values[i] > 0 && std::isfinite(values[i]) ? values[i] : kNaN);
    any |= std::isfinite(series.y.back());
  }
  return any ? series : Series{series.name, {}, {}, {}, {}, false, 0};
}

void add_twins(const StudyPage& page, Part& part) {
  if (page.runs.twins.empty()) return part.lacks("twins of trainings");
  const Json& twin = page.runs.twins.front();
  SmallMultiples chart;
  chart.x.label = "step";
  chart.y = {"relative difference", {}, {}, false, {}, Scale::log10, {}};
  const Json& groups = at_path(twin, {"groups"});
  if (groups.is_array())
    for (std::size_t g = 0; g < groups.size() && chart.panels.size() < kPanels; ++g) {
      ChartPanel panel{cell_text(groups[g]), {}};
      for (const char* what : {"weights", "gradients"}) {
        Series series = twin_series(twin, what, g, what);
        if (!series.x.empty()) panel.series.push_back(std::move(series));
      }
      if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
    }
  if (chart.panels.empty()) return part.lacks("differences of twins by step");
  const Json& summary = at_path(page.analysis, {"twins"});
  double last = kNaN;
  if (const Json& list = at_path(summary, {"twins"}); list.is_array() && !list.empty())
    last = number_of(at_path(list.front(), {"last_weights"}), "all parameters");
  const std::string samples = cell_text(at_path(twin, {"samples"}));
  const bool zero = at_path(summary, {"all_zero"}) == Json(true);
  Figure figure = page.figure(
      "twins",
      fmt::format("Without the cards of {} samples the weights end {} away; without any "
                  "difference in the data {}",
                  samples, std::isfinite(last) ? fmt::format("{:.2g} (relative)", last) : "–",
                  zero ? "exactly 0" : "not exactly 0"),
      std::move(chart), {"K2"});
  std::int64_t identical = 0, all = 0;
  double largest = 0;
  std::set<std::int64_t> seeds;
  for (const Json& one : page.runs.twins) {
    ++all;
    identical += at_path(one, {"identical_rerun"}) == Json(true);
    const double rest = number_of(one, "max_difference_at_rate_0");
    if (std::isfinite(rest)) largest = std::max(largest, std::abs(rest));
    if (at_path(one, {"run"}).is_number_integer()) seeds.insert(one["run"].get<std::int64_t>());
  }
  figure.caption = fmt::format(
      "Run {} of {} and its twin, which differ in the cards of {} named samples and nothing else, "
      "step by step; logarithmic, so equal weights have no point. Relative: the distance of "
      "the two models' weights over the length of those that both began with; that of their "
      "gradients, before clipping, over the length of the run's own at that step. {} of {} equal "
      "twins have the hashes of their run at every step, and at rate 0 the largest difference is "
      "{:g}.",
      cell_text(at_path(twin, {"run"})), text_of(twin, "condition"), samples, identical, all,
      largest);
  figure.counts = counted(all, "twin");
  figure.seeds = seeds_text(Json(seeds));
  figure.control = "an equal twin, and twins at rate 0";
  figure.record = "runs.json";
  part.add(std::move(figure));
}

/// Whether a cell's energy is above 0 by its own interval.
bool counts(const Json& cell) { return at_path(cell, {"counts"}) == Json(true); }
/// Whether it is below.
bool below_zero(const Json& cell) { return !counts(cell) && number_of(cell, "high") < 0; }

/// How many cells of an optimizer are above 0, and whether they are enough to be drawn.
struct CellsAbove {
  int above = 0, found = 0;
  double planned = 0;

  std::string text() const { return fmt::format("{} of {:g}", above, planned); }
  bool enough() const { return above > 0 && above >= kCellsLeft * planned; }
};

CellsAbove cells_above(const StudyPage& page, const std::string& optimizer) {
  CellsAbove cells;
  for (const Json& cell : at_path(page.analysis, {"grid", "cells"})) {
    if (text_of(cell, "optimizer") != optimizer) continue;
    ++cells.found;
    cells.above += counts(cell);
  }
  cells.planned = number_of(
      find_in(at_path(page.analysis, {"grid", "fits"}), {{"optimizer", optimizer.c_str()}}),
      "planned");
  if (!std::isfinite(cells.planned)) cells.planned = cells.found;
  return cells;
}

/// Batch sizes by rates of one optimizer, log10 of the energy of cells that have some.
HeatMap grid_map(const Json& cells, const std::string& optimizer) {
  std::set<double> batches, rates;
  for (const Json& cell : cells) {
    if (text_of(cell, "optimizer") != optimizer) continue;
    batches.insert(number_of(cell, "batch"));
    rates.insert(number_of(cell, "rate_factor"));
  }
  HeatMap map;
  map.row_label = "batch";
  map.column_label = "learning rate / reference";
  map.digits = 2;
  std::vector<double> columns(rates.begin(), rates.end());
  if (columns.size() > 14) columns.resize(14);
  for (const double rate : columns) map.columns.push_back(fmt::format("{:.3g}", rate));
  for (const double batch : batches) {
    std::vector<double> values;
    std::vector<std::string> notes;
    for (const double rate : columns) {
      double energy = kNaN;
      std::string note;
      for (const Json& cell : cells)
        if (text_of(cell, "optimizer") == optimizer && number_of(cell, "batch") == batch &&
            number_of(cell, "rate_factor") == rate) {
          energy = number_of(cell, "mean");
          note = counts(cell) ? counted(value_of(cell).runs, "run") : "not above 0";
          if (!counts(cell)) energy = kNaN;
        }
      values.push_back(energy > 0 ? std::log10(energy) : kNaN);
      notes.push_back(note);
    }
    map.rows.push_back(fmt::format("{:g}", batch));
    map.values.push_back(std::move(values));
    map.notes.push_back(std::move(notes));
  }
  return map;
}

bool has_number(const HeatMap& map) {
  for (const auto& row : map.values)
    for (const double value : row)
      if (std::isfinite(value)) return true;
  return false;
}

std::string coefficient_text(const Json& of) {
  Value value;
  value.mean = number_of(of, "estimate");
  value.low = number_of(of, "low");
  value.high = number_of(of, "high");
  return value_text(value, 2);
}

std::string optimizer_name(const std::string& code) {
  return code == "sgd" ? "SGD" : code == "adamw" ? "AdamW" : code;
}

/// What every figure of the grid is about, said once.
std::string energy_text(const StudyPage& page) {
  return "Energy: the spread of IN users' change of phi (log odds of the right answer under their "
         "card, against the clean run of the same batch size and rate) beyond that of OUT users; 0 "
         "is expected without memorization. In brackets: a cell's own " +
         confidence_text(page) +
         " interval (bootstrap over runs and pairs of users). AdamW's gradients are clipped to "
         "norm 1, as in every run; SGD's are not, as in our theory.";
}

/// Which optimizers are in no map and no curve; "" where all are.
std::string not_drawn_text(const StudyPage& page) {
  std::vector<std::string> few;
  for (const std::string optimizer : {"adamw", "sgd"})
    if (const CellsAbove cells = cells_above(page, optimizer); cells.found > 0 && !cells.enough())
      few.push_back(
          fmt::format("{} ({} planned cells above 0)", optimizer_name(optimizer), cells.text()));
  if (few.empty()) return "";
  return fmt::format(
      "Not drawn by batch size and rate: {}. Where fewer than {:.0f} % of the planned cells lie "
      "above 0, chance would choose what is seen.",
      sentence_list(few), 100 * kCellsLeft);
}

/// All cells, those without energy too, and what their models can still do.
Figure cells_figure(const StudyPage& page, const Json& cells) {
  const double base = number_of(at_path(page.analysis, {"grid"}), "base_accuracy");
  Table table;
  table.columns = {{"Optimizer"}, {"Batch", true}, {"Rate", true}, {"Energy", true},
                   {"interval"},  {"Runs", true},  {"C0", true},   {"W100", true}};
  table.groups = {{"", 6}, {"Accuracy, %", 2}};
  int above = 0, under = 0, measured = 0;
  std::vector<std::string> diverged;
  for (const Json& cell : cells) {
    above += counts(cell);
    under += below_zero(cell);
    const double clean = number_of(cell, "clean_accuracy");
    measured += std::isfinite(clean);
    const bool below = clean < base;  // false where either is missing
    const std::vector<std::string> place = {optimizer_name(text_of(cell, "optimizer")),
                                            plain_text(number_of(cell, "batch")),
                                            plain_text(number_of(cell, "rate_factor"))};
    if (below)
      diverged.push_back(fmt::format("{} at batch {} and rate {}", place[0], place[1], place[2]));
    table.rows.push_back({place[0], place[1], place[2], value_text(value_of(cell), 4),
                          counts(cell)                    ? "above 0"
                          : below_zero(cell)              ? "below 0"
                          : value_of(cell).has_interval() ? "holds 0"
                                                          : "–",
                          cell_text(at_path(cell, {"runs"})),
                          number_text(100 * clean, 1) + (below ? " †" : ""),
                          number_text(100 * number_of(cell, "accuracy"), 1)});
  }
  if (!std::isfinite(base))
    table.notes = {"The base's own accuracy (B), below which a training has diverged, is missing."};
  else if (diverged.empty())
    table.notes = {fmt::format(
        "Of {} whose skill was measured, none answers less than the base before it, {:.1f} %.",
        counted(measured, "clean training"), 100 * base)};
  else
    table.notes = {fmt::format(
        "† diverged, or lost more than it learned: after training on clean images the model "
        "answers less than the base did before it, {:.1f} %. That is {}. Whatever its energy, such "
        "a cell says nothing of memorization in a model that works.",
        100 * base, sentence_list(diverged))};
  if (const std::string not_drawn = not_drawn_text(page); !not_drawn.empty())
    table.notes.push_back(not_drawn);
  Figure figure = page.figure(
      "grid-cells",
      fmt::format(
          "{} of {} cells of batch size and learning rate have a memorization energy above 0 and "
          "{} one below, each by its own {} interval, uncorrected{}",
          above, cells.size(), under, confidence_text(page),
          diverged.empty()
              ? ""
              : fmt::format("; in {} the clean training ends below its base", diverged.size())),
      std::move(table), {"K10"});
  figure.caption =
      "Equally many samples are seen in every cell. Rate: as a multiple of the optimizer's own. "
      "Accuracy on unseen images without cards, means over the cell's runs. " +
      energy_text(page);
  if (under > 0)
    figure.caption += fmt::format(
        " Memorization makes no energy negative. Cells wholly below 0 ({} here) are errors of "
        "their intervals, and as many above 0 are to be expected by chance: those above ({}) are "
        "{}.",
        under, above, above <= under ? "no more than that" : "more");
  return figure;
}

void add_grid(const StudyPage& page, Part& part) {
  const Json& cells = at_path(page.analysis, {"grid", "cells"});
  if (!cells.is_array() || cells.empty()) return part.lacks("the grid of batch sizes and rates");
  const Json& fits = at_path(page.analysis, {"grid", "fits"});
  std::vector<Value> values;
  for (const Json& cell : cells) values.push_back(value_of(cell));
  const auto describe = [&](Figure& figure) {
    figure.counts = counts_text(values);
    figure.seeds = seeds_text(values);
    figure.control = "C0 at the same batch size and rate";
  };
  const std::string energy = "Energy: as defined at the table of all cells.";
  Figure all = cells_figure(page, cells);
  describe(all);
  part.add(std::move(all));
  for (const std::string optimizer : {"adamw", "sgd"}) {
    const CellsAbove drawn = cells_above(page, optimizer);
    if (!drawn.enough()) continue;
    HeatMap map = grid_map(cells, optimizer);
    if (!has_number(map)) continue;
    const Json& fit = find_in(fits, {{"optimizer", optimizer.c_str()}});
    std::string title = fmt::format("Memorization energy of {} by batch size and learning rate",
                                    optimizer_name(optimizer));
    if (std::isfinite(number_of(at_path(fit, {"eta"}), "estimate")))
      title += fmt::format(": exponents {} and {}",
                           number_text(number_of(at_path(fit, {"b"}), "estimate"), 2),
                           number_text(number_of(at_path(fit, {"eta"}), "estimate"), 2));
    Figure figure = page.figure("grid-" + optimizer, title, std::move(map), {"K10"});
    figure.caption = "log10 of the energy, only of the cells above 0: " + drawn.text() +
                     ", chosen by that. Equally many samples are seen in every cell. " + energy;
    describe(figure);
    part.add(std::move(figure));
  }
  SmallMultiples chart;
  chart.x = {"batch size", {}, {}, false, {}, Scale::log2, {}};
  chart.y = {"energy", {}, {}, false, {}, Scale::log10, {}};
  chart.columns = 2;
  std::vector<std::string> shares;
  for (const std::string optimizer : {"adamw", "sgd"}) {
    const CellsAbove drawn = cells_above(page, optimizer);
    if (!drawn.enough()) continue;
    ChartPanel panel{optimizer_name(optimizer), {}};
    for (const char* rule : {"fixed", "linear", "square root"}) {
      std::map<double, Value> by_batch;
      for (const Json& cell : cells) {
        const Json& rules = at_path(cell, {"rules"});
        if (text_of(cell, "optimizer") == optimizer && rules.is_array() &&
            std::find(rules.begin(), rules.end(), Json(rule)) != rules.end() && counts(cell) &&
            number_of(cell, "mean") > 0)
          by_batch[number_of(cell, "batch")] = value_of(cell);
      }
      Series series;
      series.name = std::string(rule) == "fixed"    ? "rate fixed"
                    : std::string(rule) == "linear" ? "rate ~ b"
                                                    : "rate ~ √b";
      for (const auto& [batch, value] : by_batch) add_point(series, batch, value);
      if (!series.x.empty()) panel.series.push_back(std::move(series));
    }
    if (panel.series.empty()) continue;
    chart.panels.push_back(std::move(panel));
    shares.push_back(optimizer_name(optimizer) + " " + drawn.text());
  }
  if (!chart.panels.empty()) {
    Figure figure = page.figure("grid-rules",
                                "Memorization energy over batch sizes, by the rule "
                                "that the learning rate follows",
                                std::move(chart), {"K10"});
    figure.caption =
        "Only the cells above 0, chosen by that: " + sentence_list(shares) +
        ", with their own intervals. Our theory: flat for SGD where the rate grows like b, for "
        "AdamW where it grows like its root. " +
        energy;
    describe(figure);
    part.add(std::move(figure));
  }
  Table table;
  table.columns = {
      {"Optimizer"}, {"Slope"}, {"Measured", true}, {"Our theory", true}, {"Cells above 0", true}};
  int held = 0, tested = 0;
  // "7 of 10": cells above 0, of those that are planned.
  const auto cells_text = [](const Json& row) {
    const double counting = number_of(row, "cells") - number_of(row, "left_out");
    if (!std::isfinite(counting)) return cell_text(at_path(row, {"cells"}));
    return plain_text(counting) + " of " + plain_text(number_of(row, "planned"));
  };
  const auto add = [&](const Json& of, const Json& row, const std::string& what) {
    const double theory = number_of(of, "theory"), low = number_of(of, "low"),
                 high = number_of(of, "high");
    if (std::isfinite(low) && std::isfinite(high))
      ++tested, held += low <= theory && theory <= high;
    table.rows.push_back({optimizer_name(text_of(row, "optimizer")), what, coefficient_text(of),
                          cell_text(at_path(of, {"theory"}), 1), cells_text(row)});
  };
  if (fits.is_array())
    for (const Json& fit : fits) {
      add(at_path(fit, {"eta"}), fit, "log energy over log learning rate");
      add(at_path(fit, {"b"}), fit, "log energy over log batch size");
    }
  if (const Json& rules = at_path(page.analysis, {"grid", "rules"}); rules.is_array())
    for (const Json& rule : rules)
      add(at_path(rule, {"slope"}), rule, "over log batch size, rule: " + text_of(rule, "rule"));
  if (table.rows.empty()) return part.lacks("slopes of the grid");
  if (fits.is_array())
    for (const Json& fit : fits) {
      const Json& reference = at_path(fit, {"reference"});
      table.notes.push_back(
          reference.is_object()
              ? fmt::format("{}, energy where all rules agree: {} by a bootstrap, p {} by "
                            "dealing IN anew.",
                            optimizer_name(text_of(fit, "optimizer")),
                            value_text(value_of(reference), 4), p_text(number_of(reference, "p")))
              : optimizer_name(text_of(fit, "optimizer")) +
                    ": no runs where all rules agree, without which no exponent is judged.");
    }
  const Json& rates = at_path(page.analysis, {"grid", "rates"});
  if (rates.is_object())
    table.notes.push_back("Energy over the share of marked images, slope a run at a time: " +
                          value_text(value_of(rates, "t_low", "t_high"), 4) + ", p " +
                          p_text(number_of(rates, "p_t")) + ", by Student over runs.");
  Figure figure = page.figure(
      "grid-slopes",
      tested == 0 ? "Slopes of the memorization energy against our theory"
                  : fmt::format("Our theory lies in {} of {} intervals of the energy's slopes",
                                held, tested),
      std::move(table), {"K10"});
  figure.caption =
      "Least squares of logarithms over the cells above 0; Student's " + confidence_text(page) +
      " limits over a jackknife of the runs that all of them have. The theory is ours, not the "
      "paper's: how energy grows by the noise of mini-batches (docs/reproduction.md, K10). " +
      energy;
  describe(figure);
  part.add(std::move(figure));
}

}  // namespace

Part training_part(const StudyPage& page) {
  Part part;
  part.section.title = "Training under partial mini-batches";
  add_twins(page, part);
  add_grid(page, part);
  return part;
}

}  // namespace chainline::experiments
