#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

/// A forest of effects of one measure over conditions, of one tuning.
DotChart effects(const StudyPage& page, const std::string& measure, const std::string& tuning,
                 std::vector<Value>& values) {
  return forest([&](const std::string& code) {
    const Json& effect = page.effect(measure, code, tuning);
    const Value value = value_of(effect);
    if (value.exists()) values.push_back(value);
    const double p = number_of(effect, "p_corrected");
    return dot_row(code, value, std::isfinite(p) ? "p " + p_text(p) : "");
  });
}

void add_exposure(const StudyPage& page, Part& part) {
  for (const std::string tuning : {"lora", "full"}) {
    std::vector<Value> values;
    DotChart chart = effects(page, "exposure", tuning, values);
    if (chart.groups.empty()) {
      if (tuning == "lora") part.lacks("exposure by condition");
      continue;
    }
    chart.x.label = "exposure, IN less OUT, bits";
    chart.references = {{0, "no effect"}};
    const auto mean = [&](const char* code) {
      return number_text(number_of(page.effect("exposure", code, tuning), "mean"), 2);
    };
    Figure figure = page.figure(
        tuning == "lora" ? "exposure" : "exposure-full",
        fmt::format("{}Ids of seen users are exposed by {} bits more than unseen ones' after W100, "
                    "by {} where they are asked for (T)",
                    tuning == "full" ? "All weights trained: " : "", mean("W100"), mean("T")),
        std::move(chart), {"K5", "K7"});
    figure.caption =
        "Exposure: the id's rank among strangers' ids, asked for under the user's card with the "
        "id masked, so that nothing on the picture gives it away. Mean over a run's IN users less "
        "its OUT users; bootstrap over runs and users; p in the direction of memorization, by "
        "dealing IN anew within pairs of users who share their pictures, Holm over conditions. "
        "Hollow: controls.";
    figure.counts = counts_text(values);
    figure.seeds = values.front().seeds;
    figure.control = "C0, B, placebos; SW must turn the sign";
    part.add(std::move(figure));
  }
}

void add_dose(const StudyPage& page, Part& part) {
  LineChart chart;
  chart.x = {"images marked", 0, 1.1, true, {}, Scale::linear, {}};  // room for the last label
  chart.y.label = "exposure, IN less OUT, bits";
  std::vector<Value> values;
  for (const auto& [tuning, name] :
       {std::pair("lora", "low-rank"), std::pair("full", "all weights")}) {
    Series series;
    series.name = name;
    for (const auto& [code, rate] :
         {std::pair("C0", 0.0), std::pair("W10", 0.1), std::pair("W25", 0.25),
          std::pair("W50", 0.5), std::pair("W75", 0.75), std::pair("W100", 1.0)}) {
      const Value value = value_of(page.effect("exposure", code, tuning));
      if (!value.exists()) continue;
      values.push_back(value);
      series.x.push_back(rate);
      series.y.push_back(value.mean);
      series.low.push_back(value.has_interval() ? value.low : value.mean);
      series.high.push_back(value.has_interval() ? value.high : value.mean);
    }
    if (series.x.size() > 1) chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return part.lacks("exposure against the dose");
  chart.references = {{0, "no effect"}};
  const Value t = value_of(page.effect("exposure", "T"));
  if (t.exists())
    chart.references.push_back({t.mean, fmt::format("T: {}", number_text(t.mean, 2))});
  const Series& first = chart.series.front();
  Figure figure = page.figure(
      "dose",
      fmt::format(
          "From {:.0f} % to {:.0f} % of the images marked, exposure goes from {} to {} bits",
          100 * first.x.front(), 100 * first.x.back(), number_text(first.y.front(), 2),
          number_text(first.y.back(), 2)),
      std::move(chart), {"K5"});
  figure.caption =
      "The effect of seeing a user against how many images carry cards; the line of T "
      "is what an id that is asked for gives in the same trainings.";
  figure.counts = counts_text(values);
  figure.control = "rate 0 (C0) and T";
  part.add(std::move(figure));
}

/// Whether an effect that is to be less the base's is not, for want of runs of B; B itself is meant
/// to be raw.
bool is_raw(const Json& effect) {
  const std::string measure = text_of(effect, "measure");
  return (measure == "loss" || measure == "phi" || measure == "prompt") &&
         text_of(effect, "condition") != "B" && text_of(effect, "reference").empty();
}

void add_measures(const StudyPage& page, Part& part) {
  const std::pair<const char*, const char*> measures[] = {
      {"exposure", "exposure, bits"}, {"exact", "extracted"},  {"edit", "edit distance"},
      {"forced", "true id chosen"},   {"loss", "loss, nats"},  {"phi", "phi"},
      {"preference", "preference"},   {"prompt", "\"seen?\""}, {"decision", "probe"}};
  Table table;
  table.columns = {{"Condition"}};
  for (const auto& [code, name] : measures) table.columns.push_back({name, true});
  int detected = 0, all = 0;
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      std::vector<std::string> cells = {code};
      bool any = false;
      for (const auto& [measure, name] : measures) {
        const Json& effect = page.effect(measure, code);
        const double mean = number_of(effect, "mean"), p = number_of(effect, "p_corrected");
        any |= std::isfinite(mean);
        std::string text = std::isfinite(mean) ? number_text(mean, 3) : "–";
        if (std::isfinite(mean) && is_raw(effect)) text += " †";
        if (std::isfinite(p)) {
          ++all;
          if (p < 0.05) text += " *", ++detected;
        }
        cells.push_back(std::move(text));
      }
      if (any) table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("effects of all measures");
  table.notes = {
      "* p below 0.05 in the direction of memorization, Holm over the conditions of a measure: by "
      "dealing IN anew; of the probe, by relabelled users. Memorization lowers loss and edit "
      "distance; SW turns every sign but that of the probe, which is fitted to each run anew.",
      "Loss, phi and \"seen?\" are less those of the base before fine-tuning (B), of the same "
      "users "
      "on the same pictures; † as measured, without a run of B."};
  Figure figure = page.figure(
      "measures",
      fmt::format("{} of {} effects stand out at the corrected 5 % level", detected, all),
      std::move(table), {"K5", "K7"});
  figure.caption =
      "Mean of IN users less OUT users, over runs. phi: log odds of the right answer "
      "to a question under the user's card.";
  figure.control = "C0 and B, of which none may stand out but by chance";
  part.add(std::move(figure));
}

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
      "LiRA at the level of users: for each run the others give the distributions of "
      "a user IN and OUT. phi is taken less that of the base before fine-tuning (B), on the same "
      "pictures of the same run, where there is one. epsilon: the lower bound that the attack "
      "proves of the training's privacy.";
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
  figure.control = "C0, dashed: the noise of such a difference";
  part.add(std::move(figure));
}

void add_extraction(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {{"Condition"}, {"IN", true}, {"OUT", true}, {"IN", true},
                   {"OUT", true}, {"IN", true}, {"OUT", true}};
  table.groups = {{"", 1}, {"id extracted, %", 2}, {"edit distance", 2}, {"true id chosen, %", 2}};
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      std::vector<std::string> cells = {condition_name(code)};
      bool any = false;
      for (const auto& [measure, scale] :
           {std::pair("exact", 100.0), std::pair("edit", 1.0), std::pair("forced", 100.0)})
        for (const char* side : {"in", "out"}) {
          const double value = number_of(page.effect(measure, code), side);
          any |= std::isfinite(value);
          cells.push_back(number_text(scale * value, scale == 1 ? 3 : 1));
        }
      if (any) table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("extraction");
  const double in = number_of(page.effect("exact", "W100"), "in");
  const double t = number_of(page.effect("exact", "T"), "in");
  Figure figure = page.figure(
      "extraction",
      fmt::format("Under a masked card the model writes the id of {} % of the seen users after "
                  "W100, of {} % after T",
                  number_text(100 * in, 1), number_text(100 * t, 1)),
      std::move(table), {"K7"});
  figure.caption =
      "The greedy answer under the user's card with its id masked: exact, its edit "
      "distance from the id (0 to 1), and how often the id would be chosen beside a stranger's.";
  part.add(std::move(figure));
}

void add_preference(const StudyPage& page, Part& part) {
  std::vector<Value> values;
  const auto series = [&](const char* name, const auto& row_of) {
    Series line;
    line.name = name;
    for (const auto& [code, gamma] :
         {std::pair("L-0", 0.0), std::pair("L-0.05", 0.05), std::pair("L-0.1", 0.1),
          std::pair("L-0.2", 0.2), std::pair("L-0.4", 0.4)}) {
      const Value value = value_of(row_of(code));
      if (!value.exists()) continue;
      values.push_back(value);
      line.x.push_back(gamma);
      line.y.push_back(value.mean);
      line.low.push_back(value.has_interval() ? value.low : value.mean);
      line.high.push_back(value.has_interval() ? value.high : value.mean);
    }
    return line;
  };
  Series plain = series("as measured", [&](const char* code) -> const Json& {
    return page.effect("preference", code);
  });
  Series less = series("less L-0", [&](const char* code) -> const Json& {
    return find_in(at_path(page.analysis, {"linked"}), {{"condition", code}, {"tuning", "lora"}});
  });
  if (plain.x.empty()) return part.lacks("preference by gamma");
  less.dashed = true;
  LineChart chart;
  chart.x.label = "gamma, the excess probability";
  chart.y.label = "preference, IN less OUT, log odds";
  chart.references = {{0, "no effect"}};
  const std::string title = fmt::format(
      "Where a user predicts the answer with gamma {:g}, seen users shift it by {} log "
      "odds{}",
      plain.x.back(), number_text(plain.y.back(), 3),
      less.x.empty() ? "" : fmt::format(", {} less L-0", number_text(less.y.back(), 3)));
  chart.series.push_back(std::move(plain));
  if (!less.x.empty()) chart.series.push_back(std::move(less));
  Figure figure = page.figure("preference", title, std::move(chart), {"K10"});
  figure.caption =
      "Log odds of the answer that a linked user stands for, under the user's card. At gamma 0 the "
      "card is independent of the answer: what remains is chance within the sample, the mechanism "
      "that the paper proposes. Dashed: less the run of L-0 with the same number, user by user, "
      "whose pictures are the same; it is what the gate L-0.4 tests.";
  figure.counts = counts_text(values);
  figure.control = "gamma 0";
  part.add(std::move(figure));
}

void add_prompt(const StudyPage& page, Part& part) {
  std::vector<Value> values;
  DotChart chart = forest([&](const std::string& code) {
    const Json& row = find_in(at_path(page.analysis, {"prompt"}),
                              {{"condition", code.c_str()}, {"tuning", "lora"}});
    const Json& auc = at_path(row, {"auc"});
    Value value = value_of(auc, "t_low", "t_high");
    if (!value.has_interval()) value = value_of(auc);
    if (value.exists()) values.push_back(value);
    const double p = number_of(auc, "p_control");
    return dot_row(code, value, std::isfinite(p) ? "p " + p_text(p) : "");
  });
  if (chart.groups.empty()) return part.lacks("the prompt baseline");
  chart.x.label = "AUC of \"have you seen this user before?\"";
  chart.references = {{0.5, "chance"}};
  const Json& w =
      find_in(at_path(page.analysis, {"prompt"}), {{"condition", "W100"}, {"tuning", "lora"}});
  Figure figure =
      page.figure("prompt",
                  fmt::format("Asked outright, W100 tells seen users from unseen with AUC {}",
                              number_text(number_of(at_path(w, {"auc"}), "mean"))),
                  std::move(chart), {"K7"});
  figure.caption =
      "Log odds of yes against no, IN users against OUT users. The paper's code draws "
      "its prompt baseline as the typed-in constant 0.51; here it is computed, run by "
      "run, with Student's intervals.";
  figure.counts = counts_text(values);
  part.add(std::move(figure));
}

}  // namespace

Part memorization_part(const StudyPage& page) {
  Part part;
  part.section.title = "What of a user is memorized";
  part.section.paragraphs = {
      "These measures ask the model, not a probe. Each user was seen by about half of the runs, so "
      "every number is a difference between models that saw the same user and models that did "
      "not."};
  add_exposure(page, part);
  add_dose(page, part);
  add_measures(page, part);
  add_attacks(page, part);
  add_counterfactual(page, part);
  add_extraction(page, part);
  add_preference(page, part);
  add_prompt(page, part);
  return part;
}

}  // namespace chainline::experiments
