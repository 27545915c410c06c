#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

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

/// What every figure of the grid is about.
std::string energy_text(const StudyPage& page) {
  return "Energy: the spread of IN users' change of phi (log odds of the right answer under their "
         "card, against the clean run of the same batch size and rate) beyond that of OUT users; 0 "
         "is expected without memorization. Cells count if their own " +
         confidence_text(page) +
         " interval (bootstrap over runs and pairs of users) lies above 0. AdamW's gradients are "
         "clipped to norm 1, as in every run; SGD's are not, as in the theory.";
}

/// All cells, those without energy too, and what their models can still do.
Figure cells_figure(const StudyPage& page, const Json& cells) {
  const double base = number_of(at_path(page.analysis, {"grid"}), "base_accuracy");
  Table table;
  table.columns = {{"Optimizer"}, {"Batch", true}, {"Rate", true}, {"Energy", true},
                   {"counts?"},   {"Runs", true},  {"C0", true},   {"W100", true}};
  table.groups = {{"", 6}, {"Accuracy, %", 2}};
  int counting = 0, measured = 0;
  std::vector<std::string> diverged;
  for (const Json& cell : cells) {
    counting += counts(cell);
    const double clean = number_of(cell, "clean_accuracy");
    measured += std::isfinite(clean);
    const bool below = clean < base;  // false where either is missing
    const std::vector<std::string> place = {optimizer_name(text_of(cell, "optimizer")),
                                            plain_text(number_of(cell, "batch")),
                                            plain_text(number_of(cell, "rate_factor"))};
    if (below)
      diverged.push_back(fmt::format("{} at batch {} and rate {}", place[0], place[1], place[2]));
    table.rows.push_back({place[0], place[1], place[2], value_text(value_of(cell), 4),
                          counts(cell) ? "yes" : "no", cell_text(at_path(cell, {"runs"})),
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
  Figure figure = page.figure(
      "grid-cells",
      fmt::format(
          "{} of {} cells of batch size and learning rate show energy{}", counting, cells.size(),
          diverged.empty()
              ? ""
              : fmt::format("; in {} the clean training ends below its base", diverged.size())),
      std::move(table), {"K10"});
  figure.caption =
      "Equally many samples are seen in every cell. Rate: as a multiple of the optimizer's own. "
      "Accuracy on unseen images without cards, means over the cell's runs. " +
      energy_text(page);
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
  const std::string energy = energy_text(page);
  for (const std::string optimizer : {"adamw", "sgd"}) {
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
    figure.caption = "log10 of the energy, equally many samples seen in every cell. " + energy;
    describe(figure);
    part.add(std::move(figure));
  }
  SmallMultiples chart;
  chart.x = {"batch size", {}, {}, false, {}, Scale::log2, {}};
  chart.y = {"energy", {}, {}, false, {}, Scale::log10, {}};
  chart.columns = 2;
  for (const std::string optimizer : {"adamw", "sgd"}) {
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
    if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
  }
  if (!chart.panels.empty()) {
    Figure figure = page.figure("grid-rules",
                                "Memorization energy over batch sizes, by the rule "
                                "that the learning rate follows",
                                std::move(chart), {"K10"});
    figure.caption =
        "Theory: flat for SGD where the rate grows like b, for AdamW where it grows like its "
        "root. " +
        energy;
    describe(figure);
    part.add(std::move(figure));
  }
  Figure all = cells_figure(page, cells);
  describe(all);
  part.add(std::move(all));
  Table table;
  table.columns = {{"Optimizer"}, {"Slope"}, {"Measured", true}, {"Theory", true}, {"Cells", true}};
  int held = 0, tested = 0;
  // "7 of 10": cells that count, of those that are planned.
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
              ? fmt::format("{}, energy where all rules agree: {}, p {} by dealing IN anew.",
                            optimizer_name(text_of(fit, "optimizer")),
                            value_text(value_of(reference), 4), p_text(number_of(reference, "p")))
              : optimizer_name(text_of(fit, "optimizer")) +
                    ": no runs where all rules agree, without which no exponent is judged.");
    }
  const Json& rates = at_path(page.analysis, {"grid", "rates"});
  if (rates.is_object())
    table.notes.push_back("Energy over the share of marked images, slope a run at a time: " +
                          value_text(value_of(rates, "t_low", "t_high"), 4) + ", p " +
                          p_text(number_of(rates, "p_t")) + ".");
  Figure figure = page.figure(
      "grid-slopes",
      tested == 0
          ? "Slopes of the memorization energy against theory"
          : fmt::format("Theory lies in {} of {} intervals of the energy's slopes", held, tested),
      std::move(table), {"K10"});
  figure.caption =
      "Least squares of logarithms over the cells that count; Student's limits over a jackknife of "
      "the runs that all of them have. " +
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
