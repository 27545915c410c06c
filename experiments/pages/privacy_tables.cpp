#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/analysis/utility.h"
#include "experiments/pages/memorization.h"
#include "experiments/statistics/hierarchical.h"

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

Value exposure_of(const Json& row) { return value_of(at_path(row, {"effects", "exposure"})); }

/// What noise takes of exposure: the control's less the row's, run by run, with Student's limits. No
/// mean unless both have the same runs.
Value taken_by_noise(const StudyPage& page, const Json& control, const Json& row) {
  Value taken;
  taken.mean = taken.low = taken.high = std::nan("");
  const Json& without = at_path(control, {"effects", "exposure"});
  const Json& with = at_path(row, {"effects", "exposure"});
  const Json& seeds = at_path(with, {"seeds"});
  const std::vector<double> a = numbers_of(at_path(without, {"per_run"}));
  const std::vector<double> b = numbers_of(at_path(with, {"per_run"}));
  const double confidence = number_of(at_path(page.analysis, {"options"}), "confidence");
  if (!seeds.is_array() || seeds != at_path(without, {"seeds"}) || seeds.size() < 2 ||
      a.size() != seeds.size() || b.size() != seeds.size() || !(confidence > 0 && confidence < 1))
    return taken;
  std::vector<double> differences;
  for (std::size_t r = 0; r < a.size(); ++r) {
    differences.push_back(a[r] - b[r]);
    if (!std::isfinite(differences.back())) return taken;
  }
  const RunMean student = run_mean_t(differences, confidence);
  taken.mean = student.mean;
  taken.low = student.interval.low, taken.high = student.interval.high;
  return taken;
}

/// How the intervals of private trainings are made.
std::string intervals_text(const StudyPage& page) {
  return " " + effect_intervals(page) +
         " Of what noise takes, the control's exposure less that of the same runs with "
         "noise, Student's over runs.";
}

void add_curve(const StudyPage& page, const Json& rows, Part& part) {
  LineChart chart;
  chart.x = {"epsilon of the training", {}, {}, false, {}, Scale::log10, {}};
  chart.y.label = "exposure, IN less OUT, bits";
  chart.references = {{0, "no effect"}};
  std::map<std::string, std::map<double, const Json*>> curves;
  std::vector<Value> values;
  for (const Json& row : rows) {
    const double epsilon = number_of(row, "epsilon");
    const Value value = exposure_of(row);
    if (!no_noise(row) && epsilon > 0 && std::isfinite(epsilon) && value.exists()) {
      curves[row_name(row)][epsilon] = &row;
      values.push_back(value);
    }
  }
  for (const auto& [name, points] : curves) {
    Series series;
    series.name = name;
    for (const auto& [epsilon, row] : points) add_point(series, epsilon, exposure_of(*row));
    if (chart.series.size() < 6) chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return part.lacks("the effect over epsilon");
  std::string title = "Exposure against the privacy that the training proves";
  for (const auto& [name, points] : curves) {
    const auto& [epsilon, row] = *points.begin();
    const Json& control = control_of(rows, *row);
    const Value clipped = exposure_of(control);
    if (clipped.exists()) {
      chart.references.push_back({clipped.mean, name + ", same steps and clipping, no noise: " +
                                                    number_text(clipped.mean, 2)});
      const std::string noisy = value_text(exposure_of(*row), 2);
      const Value taken = taken_by_noise(page, control, *row);
      if (title.starts_with("Exposure against"))
        title =
            fmt::format("At epsilon {:.3g}, ", epsilon) +
            (taken.exists()
                 ? fmt::format("noise takes {} bits of the exposure of {}: {} without, {} with it",
                               value_text(taken, 2), name, value_text(clipped, 2), noisy)
                 : fmt::format("exposure of {} is {} bits; after the same steps without noise {}",
                               name, noisy, value_text(clipped, 2)));
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
      "own run of the condition takes other batches, unclipped, and is no control." +
      intervals_text(page) + " Privacy bears on no claim.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
}

/// The accuracy after a private training, in per cent, of the questions of a score.
double private_accuracy(const StudyPage& page, const Json& row, const std::string& score) {
  const Json& others = at_path(page.analysis, {"private_utility"});
  if (others.is_array())
    for (const Json& other : others)
      if (text_of(other, "score") == score && row_name(other) == row_name(row) &&
          number_of(other, "noise") == number_of(row, "noise"))
        return 100 * number_of(other, "mean");
  return std::nan("");
}

/// The accuracy on all questions of the study's own trainings; a null without any.
const Json& study_accuracy(const StudyPage& page, const std::string& condition,
                           const std::string& tuning) {
  return find_in(at_path(page.analysis, {"utility", "rows"}), {{"mix", "general"},
                                                               {"condition", condition.c_str()},
                                                               {"tuning", tuning.c_str()},
                                                               {"score", "accuracy"}});
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
      for (const auto& [score, name] : scores)
        cells.push_back(number_text(private_accuracy(page, row, score), 1));
      const Value difference = points_of(at_path(row, {"difference"}));
      if (difference.exists() && !(difference.mean >= worst.mean)) worst = difference;
      cells.push_back(value_text(difference, 2));
      table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("what noise for privacy costs the task");
  std::vector<std::string> own;
  for (const Json& private_row : rows) {
    const std::string tuning = text_of(private_row, "tuning");
    for (const std::string& code : {text_of(private_row, "condition"), std::string("C0")}) {
      const Json& row = study_accuracy(page, code, tuning);
      const Value accuracy = points_of(row);
      if (!accuracy.exists()) continue;
      const std::string text =
          fmt::format("{} {} % ({})", row_name(row), number_text(accuracy.mean, 1),
                      counted(accuracy.runs, "run"));
      if (std::find(own.begin(), own.end(), text) == own.end()) own.push_back(text);
    }
  }
  if (!own.empty())
    table.notes.push_back(
        "All questions, after the study's own trainings, of other batches and unclipped: " +
        sentence_list(own) + ". They are no control of those above.");
  Figure figure = page.figure(
      "privacy-utility",
      worst.exists() ? fmt::format("Noise changes accuracy on all questions by {} points at worst",
                                   value_text(worst, 2))
                     : "Accuracy after training with noise",
      std::move(table));
  figure.caption =
      "Unseen test images without cards; means over runs. The difference is to the runs of the "
      "same number without noise, clipped alike over the same steps, with Student's " +
      confidence_text(page) +
      " limits over runs. A defence that leaves no skill has nothing left to hide, either. It "
      "bears on no claim.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
}

}  // namespace

void add_privacy(const StudyPage& page, bool attacked, Part& part) {
  const Json& rows = at_path(page.analysis, {"privacy"});
  if (!rows.is_array() || rows.empty()) {
    if (page.study.device == "cpu") part.lacks("training with differential privacy");
    return;  // elsewhere none is planned
  }
  add_curve(page, rows, part);
  Table table;
  table.columns = {{"Condition"}};
  for (const char* name : {"Noise", "Steps", "epsilon proved", "exposure", "taken by noise",
                           "right, %", "by attack", "Runs"})
    table.columns.push_back({name, true});
  table.groups = {{"", 4}, {"IN less OUT", 2}, {"", 3}};
  int contradicted = 0, settings = 0;                   // of those with noise that attacks bound
  double most_measures = 0, of_control = std::nan("");  // what attacks bound without noise
  std::int64_t control_runs = 0;
  std::vector<Value> values;
  for (const Json& row : rows) {
    const Json& together = at_path(row, {"epsilon_together"});
    const double bound = number_of(together, "bound"), epsilon = number_of(row, "epsilon");
    const bool control = no_noise(row);
    settings += !control && std::isfinite(bound) && std::isfinite(epsilon);
    contradicted += !control && bound > epsilon;
    const std::int64_t runs = exposure_of(row).runs;
    if (control && std::isfinite(bound)) {
      of_control = std::fmax(of_control, bound);
      control_runs = std::max(control_runs, runs);
    }
    const Value taken = taken_by_noise(page, control_of(rows, row), row);
    most_measures = std::max(most_measures, number_of(together, "measures"));
    values.push_back(exposure_of(row));
    // The accountant has a number for any noise; that of next to none says nothing.
    table.rows.push_back({row_name(row), noise_text(row), cell_text(at_path(row, {"steps"})),
                          control ? "none" : number_text(epsilon, 2), value_text(values.back(), 2),
                          control ? "–" : value_text(taken, 2),
                          number_text(private_accuracy(page, row, "accuracy"), 1),
                          number_text(bound, 2), fmt::format("{}", runs)});
  }
  std::vector<std::string> plain_rows;
  for (const Json& row : rows) {
    const std::string name = row_name(row);
    if (std::find(plain_rows.begin(), plain_rows.end(), name) != plain_rows.end()) continue;
    plain_rows.push_back(name);
    const Value exposure =
        value_of(page.effect("exposure", text_of(row, "condition"), text_of(row, "tuning")));
    if (!exposure.exists()) continue;
    const double right =
        100 *
        number_of(study_accuracy(page, text_of(row, "condition"), text_of(row, "tuning")), "mean");
    table.rows.push_back({name + ", another training", "none", "–", "none", value_text(exposure, 2),
                          "–", number_text(right, 1), "–", fmt::format("{}", exposure.runs)});
  }
  const bool blind = control_runs > 0 && number_text(of_control, 2) == "0.00" && contradicted == 0;
  Figure figure = page.figure(
      "privacy",
      settings == 0 ? "What training with noise leaves of the effects; attacks bound no epsilon yet"
      : blind
          ? "Attacks on " + counted(control_runs, "run") + " bound epsilon by " +
                number_text(of_control, 2) +
                " even without noise, so they cannot check the accounting"
          : fmt::format("The attacks' lower bound passes the proved epsilon in {} of {} settings "
                        "with noise and a bound",
                        contradicted, settings),
      std::move(table));
  figure.caption =
      std::string("epsilon proved: what the accountant says of ") +
      (by_user(page) ? "a user" : "one picture") +
      ". By attack: what attacks on users show it to be at least, which takes two runs of a "
      "setting; the largest over the measures" +
      (most_measures > 0 ? fmt::format(" ({:g} at most)", most_measures) : "") + ", at " +
      confidence_text(page) + " for all of them together (Bonferroni), but not for all settings. " +
      (attacked ? "It is less sure than it says, as the limits of the attacks above are."
                : kTrials) +
      (by_user(page) ? " So a bound above epsilon would speak against the accounting; alone it "
                       "would not refute it."
                     : " A user has many pictures, so it may pass epsilon.") +
      " Right: answers to all questions about unseen images." + intervals_text(page) +
      " Noise none: next to none, the control, clipped alike over the same steps; it proves no "
      "epsilon. Another training: the study's run of the condition, whose batches are of pictures, "
      "not of users.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "the same steps, clipped alike, with next to no noise";
  part.add(std::move(figure));
  add_utility(page, part);
}

}  // namespace chainline::experiments
