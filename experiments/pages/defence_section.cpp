#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

std::string row_name(const Json& row) {
  return text_of(row, "condition") + (text_of(row, "tuning") == "full" ? ", all weights" : "");
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
    if (epsilon > 0 && std::isfinite(epsilon) && value.exists()) {
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
  for (const char* code : {"T", "W100"}) {
    const Value bare = value_of(page.effect("exposure", code));
    if (!curves.contains(code) || !bare.exists()) continue;
    chart.references.push_back(
        {bare.mean, fmt::format("{} without noise: {}", code, number_text(bare.mean, 2))});
    const auto& [epsilon, value] = *curves[code].begin();
    if (title.starts_with("Exposure against"))
      title = fmt::format("At epsilon {:.3g}, exposure of {} is {} bits; without noise {}", epsilon,
                          code, number_text(value.mean, 2), number_text(bare.mean, 2));
  }
  Figure figure = page.figure("privacy-curve", title, std::move(chart));
  figure.caption =
      std::string("DP-SGD") +
      (by_user(page)
           ? " that clips the sum of a user's gradients: epsilon is of a user with all pictures."
           : " that clips single gradients: epsilon is of one picture, and a user has many.") +
      " From the Rényi accountant, at the study's delta; the sampling is the trainer's.";
  figure.counts = counts_text(values);
  figure.control = "the same trainings without noise";
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
  table.columns = {
      {"Condition"},      {"Noise", true}, {"Steps", true},           {"epsilon", true},
      {"exposure", true}, {"phi", true},   {"epsilon at least", true}};
  table.groups = {{"", 3}, {"proved above", 1}, {"IN less OUT", 2}, {"attacked", 1}};
  int contradicted = 0;
  for (const Json& row : rows) {
    double bound = std::nan("");
    const Json& bounds = at_path(row, {"epsilon_bound"});
    if (bounds.is_object())
      for (const auto& [measure, of] : bounds.items()) {
        const double b = number_of(of, "bound");
        if (std::isfinite(b) && !(b <= bound)) bound = b;
      }
    contradicted += bound > number_of(row, "epsilon");
    const auto effect = [&](const char* measure) {
      return value_text(value_of(at_path(row, {"effects", measure})), 3);
    };
    table.rows.push_back({row_name(row), cell_text(at_path(row, {"noise"}), 2),
                          cell_text(at_path(row, {"steps"})),
                          number_text(number_of(row, "epsilon"), 2), effect("exposure"),
                          effect("phi"), number_text(bound, 2)});
  }
  const std::size_t settings = table.rows.size();  // before the table goes into the figure
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
  part.add(std::move(figure));
  return part;
}

}  // namespace chainline::experiments
