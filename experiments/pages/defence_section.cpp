#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/analysis/utility.h"
#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

std::string row_name(const Json& row) {
  return text_of(row, "condition") + (text_of(row, "tuning") == "full" ? ", all weights" : "");
}

/// Whether a row is of next to no noise: the training that those with noise are compared with.
bool no_noise(const Json& row) { return number_of(row, "noise") <= kControlNoise; }

/// The control of a condition and tuning; a null without one.
const Json& control_of(const Json& rows, const Json& row) {
  static const Json none;
  for (const Json& other : rows)
    if (no_noise(other) && row_name(other) == row_name(row)) return other;
  return none;
}

std::string noise_text(const Json& row) {
  return no_noise(row) ? "none" : cell_text(at_path(row, {"noise"}), 2);
}

/// Whether private trainings hide a user, or a picture.
bool by_user(const StudyPage& page) { return page.study.tune.dp_unit == PrivacyUnit::user; }

void add_curve(const StudyPage& page, const Json& rows, Part& part) {
  LineChart chart;
  chart.x = {"epsilon of the training", {}, {}, false, {}, Scale::log10, {}};
  chart.y.label = "exposure, IN less OUT, bits";
  chart.references = {{0, "no effect"}};
  std::map<std::string, std::map<double, Value>> curves;
  std::vector<Value> values;
  for (const Json& row : rows) {
    const double epsilon = number_of(row, "epsilon");
    const Value value = value_of(at_path(row, {"effects", "exposure"}));
    if (!no_noise(row) && epsilon > 0 && std::isfinite(epsilon) && value.exists()) {
      curves[row_name(row)][epsilon] = value;
      values.push_back(value);
    }
  }
  for (const auto& [name, points] : curves) {
    Series series;
    series.name = name;
    for (const auto& [epsilon, value] : points) {
      series.x.push_back(epsilon);
      series.y.push_back(value.mean);
      series.low.push_back(value.has_interval() ? value.low : value.mean);
      series.high.push_back(value.has_interval() ? value.high : value.mean);
    }
    if (chart.series.size() < 6) chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return part.lacks("the effect over epsilon");
  std::string title = "Exposure against the privacy that the training proves";
  for (const auto& [name, points] : curves) {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Json& r) { return row_name(r) == name; });
    const Value clipped = value_of(at_path(control_of(rows, *row), {"effects", "exposure"}));
    if (clipped.exists()) {
      chart.references.push_back(
          {clipped.mean, fmt::format("{}, same steps and clipping, no noise: "
                                     "{}",
                                     name, number_text(clipped.mean, 2))});
      const auto& [epsilon, value] = *points.begin();
      if (title.starts_with("Exposure against"))
        title = fmt::format(
            "At epsilon {:.3g}, exposure of {} is {} bits; after the same steps without noise {}",
            epsilon, name, number_text(value.mean, 2), number_text(clipped.mean, 2));
    }
    const Value plain =
        value_of(page.effect("exposure", text_of(*row, "condition"), text_of(*row, "tuning")));
    if (plain.exists())
      chart.references.push_back({plain.mean, fmt::format("{} of the study, another training: {}",
                                                          name, number_text(plain.mean, 2))});
  }
  Figure figure = page.figure("privacy-curve", title, std::move(chart));
  figure.caption =
      std::string("DP-SGD") +
      (by_user(page)
           ? " that clips the sum of a user's gradients: epsilon is of a user with all pictures."
           : " that clips single gradients: epsilon is of one picture, and a user has many.") +
      " From the Rényi accountant, at the study's delta; the sampling is the trainer's. What noise "
      "does is the distance to the line of the same steps and clipping without noise; the study's "
      "own run of the condition takes other batches, unclipped, and is no control.";
  figure.counts = counts_text(values);
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
}

/// What noise costs the task.
void add_utility(const StudyPage& page, Part& part) {
  const Json& rows = at_path(page.analysis, {"private_utility"});
  const std::pair<const char*, const char*> scores[] = {{"accuracy", "all"},
                                                        {"choice", "choice"},
                                                        {"perception", "perception"},
                                                        {"cognition", "cognition"}};
  Table table;
  table.columns = {{"Condition"}, {"Noise", true}};
  for (const auto& [score, name] : scores) table.columns.push_back({name, true});
  table.columns.push_back({"less no noise", true});
  table.groups = {{"", 2}, {"Accuracy, %", 4}, {"all, points", 1}};
  std::vector<Value> values;
  Value worst;
  worst.mean = std::nan("");
  if (rows.is_array())
    for (const Json& row : rows) {
      if (text_of(row, "score") != "accuracy") continue;
      values.push_back(value_of(row));
      std::vector<std::string> cells = {row_name(row), noise_text(row)};
      for (const auto& [score, name] : scores) {
        double accuracy = std::nan("");
        for (const Json& other : rows)
          if (text_of(other, "score") == score && row_name(other) == row_name(row) &&
              number_of(other, "noise") == number_of(row, "noise"))
            accuracy = number_of(other, "mean");
        cells.push_back(number_text(100 * accuracy, 1));
      }
      Value difference = value_of(at_path(row, {"difference"}));
      difference.mean *= 100, difference.low *= 100, difference.high *= 100;
      if (difference.exists() && !(difference.mean >= worst.mean)) worst = difference;
      cells.push_back(value_text(difference, 2));
      table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("what noise for privacy costs the task");
  Figure figure = page.figure(
      "privacy-utility",
      worst.exists() ? fmt::format("Noise changes accuracy on all questions by {} points at worst",
                                   value_text(worst, 2))
                     : "Accuracy after training with noise",
      std::move(table));
  figure.caption =
      "Unseen test images without cards; means over runs. The difference is to the runs of the "
      "same "
      "number without noise, clipped alike over the same steps, with Student's limits. A defence "
      "that leaves no skill has nothing left to hide, either.";
  figure.counts = counts_text(values);
  figure.seeds = values.front().seeds;
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
}

}  // namespace

Part defence_part(const StudyPage& page) {
  Part part;
  part.section.title = "What of a user is memorized";
  const Json& rows = at_path(page.analysis, {"privacy"});
  if (!rows.is_array() || rows.empty()) {
    part.lacks("training with differential privacy");
    return part;
  }
  add_curve(page, rows, part);
  Table table;
  table.columns = {{"Condition"},      {"Noise", true},           {"Steps", true},
                   {"epsilon", true},  {"exposure", true},        {"phi", true},
                   {"accuracy", true}, {"epsilon at least", true}};
  table.groups = {{"", 3}, {"proved above", 1}, {"IN less OUT", 2}, {"%", 1}, {"attacked", 1}};
  const Json& utility = at_path(page.analysis, {"private_utility"});
  const auto accuracy_of = [&](const Json& row) {
    if (utility.is_array())
      for (const Json& other : utility)
        if (text_of(other, "score") == "accuracy" && row_name(other) == row_name(row) &&
            number_of(other, "noise") == number_of(row, "noise"))
          return 100 * number_of(other, "mean");
    return std::nan("");
  };
  int contradicted = 0;
  std::size_t settings = 0;  // with noise
  for (const Json& row : rows) {
    double bound = std::nan("");
    const Json& bounds = at_path(row, {"epsilon_bound"});
    if (bounds.is_object())
      for (const auto& [measure, of] : bounds.items()) {
        const double b = number_of(of, "bound");
        if (std::isfinite(b) && !(b <= bound)) bound = b;
      }
    const bool control = no_noise(row);
    settings += !control;
    contradicted += !control && bound > number_of(row, "epsilon");
    const auto effect = [&](const char* measure) {
      return value_text(value_of(at_path(row, {"effects", measure})), 3);
    };
    // The accountant has a number for any noise; that of next to none says nothing.
    table.rows.push_back({row_name(row), noise_text(row), cell_text(at_path(row, {"steps"})),
                          control ? "none" : number_text(number_of(row, "epsilon"), 2),
                          effect("exposure"), effect("phi"), number_text(accuracy_of(row), 1),
                          number_text(bound, 2)});
  }
  std::vector<std::string> plain_rows;
  for (const Json& row : rows) {
    const std::string name = row_name(row);
    if (std::find(plain_rows.begin(), plain_rows.end(), name) != plain_rows.end()) continue;
    plain_rows.push_back(name);
    const auto effect = [&](const char* measure) {
      return page.effect(measure, text_of(row, "condition"), text_of(row, "tuning"));
    };
    const Value exposure = value_of(effect("exposure")), phi = value_of(effect("phi"));
    if (!exposure.exists() && !phi.exists()) continue;
    table.rows.push_back({name + ", another training", "none", "–", "none", value_text(exposure, 3),
                          value_text(phi, 3), "–", "–"});
  }
  Figure figure = page.figure(
      "privacy",
      fmt::format("The attacks' lower bound passes the proved epsilon in {} of {} settings",
                  contradicted, settings),
      std::move(table));
  figure.caption =
      std::string("epsilon: what the accountant proves of ") +
      (by_user(page) ? "a user. At least: what attacks on users show, at the limit of their "
                       "intervals; where it passes epsilon, the accounting is refuted."
                     : "one picture. At least: what attacks on users show, at the limit of their "
                       "intervals; a user has many pictures, so it may pass epsilon.");
  figure.caption +=
      " Noise none: next to none, the control, clipped alike over the same steps; it proves no "
      "epsilon. Another training: the study's run of the condition, whose batches are of pictures, "
      "not of users.";
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
  add_utility(page, part);
  return part;
}

}  // namespace chainline::experiments
