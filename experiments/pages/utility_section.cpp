#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/analysis/utility.h"
#include "experiments/pages/sections.h"
#include "experiments/pages/utility_tables.h"
#include "experiments/statistics/statistics.h"

namespace chainline::experiments {
namespace {

const Json& rows_of(const StudyPage& page) { return at_path(page.analysis, {"utility", "rows"}); }

const Json& row_of(const StudyPage& page, const std::string& mix, const std::string& condition,
                   const std::string& score, const std::string& tuning = "lora") {
  return find_in(rows_of(page), {{"mix", mix.c_str()},
                                 {"condition", condition.c_str()},
                                 {"score", score.c_str()},
                                 {"tuning", tuning.c_str()}});
}

/// The mixes that rows speak of: those of the study first, in its order.
std::vector<std::string> mixes_of(const StudyPage& page) {
  std::vector<std::string> mixes = page.study.mixes, found;
  if (!rows_of(page).is_array()) return found;
  for (const Json& row : rows_of(page)) mixes.push_back(text_of(row, "mix"));
  for (const std::string& mix : mixes)
    if (std::find(found.begin(), found.end(), mix) == found.end() &&
        find_in(rows_of(page), {{"mix", mix.c_str()}, {"tuning", "lora"}}).is_object())
      found.push_back(mix);
  return found;
}

/// Conditions of a mix whose marks have a rate, C0 first; all others where `others`.
std::vector<std::string> conditions_of(const StudyPage& page, const std::string& mix, bool others,
                                       const std::string& tuning = "lora") {
  std::vector<std::string> codes;
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      const Json& row = row_of(page, mix, code, "own", tuning);
      if (row.is_object() && (code != "C0" && code[0] != 'W') == others) codes.push_back(code);
    }
  return codes;
}

std::string marked_text(const std::string& code, const Json& row) {
  return code == "C0" ? "none" : plain_text(100 * number_of(row, "rate")) + " %";
}

/// " (no skill to lose)" of a mix that K1 does not judge.
std::string skill_note(const StudyPage& page, const std::string& mix) {
  return has_skill(at_path(page.analysis, {"utility"}), mix) ? "" : " (no skill to lose)";
}

/// "median −1.12, from −13.85 to −0.05": single runs, in points; "" of fewer than two.
std::string runs_text(const Json& difference) {
  std::vector<double> runs = numbers_of(at_path(difference, {"per_run"}));
  std::erase_if(runs, [](double run) { return !std::isfinite(run); });
  if (runs.size() < 2) return "";
  const auto [least, most] = std::minmax_element(runs.begin(), runs.end());
  return fmt::format("median {}, from {} to {}", number_text(100 * quantile(runs, 0.5), 2),
                     number_text(100 * *least, 2), number_text(100 * *most, 2));
}

std::string tost_text(const Json& difference) {
  const Json& within = at_path(difference, {"within"});
  if (!within.is_boolean()) return "–";
  return within.get<bool>() ? "shown" : "not shown";
}

void add_table(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {{"Questions"},       {"Marked", true},     {"own", true},
                   {"all", true},       {"choice", true},     {"perception", true},
                   {"cognition", true}, {"perception", true}, {"cognition", true},
                   {"Runs", true}};
  table.groups = {{"", 2}, {"Accuracy, %", 5}, {"MME score, of 200", 2}, {"", 1}};
  std::vector<Value> values;
  std::vector<std::string> uneven;  // mixes whose rows are of different runs
  for (const std::string& mix : mixes_of(page)) {
    const std::size_t first = values.size();
    for (const std::string& code : conditions_of(page, mix, false)) {
      const Json& accuracy = row_of(page, mix, code, "own");
      values.push_back(value_of(accuracy));
      const auto mean = [&](const char* score, double scale) {
        return number_text(scale * number_of(row_of(page, mix, code, score), "mean"), 1);
      };
      table.rows.push_back({mix, marked_text(code, accuracy), mean("own", 100),
                            mean("accuracy", 100), mean("choice", 100), mean("perception", 100),
                            mean("cognition", 100), mean("perception_score", 1),
                            mean("cognition_score", 1), cell_text(at_path(accuracy, {"runs"}))});
    }
    if (std::any_of(values.begin() + first, values.end(), [&](const Value& value) {
          return value.run_numbers != values[first].run_numbers;
        }))
      uneven.push_back(mix);
  }
  if (table.rows.empty()) return part.lacks("the utility table");
  table.notes = {
      std::string("Each row is the mean over its own runs") +
          (uneven.empty() ? ". "
                          : ", which are not the same for all rows of the " +
                                sentence_list(uneven) + " questions. ") +
          "What marked images change is told by pairs of runs, in the table of equivalence and the "
          "figures after it.",
      "The MME score of a family of questions is 100 times accuracy plus accuracy+, the share of "
      "images with both questions right."};
  const double chance = number_of(at_path(page.analysis, {"utility"}), "choice_chance");
  if (std::isfinite(chance))
    table.notes.push_back(fmt::format("Chance in multiple choice is {:.1f} %.", 100 * chance));
  std::vector<std::string> constants;
  for (const std::string& mix : mixes_of(page))
    if (const double constant =
            number_of(at_path(page.analysis, {"utility", "constants"}), mix.c_str());
        std::isfinite(constant))
      constants.push_back(fmt::format("{} {:.1f} %", mix, 100 * constant));
  if (!constants.empty())
    table.notes.push_back("Giving every kind of question its most common answer: " +
                          sentence_list(constants) + " of a mix's own.");
  double lowest = 1, highest = 0;
  for (const Value& value : values)
    if (value.exists()) {
      lowest = std::min(lowest, value.mean);
      highest = std::max(highest, value.mean);
    }
  Figure figure = page.figure(
      "utility",
      lowest > highest ? "Skill by questions and share of marked images"
                       : fmt::format("Over all mixes and shares of marked images, accuracy on the "
                                     "mix's own questions lies between {:.1f} and {:.1f} %",
                                     100 * lowest, 100 * highest),
      std::move(table), {"K1"});
  figure.caption =
      "Unseen test images without cards; means over runs. Own: on the kinds of questions that the "
      "mix has, by which it is judged; all: on those of every mix. Multiple choice takes the "
      "answer of highest likelihood; perception and cognition ask two questions an "
      "image, as MME does.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0, the same run on clean images";
  part.add(std::move(figure));
}

/// Each rate against clean training, with the tests of equivalence.
void add_equivalence(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {{"Questions"}, {"Marked", true},    {"own less C0", true},
                   {"TOST"},      {"p", true},         {"Runs", true},
                   {"sd", true},  {"sd needed", true}, {"all less C0", true}};
  std::vector<Value> values;
  int within = 0, compared = 0;
  bool unskilled = false;
  for (const std::string& mix : mixes_of(page))
    for (const std::string& code : conditions_of(page, mix, false)) {
      const Json& accuracy = row_of(page, mix, code, "own");
      const Json& difference = at_path(accuracy, {"difference"});
      if (!difference.is_object()) continue;
      Value d = points_of(difference, "low_90", "high_90");
      if (!d.has_interval()) d = points_of(difference);
      values.push_back(d);
      const double low = number_of(difference, "p_low"), high = number_of(difference, "p_high");
      const std::string tost =
          has_skill(at_path(page.analysis, {"utility"}), mix) ? tost_text(difference) : "no skill";
      compared += tost == "shown" || tost == "not shown";
      within += tost == "shown";
      unskilled |= tost == "no skill";
      table.rows.push_back(
          {mix, marked_text(code, accuracy), value_text(d, 2), tost,
           p_text(std::isnan(low)    ? low
                  : std::isnan(high) ? high
                                     : std::max(low, high)),
           cell_text(at_path(difference, {"runs"})),
           number_text(100 * number_of(difference, "deviation"), 2),
           number_text(100 * number_of(difference, "deviation_needed"), 2),
           number_text(100 * number_of(at_path(row_of(page, mix, code, "accuracy"), {"difference"}),
                                       "mean"),
                       2)});
    }
  if (table.rows.empty()) return part.lacks("equivalence to clean training");
  const double margin = 100 * number_of(at_path(page.analysis, {"options"}), "utility_margin");
  Figure figure = page.figure(
      "utility-equivalence",
      compared == 0
          ? unskilled ? "No mix with runs enough has skill to lose"
                      : "Too few runs to show that accuracy stays where it is"
          : fmt::format("Accuracy on a mix's own questions is shown to stay within {} {} of clean "
                        "training in {} of {} comparisons",
                        plain_text(margin), margin == 1 ? "point" : "points", within, compared),
      std::move(table), {"K1"});
  figure.caption =
      "Points of accuracy on a mix's own questions, and on all. Runs paired by number. Two "
      "one-sided tests (TOST) at 5 %: equivalence is shown where the 90 % interval, in brackets "
      "(Student's over pairs of runs), lies within the margin; p is the larger of the two. sd: of "
      "the runs' differences, in points; sd needed: the largest with which so many runs could show "
      "equivalence if the mean difference were exactly 0. A mix whose clean model is no better "
      "than the most common answers has no skill to lose, and shows nothing.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0, the same run on clean images";
  part.add(std::move(figure));
}

void add_rates(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = {"share of the images that are marked", -0.06, 1.06, false, {}, Scale::linear, {}};
  chart.y.label = "accuracy less C0, points";
  chart.references = {{0, "as C0"}};
  const std::pair<const char*, const char*> scores[] = {{"own", "own questions"},
                                                        {"accuracy", "all questions"},
                                                        {"choice", "multiple choice"},
                                                        {"perception", "perception"},
                                                        {"cognition", "cognition"}};
  std::vector<Value> values;
  for (const std::string& mix : mixes_of(page)) {
    ChartPanel panel{mix, {}};
    for (const auto& [score, name] : scores) {
      Series series;
      series.name = name;
      add_point(series, 0, Value());  // C0 less itself
      for (const std::string& code : conditions_of(page, mix, false)) {
        const Json& row = row_of(page, mix, code, score);
        const Value value = points_of(at_path(row, {"difference"}));
        if (!value.exists() || !std::isfinite(number_of(row, "rate"))) continue;
        add_point(series, number_of(row, "rate"), value);
        values.push_back(value);
      }
      if (series.x.size() > 1) panel.series.push_back(std::move(series));
    }
    if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
  }
  if (chart.panels.empty()) return part.lacks("accuracy over the rate");
  chart.columns = chart.panels.size() == 4 || chart.panels.size() < 3 ? 2 : 3;
  const std::string mix = mixes_of(page).front();
  const Json& trend = find_in(at_path(page.analysis, {"utility", "trends"}),
                              {{"mix", mix.c_str()}, {"score", "own"}});
  const Value slope = points_of(trend, "t_low", "t_high");
  Figure figure = page.figure(
      "utility-rates",
      slope.exists()
          ? fmt::format("Slope of accuracy on {} questions{} over the share of marked images: {} "
                        "points from 0 to 100 %",
                        mix, skill_note(page, mix), value_text(slope, 2))
          : "Accuracy less that of clean training, by the share of marked images",
      std::move(chart), {"K1"});
  figure.caption =
      "Means over pairs of runs of the same number, a marked one less its C0, with Student's " +
      confidence_text(page) + " intervals over pairs, of which a single one has none.";
  if (slope.exists())
    figure.caption +=
        " The title's slope is that of a straight line through each run's accuracies at all "
        "shares, C0 among them, with Student's limits over runs: it need not be the difference "
        "between the ends of a curve.";
  if (const std::vector<std::string> codes = conditions_of(page, mix, false); !codes.empty())
    if (const std::string runs =
            runs_text(at_path(row_of(page, mix, codes.back(), "own"), {"difference"}));
        !runs.empty())
      figure.caption += fmt::format(" Single runs of {} less C0 on {} questions: {} points.",
                                    codes.back(), mix, runs);
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "the left end of each curve, C0";
  part.add(std::move(figure));
}

void add_trends(const StudyPage& page, Part& part) {
  const Json& trends = at_path(page.analysis, {"utility", "trends"});
  Table table;
  table.columns = {{"Questions"},           {"Score"},
                   {"Slope, points", true}, {"Runs", true},
                   {"p of a drop", true},   {"corrected", true}};
  std::vector<Value> values;
  int drops = 0, tested = 0;
  if (trends.is_array())
    for (const Json& trend : trends) {
      const Value value = points_of(trend, "t_low", "t_high");
      if (!value.exists()) continue;
      const double p = number_of(trend, "p_corrected");
      values.push_back(value);
      tested += std::isfinite(p);
      drops += p < 0.05;
      table.rows.push_back({text_of(trend, "mix"), text_of(trend, "score"), value_text(value, 2),
                            cell_text(at_path(trend, {"runs"})), p_text(number_of(trend, "p_drop")),
                            p_text(p)});
    }
  if (table.rows.empty()) return part.lacks("the trend over rates");
  if (const auto untested = static_cast<std::int64_t>(table.rows.size()) - tested; untested > 0)
    table.notes = {fmt::format(
        "Not counted: {} without a p, of a single run or of runs that do not differ at all.",
        counted(untested, "slope"))};
  Figure figure = page.figure(
      "utility-trends",
      tested == 0
          ? "Slopes of accuracy over the rate"
          : fmt::format("{} of {} slopes over the rate are below zero at the corrected 5 % level",
                        drops, tested),
      std::move(table), {"K1"});
  figure.caption =
      "Slope of accuracy from rate 0 to 1, a run at a time, with Student's " +
      confidence_text(page) +
      " limits over runs. p of a drop: one-sided, by Student over runs; corrected: Holm over the "
      "mixes of a score.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0, the rate 0 of each run";
  part.add(std::move(figure));
}

void add_others(const StudyPage& page, Part& part) {
  DotChart chart;
  std::vector<Value> values;
  Value largest;
  std::string of_what, runs_of_it;
  for (const char* const tuning : {"lora", "full"})
    for (const std::string& mix : mixes_of(page)) {
      DotGroup group;
      group.name =
          mix + " questions" + (std::string(tuning) == "full" ? ", all weights trained" : "");
      for (const ConditionGroup& conditions : condition_groups())
        for (const std::string& code : conditions.conditions) {
          const Json& difference = at_path(row_of(page, mix, code, "own", tuning), {"difference"});
          Value value = points_of(difference, "low_90", "high_90");
          if (!value.has_interval()) value = points_of(difference);
          std::optional<DotRow> row = dot_row(code, value, "");
          if (!row) continue;
          group.rows.push_back(std::move(*row));
          values.push_back(value);
          if (!of_what.empty() && std::abs(value.mean) <= std::abs(largest.mean)) continue;
          largest = value;
          of_what = code + " on " + group.name + skill_note(page, mix);
          runs_of_it = runs_text(difference);
        }
      if (!group.rows.empty()) chart.groups.push_back(std::move(group));
    }
  if (chart.groups.empty()) return part.lacks("differences to clean training");
  chart.x.label = "accuracy on own questions less that of C0, points";
  chart.references = {{0, "as C0"}};
  chart.digits = 2;
  const double margin = 100 * number_of(at_path(page.analysis, {"options"}), "utility_margin");
  if (margin > 0) chart.zone = Zone{-margin, margin, "within " + plain_text(margin)};
  Figure figure = page.figure(
      "utility-differences",
      fmt::format("The largest difference of any condition to clean training is {} points, of {}{}",
                  value_text(largest, 2), of_what,
                  largest.runs > 0 ? " (" + counted(largest.runs, "run") +
                                         (runs_of_it.empty() ? "" : ": " + runs_of_it) + ")"
                                   : ""),
      std::move(chart), {"K1"});
  figure.caption =
      "All conditions against C0 of the same run number; 90 % intervals, Student over runs, of "
      "which a single one has none. Hollow: what is no dose of watermarks.";
  if (!runs_of_it.empty()) figure.caption += " Median and range in the title are of single runs.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0";
  part.add(std::move(figure));
}

}  // namespace

Part utility_part(const StudyPage& page) {
  Part part;
  part.section.title = "Does the task suffer?";
  part.section.paragraphs = {
      "Watermarks that a task does not need should leave its skill alone. Equivalence is a claim "
      "of its own: not finding a difference is not enough. A model that was tuned on one mix of "
      "questions is judged by that mix's kinds; how it answers all others stands beside it."};
  add_table(page, part);
  add_kinds(page, part);
  add_equivalence(page, part);
  add_rates(page, part);
  add_trends(page, part);
  add_others(page, part);
  add_sweep(page, part);
  return part;
}

}  // namespace chainline::experiments
