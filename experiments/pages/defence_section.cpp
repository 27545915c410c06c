#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/pages/memorization.h"
#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

/// The AUC of an attack; NaN without one.
Value auc_of(const Json& attack) {
  const Json& lira = at_path(attack, {"lira"});
  Value auc;
  auc.mean = number_of(lira, "auc");
  auc.low = number_of(lira, "low"), auc.high = number_of(lira, "high");
  return auc;
}

/// What attacks on phi tell; "" without one.
std::string attacks_on_phi(const Json& attacks) {
  std::vector<std::string> found;
  bool nobody = true;
  for (const char* code : {"T", "W100", "C0"}) {
    const Value auc = auc_of(find_in(attacks, {{"condition", code}, {"measure", "phi"}}));
    if (!auc.exists()) continue;
    nobody &= auc.low <= 0.5 && auc.high >= 0.5;
    found.push_back(fmt::format("{} after {}{}", value_text(auc), code,
                                std::string(code) == "C0" ? ", where nobody was seen" : ""));
  }
  if (found.empty()) return "";
  return (nobody ? " By phi it is not shown to tell anybody: AUC " : " By phi its AUC is ") +
         sentence_list(found) + ".";
}

/// Who was seen, told by how the same user looks to models that did not see them.
void add_attacks(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {
      {"Condition"}, {"On"}, {"AUC", true}, {"TPR at 1 % FPR", true}, {"epsilon at least", true},
      {"Runs", true}};
  const Json& attacks = at_path(page.analysis, {"attacks"});
  std::vector<Value> values;
  if (attacks.is_array())
    for (const Json& attack : attacks) {
      const std::string code = text_of(attack, "condition"), measure = text_of(attack, "measure");
      const Json& at = at_path(attack, {"lira", "tpr_at_1"});
      Value tpr;
      tpr.mean = number_of(at, "tpr");
      tpr.low = number_of(at, "low"), tpr.high = number_of(at, "high");
      const std::string reference = text_of(attack, "reference");
      table.rows.push_back({code,
                            measure + (reference.empty() ? "" : ", less that of " + reference),
                            value_text(auc_of(attack)), value_text(tpr),
                            number_text(number_of(at_path(attack, {"epsilon"}), "bound"), 2),
                            cell_text(at_path(attack, {"runs"}))});
      // An attack does not name its runs; they are those of counterfactual memorization.
      values.push_back(
          value_of(find_in(at_path(page.analysis, {"memorization"}),
                           {{"condition", code.c_str()}, {"measure", measure.c_str()}})));
    }
  if (table.rows.empty()) return part.lacks("membership attacks");
  std::string told;
  for (const char* code : {"T", "W100", "C0"})
    if (const Value auc = auc_of(find_in(attacks, {{"condition", code}, {"measure", "exposure"}}));
        auc.exists())
      told += fmt::format("{} of {} with {}{}", told.empty() ? " users" : ",", code,
                          told.empty() ? "AUC " : "", value_text(auc));
  Figure figure = page.figure("attacks",
                              told.empty() ? "Membership attacks on users (LiRA)"
                                           : "By exposure a membership attack tells" + told,
                              std::move(table), {"K5"});
  figure.caption =
      "LiRA at the level of users: for each run the others give the distributions of a user IN and "
      "OUT. phi is taken less that of the base before fine-tuning (B), on the same pictures of the "
      "same run, where there is one." +
      attacks_on_phi(attacks) + " AUC: " + confidence_text(page) +
      " intervals, bootstrap over users, each with all runs. TPR and epsilon: limits by "
      "Clopper-Pearson. epsilon: what telling users by a threshold shows the training to leak at "
      "least, row by row at " +
      confidence_text(page) + ". " + kTrials;
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control =
      "C0, where nobody was seen: what chance gives such an attack, which need not be 0.5";
  part.add(std::move(figure));
}

void add_counterfactual(const StudyPage& page, Part& part) {
  LineChart chart;
  chart.x.label = "users, from the least to the most memorized";
  chart.y.label = "exposure, IN less OUT, bits";
  chart.references = {{0, "none"}};
  std::map<std::string, std::string> shares;  // of users who are more exposed where they were seen
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
    if (std::isfinite(share)) shares[code] = fmt::format("{:.0f} %", 100 * share);
    values.push_back(value_of(row));
    chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return part.lacks("counterfactual memorization");
  std::string title = "Counterfactual memorization of every user";
  if (shares.contains("W100")) {
    title = fmt::format("After W100, {} of the users are more exposed in the runs that saw them",
                        shares["W100"]);
    if (shares.contains("C0")) title += "; after clean training " + shares["C0"];
    if (shares.contains("T")) title += "; after T " + shares["T"];
  }
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

}  // namespace

Part defence_part(const StudyPage& page) {
  Part part;
  part.section.title = "What of a user is memorized";
  add_attacks(page, part);
  const bool attacked = !part.section.figures.empty();
  add_counterfactual(page, part);
  add_privacy(page, attacked, part);
  return part;
}

}  // namespace chainline::experiments
