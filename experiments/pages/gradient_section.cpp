#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr const char* kAll = "all parameters";
constexpr const char* kCheckpoints[] = {"base", "C0"};

const Json& gradients_of(const StudyPage& page) { return at_path(page.analysis, {"gradients"}); }

const Json& row_of(const StudyPage& page, const std::string& at, const std::string& comparison,
                   const std::string& group = kAll) {
  return find_in(
      at_path(gradients_of(page), {"rows"}),
      {{"at", at.c_str()}, {"comparison", comparison.c_str()}, {"group", group.c_str()}});
}

/// Comparisons that rows speak of, in their order.
std::vector<std::string> comparisons_of(const StudyPage& page) {
  std::vector<std::string> names;
  const Json& rows = at_path(gradients_of(page), {"rows"});
  if (rows.is_array())
    for (const Json& row : rows) {
      const std::string name = text_of(row, "comparison");
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  return names;
}

std::string checkpoint_name(const std::string& at) {
  return at == "base" ? "base" : "after clean fine-tuning";
}

/// The place of the training batch's size among the sizes; nullopt without any.
std::optional<std::size_t> main_size(const StudyPage& page) {
  const std::vector<double> sizes = numbers_of(at_path(gradients_of(page), {"sizes"}));
  const double size = number_of(gradients_of(page), "size");
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] == size) return i;
  return std::nullopt;
}

Json item(const Json& list, std::size_t i) {
  return list.is_array() && i < list.size() ? list[i] : Json();
}

/// Cosines and intervals over batch sizes; where `squared`, 1/cos^2 - 1 with its limits exchanged.
Series cosine_series(const StudyPage& page, const Json& row, std::string name, bool squared) {
  const std::vector<double> sizes = numbers_of(at_path(gradients_of(page), {"sizes"}));
  const Json& list = at_path(row, {"cosine"});
  Series series;
  series.name = std::move(name);
  const auto transform = [&](double cosine) {
    return squared ? 1 / (cosine * cosine) - 1 : cosine;
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Value value = value_of(item(list, i));
    if (!value.exists() || !(sizes[i] > 0)) continue;
    const double y = transform(value.mean);
    // On a logarithmic axis an exact 1, whose squared tangent is 0, has no place; and the tangent of
    // an interval around 0 no limit.
    if (squared && !(y > 0 && std::isfinite(y))) continue;
    double low = value.has_interval() ? transform(squared ? value.high : value.low) : y;
    double high = value.has_interval() ? transform(squared ? value.low : value.high) : y;
    if (squared && !(value.low > 0)) low = high = y;
    series.x.push_back(sizes[i]);
    series.y.push_back(y);
    series.low.push_back(std::min(low, y));
    series.high.push_back(std::max(high, y));
  }
  return series;
}

Axis size_axis() { return {"batch size", {}, {}, false, {}, Scale::log2, {}}; }

std::string gradient_counts(const StudyPage& page) {
  const Json& rows = at_path(gradients_of(page), {"rows"});
  if (!rows.is_array() || rows.empty()) return "";
  const Value value = value_of(item(at_path(rows.front(), {"cosine"}), 0));
  return counted(value.runs, "run") +
         fmt::format(", {} batches a size at most", page.study.gradient_batches);
}

std::string gradient_seeds(const StudyPage& page) {
  const Json& rows = at_path(gradients_of(page), {"rows"});
  if (!rows.is_array() || rows.empty()) return "";
  return value_of(item(at_path(rows.front(), {"cosine"}), 0)).seeds;
}

void describe(const StudyPage& page, Figure& figure) {
  figure.counts = gradient_counts(page);
  figure.seeds = gradient_seeds(page);
  figure.control = "rerun (identical data), other batch (two clean ones), P-noise";
}

void add_table(const StudyPage& page, Part& part) {
  const std::optional<std::size_t> size = main_size(page);
  Table table;
  table.columns = {{"Clean against"}, {"cosine", true},     {"norm ratio", true}, {"change", true},
                   {"cosine", true},  {"norm ratio", true}, {"change", true}};
  table.groups = {{"", 1}, {"At the base", 3}, {"After clean fine-tuning (C0)", 3}};
  if (size)
    for (const std::string& comparison : comparisons_of(page)) {
      std::vector<std::string> cells = {comparison};
      for (const char* at : kCheckpoints) {
        const Json& row = row_of(page, at, comparison);
        cells.push_back(value_text(value_of(item(at_path(row, {"cosine"}), *size)), 4));
        cells.push_back(cell_text(item(at_path(row, {"norm_ratio"}), *size)));
        cells.push_back(cell_text(at_path(item(at_path(row, {"change"}), *size), {"mean"}), 4));
      }
      table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("the gradient table");
  table.notes = {
      "change = |g' - g|² / |g|²; g is the gradient of the clean batch, g' that of the "
      "same batch changed."};
  const Json& rerun = at_path(gradients_of(page), {"rerun"});
  if (rerun.is_object())
    table.notes.push_back(fmt::format(
        "Identical data: {} cosines from {} to {}, {}.", cell_text(at_path(rerun, {"batches"})),
        cell_text(at_path(rerun, {"smallest"}), 6), cell_text(at_path(rerun, {"largest"}), 6),
        at_path(rerun, {"exactly_one"}) == Json(true) ? "all exactly 1" : "not all exactly 1"));
  const auto cosine = [&](const char* comparison) {
    return number_of(item(at_path(row_of(page, "base", comparison), {"cosine"}), *size), "mean");
  };
  Figure figure = page.figure(
      "gradients",
      fmt::format("At batch {}, the base's gradient on marked images has cosine {} with the "
                  "clean one; with shuffled ink {}",
                  plain_text(number_of(gradients_of(page), "size")), number_text(cosine("W100"), 3),
                  number_text(cosine("P-noise"), 3)),
      std::move(table), {"K2", "K3"});
  figure.caption =
      "One checkpoint, one batch in two versions: no weights differ, so no drift is "
      "mixed in. W: cards on that percentage of the images; IMG: rotated, flipped, "
      "brightened; IMG-published: with the paper's flips; TXT: questions in other "
      "words.";
  describe(page, figure);
  part.add(std::move(figure));
}

void add_sizes(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y.label = "cosine with the clean gradient";
  chart.columns = 2;
  for (const char* at : kCheckpoints) {
    ChartPanel panel{checkpoint_name(at), {}};
    for (const char* name : {"W100", "W50", "P-noise", "IMG", "TXT", "other batch"}) {
      Series series = cosine_series(page, row_of(page, at, name), name, false);
      series.dashed = std::string(name) == "other batch";
      if (!series.x.empty()) panel.series.push_back(std::move(series));
    }
    if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
  }
  if (chart.panels.empty()) return part.lacks("the cosine over batch sizes");
  std::string title = "Cosine of clean and changed gradients over batch sizes";
  const Series w = cosine_series(page, row_of(page, "base", "W100"), "W100", false);
  if (w.x.size() > 1)
    title = fmt::format(
        "From batch {:g} to {:g} the cosine of clean and marked gradients {} from "
        "{} to {} at the base",
        w.x.front(), w.x.back(), w.y.back() > w.y.front() ? "rises" : "falls",
        number_text(w.y.front()), number_text(w.y.back()));
  Figure figure = page.figure("gradient-sizes", title, std::move(chart), {"K2", "K4"});
  figure.caption =
      "All parameters; means over batches and runs with bootstrap intervals over both.";
  describe(page, figure);
  part.add(std::move(figure));
}

void add_predicted(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y.label = "cosine with the clean gradient";
  double worst = 0;
  const std::vector<double> sizes = numbers_of(at_path(gradients_of(page), {"sizes"}));
  for (const std::string& comparison : comparisons_of(page)) {
    const Json& row = row_of(page, "base", comparison);
    Series measured = cosine_series(page, row, "measured", false);
    const std::vector<double> predicted = numbers_of(at_path(row, {"predicted"}));
    if (measured.x.empty() || predicted.size() != sizes.size()) continue;
    Series curve;
    curve.name = "predicted from moments";
    curve.dashed = true;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (!std::isfinite(predicted[i])) continue;
      curve.x.push_back(sizes[i]);
      curve.y.push_back(predicted[i]);
      for (std::size_t j = 0; j < measured.x.size(); ++j)
        if (measured.x[j] == sizes[i])
          worst = std::max(worst, std::abs(measured.y[j] - predicted[i]));
    }
    if (curve.x.empty()) continue;
    chart.panels.push_back({comparison, {std::move(measured), std::move(curve)}});
  }
  if (chart.panels.empty()) return part.lacks("predicted cosines");
  Figure figure = page.figure(
      "gradient-predicted",
      fmt::format("Mean and variance of single samples' gradients predict the cosines of batches "
                  "to within {}",
                  number_text(worst, 3)),
      std::move(chart), {"K4"});
  figure.caption =
      "At the base. With mean G and variance S of single gradients and D, Sd of their "
      "change: `cos(b) = (|G|² + G·D + S/b) / sqrt((|G|² + S/b) (|G + D|² + (S + "
      "Sd)/b))` and the covariance of both, a quotient of expectations. Nothing is fitted to the "
      "batches. A mean of cosines counts every batch alike, this quotient each by the length of "
      "its "
      "gradient: where a few samples have far longer ones than the rest, the two part.";
  describe(page, figure);
  part.add(std::move(figure));
}

/// plateau + decay (1 + offset) / (b + offset), as statistics/plateau.h fits it.
Series plateau_curve(const Json& fit, const std::vector<double>& sizes) {
  Series curve;
  curve.name = "fit";
  curve.dashed = true;
  const double plateau = number_of(at_path(fit, {"plateau"}), "estimate");
  const double decay = number_of(at_path(fit, {"decay"}), "estimate");
  const double offset = number_of(fit, "offset");
  for (const double b : sizes) {
    const double y = plateau + decay * (1 + offset) / (b + offset);
    if (!(b > 0) || !(y > 0) || !std::isfinite(y)) continue;
    curve.x.push_back(b);
    curve.y.push_back(y);
  }
  return curve;
}

void add_plateaus(const StudyPage& page, Part& part) {
  const Json& plateaus = at_path(gradients_of(page), {"plateaus"});
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y = {"1/cos² − 1", {}, {}, false, {}, Scale::log10, {}};
  Table table;
  table.columns = {{"Checkpoint"},     {"Clean against"}, {"share", true},  {"at b = 1", true},
                   {"at any b", true}, {"share", true},   {"plateau", true}};
  table.groups = {{"", 2}, {"By moments", 3}, {"Fit to mean cosines", 2}};
  const std::vector<double> sizes = numbers_of(at_path(gradients_of(page), {"sizes"}));
  std::string title = "What stays of 1/cos² − 1 at large batches";
  const Json& shares = at_path(gradients_of(page), {"shares"});
  const auto limits = [](const Json& of) {
    Value value;
    value.mean = number_of(of, "estimate");
    value.low = number_of(of, "low"), value.high = number_of(of, "high");
    return value_text(value, 2);
  };
  for (const char* at : kCheckpoints)
    for (const std::string& comparison : comparisons_of(page)) {
      const Json& fit = find_in(plateaus, {{"at", at}, {"comparison", comparison.c_str()}});
      const Json& share = find_in(shares, {{"at", at}, {"comparison", comparison.c_str()}});
      if (!fit.is_object() && !share.is_object()) continue;
      const auto by_moments = [&](const char* what) {
        return value_text(value_of(at_path(share, {what})), 2);
      };
      table.rows.push_back({checkpoint_name(at), comparison, by_moments("share"),
                            by_moments("at_one"), by_moments("at_any"),
                            limits(at_path(fit, {"ratio"})), limits(at_path(fit, {"plateau"}))});
      if (std::string(at) != "base") continue;
      if (comparison == "W100" && value_of(at_path(share, {"share"})).exists())
        title = fmt::format(
            "Of the squared tangent of the angle that cards give the gradient at batch 1, a share "
            "of {} stays at any batch",
            by_moments("share"));
      Series measured = cosine_series(page, row_of(page, at, comparison), "measured", true);
      Series curve = plateau_curve(fit, sizes);
      if (!measured.x.empty() && !curve.x.empty())
        chart.panels.push_back({comparison, {std::move(measured), std::move(curve)}});
    }
  if (!chart.panels.empty()) {
    Figure figure = page.figure("gradient-plateau", title, std::move(chart), {"K4"});
    figure.caption =
        "At the base, of the mean cosine of each size; both axes logarithmic. A mini-batch effect "
        "falls on without end; a systematic shift of the gradient is the plateau. Fit: `plateau + "
        "decay (1 + c) / (b + c)`. The claim is judged by the moments of single samples instead "
        "(table), which need no fit.";
    describe(page, figure);
    part.add(std::move(figure));
  } else {
    part.lacks("the plateau fit");
  }
  if (table.rows.empty()) return;
  Figure figure = page.figure("gradient-plateaus",
                              "What of 1/cos² − 1 stays at any batch size, by moments and by a fit",
                              std::move(table), {"K4"});
  figure.caption =
      "By moments: `1/cos² − 1` of the predicted cosine, run by run, with Student's limits; 0 "
      "where "
      "the unbiased |D|² is not above 0. Fit: to `1/cos² − 1` of each size's mean cosine, "
      "bootstrap "
      "over runs and then batches; the mean of `1/cos²` itself need not exist. A share near 0 is "
      "what the claim of a mini-batch effect needs; near 1 it is refuted. Mean cosines count every "
      "batch alike and moments each by its length, so that samples of very unequal gradients set "
      "the two apart.";
  describe(page, figure);
  part.add(std::move(figure));
}

void add_groups(const StudyPage& page, Part& part) {
  const std::optional<std::size_t> size = main_size(page);
  Table table;
  table.columns = {{"parameters"}};
  double lowest = std::numeric_limits<double>::infinity();
  std::string where;
  if (size) {
    std::vector<std::string> comparisons;
    for (const std::string& comparison : comparisons_of(page))
      if (comparison != "rerun") comparisons.push_back(comparison);
    for (const std::string& comparison : comparisons) table.columns.push_back({comparison, true});
    const Json& groups = at_path(gradients_of(page), {"groups"});
    if (groups.is_array())
      for (const Json& group : groups) {
        const std::string name = cell_text(group);
        std::vector<std::string> row = {name};
        bool any = false;
        for (const std::string& comparison : comparisons) {
          const double cosine = number_of(
              item(at_path(row_of(page, "base", comparison, name), {"cosine"}), *size), "mean");
          any = any || std::isfinite(cosine);
          if (comparison == "W100" && name != kAll && cosine < lowest)
            lowest = cosine, where = name;
          row.push_back(number_text(cosine));
        }
        if (any) table.rows.push_back(std::move(row));
      }
  }
  if (table.rows.empty()) return part.lacks("cosines by layer");
  Figure figure =
      page.figure("gradient-layers",
                  where.empty() ? "Cosines by group of parameters"
                                : fmt::format("Cards turn the gradient most in {}: cosine {}",
                                              where, number_text(lowest)),
                  std::move(table), {"K2"});
  figure.caption = fmt::format(
      "At the base and batch size {}; each row is the gradient of one "
      "group of parameters alone.",
      plain_text(number_of(gradients_of(page), "size")));
  describe(page, figure);
  part.add(std::move(figure));
}

void add_ratios(const StudyPage& page, Part& part) {
  const Json& ratios = at_path(gradients_of(page), {"ratios"});
  const double size = number_of(gradients_of(page), "size");
  DotChart chart;
  chart.digits = 2;
  chart.x.label = "amplitude of the change by cards / by the other";
  chart.references = {{1, "equal"}};
  std::string title = "How large a change cards make of a gradient, against others";
  if (ratios.is_array())
    for (const char* at : kCheckpoints)
      for (const auto& [member, what] :
           {std::pair("amplitude", "as it is"), std::pair("matched", "by root of pixel energy")}) {
        DotGroup group{fmt::format("{}, {}", checkpoint_name(at), what), {}};
        for (const Json& ratio : ratios) {
          if (text_of(ratio, "at") != at || number_of(ratio, "size") != size) continue;
          const Value value = value_of(at_path(ratio, {member}));
          const std::string to = text_of(ratio, "to");
          if (!value.exists()) continue;
          group.rows.push_back(
              {"to " + to, value.mean, value.low, value.high, "", to.starts_with("P-")});
          if (to == "IMG" && std::string(at) == "base" && std::string(member) == "amplitude")
            title = fmt::format(
                "Cards change the gradient {} times as much as image transforms "
                "do",
                number_text(value.mean, 2));
        }
        if (!group.rows.empty()) chart.groups.push_back(std::move(group));
      }
  if (chart.groups.empty()) return part.lacks("amplitudes against transforms");
  Figure figure = page.figure("gradient-ratios", title, std::move(chart), {"K3"});
  figure.caption = fmt::format(
      "At batch size {}: `sqrt(change by W100 / change by the other)`. The second group of each "
      "checkpoint divides either change by the root of how much pixels changed; a paraphrase "
      "changes none.",
      plain_text(size));
  describe(page, figure);
  part.add(std::move(figure));
}

}  // namespace

Part gradient_part(const StudyPage& page) {
  Part part;
  part.section.title = "Training under partial mini-batches";
  part.section.paragraphs = {
      "Gradients are compared at the same weights, on the same samples, with and without cards; "
      "trainings as twins that differ in named cards alone. All of it is exact, so identical data "
      "give a cosine of exactly 1, and whatever lies below is the data's."};
  add_table(page, part);
  add_sizes(page, part);
  add_predicted(page, part);
  add_plateaus(page, part);
  add_groups(page, part);
  add_ratios(page, part);
  return part;
}

}  // namespace chainline::experiments
