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

/// What a bound of epsilon by attacks takes for granted.
constexpr const char* kTrials =
    "Such a bound takes every user of every run for a trial of its own. But IN and OUT are dealt "
    "within pairs, and the same users are in all runs, so that it is less sure than it says.";

/// Who was seen, told by how the same user looks to models that did not see them.
void add_attacks(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {
      {"Condition"}, {"On"}, {"AUC", true}, {"TPR at 1 % FPR", true}, {"epsilon at least", true},
      {"Runs", true}};
  std::string title = "Membership attacks on users (LiRA)";
  const Json& attacks = at_path(page.analysis, {"attacks"});
  if (attacks.is_array())
    for (const Json& attack : attacks) {
      const Json& lira = at_path(attack, {"lira"});
      Value auc, tpr;
      auc.mean = number_of(lira, "auc");
      auc.low = number_of(lira, "low"), auc.high = number_of(lira, "high");
      const Json& at = at_path(lira, {"tpr_at_1"});
      tpr.mean = number_of(at, "tpr");
      tpr.low = number_of(at, "low"), tpr.high = number_of(at, "high");
      if (text_of(attack, "condition") == "W100" && text_of(attack, "measure") == "phi" &&
          auc.exists())
        title = fmt::format("An attack that knows the other runs tells W100's users with AUC {}",
                            value_text(auc));
      const std::string reference = text_of(attack, "reference");
      table.rows.push_back(
          {text_of(attack, "condition"),
           text_of(attack, "measure") + (reference.empty() ? "" : ", less that of " + reference),
           value_text(auc), value_text(tpr),
           number_text(number_of(at_path(attack, {"epsilon"}), "bound"), 2),
           cell_text(at_path(attack, {"runs"}))});
    }
  if (table.rows.empty()) return part.lacks("membership attacks");
  Figure figure = page.figure("attacks", title, std::move(table), {"K5"});
  figure.caption =
      "LiRA at the level of users: for each run the others give the distributions of a user IN and "
      "OUT. phi is taken less that of the base before fine-tuning (B), on the same pictures of the "
      "same run, where there is one. epsilon: what telling users by a threshold shows the training "
      "to leak at least, row by row at " +
      confidence_text(page) + ". " + kTrials;
  figure.control = "C0, where nobody was seen: chance is 0.5";
  part.add(std::move(figure));
}

void add_counterfactual(const StudyPage& page, Part& part) {
  LineChart chart;
  chart.x.label = "users, from the least to the most memorized";
  chart.y.label = "exposure, IN less OUT, bits";
  chart.references = {{0, "none"}};
  std::string title = "Counterfactual memorization of every user";
  std::vector<Value> values;
  for (const char* code : {"C0", "W100", "L-0.4", "T"}) {
    const Json& row = find_in(at_path(page.analysis, {"memorization"}),
                              {{"condition", code}, {"measure", "exposure"}});
    std::vector<double> users = numbers_of(at_path(row, {"by_user"}));
    std::erase_if(users, [](double v) { return !std::isfinite(v); });
    if (users.empty()) continue;
    std::sort(users.begin(), users.end());
    Series series;
    series.name = code;
    series.dashed = std::string(code) == "C0";
    for (std::size_t u = 0; u < users.size(); ++u) {
      series.x.push_back(static_cast<double>(u + 1));
      series.y.push_back(users[u]);
    }
    const double share = number_of(row, "positive_share");
    if (std::string(code) == "W100" && std::isfinite(share))
      title = fmt::format(
          "After W100, {:.0f} % of the users are more exposed in the runs that saw "
          "them",
          100 * share);
    values.push_back(value_of(row));
    chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return part.lacks("counterfactual memorization");
  Figure figure = page.figure("counterfactual", title, std::move(chart), {"K5"});
  figure.caption =
      "For each user, the mean exposure over the runs that saw the user less that over "
      "the others, sorted; where nothing is memorized the curve passes 0 at half of "
      "the users.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0, dashed: the noise of such a difference";
  part.add(std::move(figure));
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
    for (const auto& [epsilon, value] : points) add_point(series, epsilon, value);
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
  figure.seeds = seeds_text(values);
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
      const Value difference = points_of(at_path(row, {"difference"}));
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
  figure.seeds = seeds_text(values);
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
}

}  // namespace

Part defence_part(const StudyPage& page) {
  Part part;
  part.section.title = "What of a user is memorized";
  add_attacks(page, part);
  add_counterfactual(page, part);
  const Json& rows = at_path(page.analysis, {"privacy"});
  if (!rows.is_array() || rows.empty()) {
    part.lacks("training with differential privacy");
    return part;
  }
  add_curve(page, rows, part);
  Table table;
  table.columns = {
      {"Condition"},      {"Noise", true}, {"Steps", true},    {"epsilon proved", true},
      {"exposure", true}, {"phi", true},   {"right, %", true}, {"epsilon by attack", true}};
  table.groups = {{"", 4}, {"IN less OUT", 2}, {"", 2}};
  const Json& utility = at_path(page.analysis, {"private_utility"});
  const auto accuracy_of = [&](const Json& row) {
    if (utility.is_array())
      for (const Json& other : utility)
        if (text_of(other, "score") == "accuracy" && row_name(other) == row_name(row) &&
            number_of(other, "noise") == number_of(row, "noise"))
          return 100 * number_of(other, "mean");
    return std::nan("");
  };
  int contradicted = 0, settings = 0;  // of those with noise that attacks bound
  double most_measures = 0;
  std::vector<Value> values;
  for (const Json& row : rows) {
    const Json& together = at_path(row, {"epsilon_together"});
    const double bound = number_of(together, "bound"), epsilon = number_of(row, "epsilon");
    const bool control = no_noise(row);
    settings += !control && std::isfinite(bound) && std::isfinite(epsilon);
    contradicted += !control && bound > epsilon;
    most_measures = std::max(most_measures, number_of(together, "measures"));
    const auto effect = [&](const char* measure) {
      values.push_back(value_of(at_path(row, {"effects", measure})));
      return value_text(values.back(), 2);
    };
    // The accountant has a number for any noise; that of next to none says nothing.
    table.rows.push_back({row_name(row), noise_text(row), cell_text(at_path(row, {"steps"})),
                          control ? "none" : number_text(epsilon, 2), effect("exposure"),
                          effect("phi"), number_text(accuracy_of(row), 1), number_text(bound, 2)});
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
    table.rows.push_back({name + ", another training", "none", "–", "none", value_text(exposure, 2),
                          value_text(phi, 2), "–", "–"});
  }
  Figure figure = page.figure(
      "privacy",
      settings == 0
          ? "What training with noise leaves of the effects; attacks bound no epsilon yet"
          : fmt::format("The attacks' lower bound passes the proved epsilon in {} of {} settings "
                        "with noise and a bound",
                        contradicted, settings),
      std::move(table));
  figure.caption =
      std::string("epsilon proved: what the accountant says of ") +
      (by_user(page) ? "a user" : "one picture") +
      ". By attack: what attacks on users show it to be at least, which takes two runs of a "
      "setting; "
      "the largest over the measures" +
      (most_measures > 0 ? fmt::format(" ({:g} at most)", most_measures) : "") + ", at " +
      confidence_text(page) + " for all of them together (Bonferroni), but not for all settings. " +
      kTrials +
      (by_user(page) ? " So a bound above epsilon would speak against the accounting; alone it "
                       "would not refute it."
                     : " A user has many pictures, so it may pass epsilon.") +
      " Right: answers to all questions about unseen images.";
  figure.caption +=
      " Noise none: next to none, the control, clipped alike over the same steps; it proves no "
      "epsilon. Another training: the study's run of the condition, whose batches are of pictures, "
      "not of users.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
  add_utility(page, part);
  return part;
}

}  // namespace chainline::experiments
