#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <span>

#include "experiments/claims/thresholds.h"
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
    figure.seeds = seeds_text(values);
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
      add_point(series, rate, value);
    }
    if (series.x.size() > 1) chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return part.lacks("exposure against the dose");
  chart.references = {{0, "no effect"}};
  const Value t = value_of(page.effect("exposure", "T"));
  if (t.exists())
    chart.references.push_back({t.mean, fmt::format("T, low-rank: {}", number_text(t.mean, 2))});
  const Series& first = chart.series.front();
  Figure figure = page.figure(
      "dose",
      fmt::format(
          "From {:.0f} % to {:.0f} % of the images marked, exposure goes from {} to {} bits ({})",
          100 * first.x.front(), 100 * first.x.back(), number_text(first.y.front(), 2),
          number_text(first.y.back(), 2), first.name),
      std::move(chart), {"K5"});
  figure.caption =
      "The effect of seeing a user against how many images carry cards. The line of T is what an "
      "id that is asked for gives, in trainings of its own, of low-rank additions.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
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

/// How tables name a measure of users: briefly, for there are nine.
struct MeasureName {
  const char* measure;
  const char* name;
};
constexpr MeasureName kOfIds[] = {
    {"exposure", "exposure"}, {"exact", "id written"}, {"edit", "edits"}, {"forced", "id chosen"}};
constexpr MeasureName kOfAnswers[] = {{"loss", "loss"},
                                      {"phi", "phi"},
                                      {"preference", "preference"},
                                      {"prompt", "\"seen?\""},
                                      {"decision", "probe"}};

/// Of how many effects something is so: of those of the positive control T, which should be found,
/// apart from all others.
struct Tally {
  int found = 0, all = 0, of_t = 0, all_of_t = 0;

  void add(const std::string& code, bool is_so) {
    (code == "T" ? all_of_t : all) += 1;
    (code == "T" ? of_t : found) += is_so;
  }
  std::string t_text() const {
    return all_of_t == 0 ? ""
                         : fmt::format("; of the positive control T, {} of {}", of_t, all_of_t);
  }
};

void add_measures(const StudyPage& page, Part& part) {
  std::vector<MeasureName> measures(std::begin(kOfIds), std::end(kOfIds));
  measures.insert(measures.end(), std::begin(kOfAnswers), std::end(kOfAnswers));
  Table table;
  table.columns = {{"Condition"}};
  for (const MeasureName& m : measures) table.columns.push_back({m.name, true});
  Tally detected;
  std::set<std::string> families;
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      std::vector<std::string> cells = {code};
      bool any = false;
      for (const MeasureName& m : measures) {
        const Json& effect = page.effect(m.measure, code);
        const double mean = number_of(effect, "mean"), p = number_of(effect, "p_corrected");
        any |= std::isfinite(mean);
        std::string text = std::isfinite(mean) ? number_text(mean, 2) : "–";
        if (std::isfinite(mean) && is_raw(effect)) text += " †";
        if (std::isfinite(p)) {
          detected.add(code, p < 0.05);
          families.insert(m.measure);
          if (p < 0.05) text += " *";
        }
        cells.push_back(std::move(text));
      }
      if (any) table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("effects of all measures");
  table.notes = {
      "* p below 0.05 in the direction of memorization, Holm over the conditions of a measure: by "
      "dealing IN anew; of the probe, by relabelled users. Memorization lowers loss and "
      "edits; SW turns every sign but that of the probe, which is fitted to each run anew.",
      "Loss, phi and \"seen?\" are less those of the base before fine-tuning (B), of the same "
      "users on the same pictures; † as measured, without a run of B."};
  if (families.size() > 1)
    table.notes.push_back(fmt::format(
        "Holm stays within a measure: the {} are {} families, each at 5 %, and nothing "
        "is corrected over them.",
        families.size() == measures.size() ? "columns" : "columns with p-values", families.size()));
  Figure figure = page.figure(
      "measures",
      families.empty() ? "Effects of all measures, IN less OUT"
                       : fmt::format("{} of {} effects stand out at the corrected 5 % level{}",
                                     detected.found, detected.all, detected.t_text()),
      std::move(table), {"K5", "K7"});
  figure.caption =
      "Low-rank additions: mean of IN users less OUT users, over runs; intervals in the next "
      "tables. exposure: in bits; id written: the share of users whose whole id is; edits: the "
      "distance of what is written from the id, 0 to 1; id chosen: the share of strangers' ids "
      "that "
      "the true one is preferred to; loss: in nats; phi: log odds of the right answer to a "
      "question "
      "under the user's card; preference: of the answer that the user's side stands for; "
      "\"seen?\": of yes against no when asked; probe: its held-out decision on a user, log odds "
      "of having been seen, at the primary layer.";
  figure.control = "C0 and B, of which none may stand out but by chance; T, which should";
  part.add(std::move(figure));
}

/// The intervals of some columns of the table above: all of them are too wide for one.
void add_intervals(const StudyPage& page, Part& part, const std::string& id,
                   const std::string& what, std::span<const MeasureName> measures) {
  Table table;
  table.columns = {{"Condition"}};
  for (const MeasureName& m : measures) table.columns.push_back({m.name, true});
  Tally holding;
  std::vector<Value> values;
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      std::vector<std::string> cells = {code};
      for (const MeasureName& m : measures) {
        const Value value = value_of(page.effect(m.measure, code));
        cells.push_back(
            value.has_interval() ? number_text(value.low) + " to " + number_text(value.high) : "–");
        if (!value.has_interval()) continue;
        holding.add(code, value.low <= 0 && value.high >= 0);
        values.push_back(value);
      }
      if (std::any_of(cells.begin() + 1, cells.end(), [](auto& cell) { return cell != "–"; }))
        table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("the intervals under \"" + what + "\"");
  Figure figure = page.figure(id,
                              fmt::format("{}: {} of {} intervals of IN less OUT hold 0{}", what,
                                          holding.found, holding.all, holding.t_text()),
                              std::move(table), {"K5", "K7"});
  figure.caption =
      confidence_text(page) +
      " intervals of the effects above, bootstrap over runs and pairs of users who share their "
      "pictures, of a single run over its pairs; not corrected for their number.";
  if (std::any_of(values.begin(), values.end(), [](auto& v) { return v.low == v.high; }))
    figure.caption += " Without width where a measure is the same for all users.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0, B and T";
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
      add_point(line, gamma, value);
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
      "Log odds of the answer that a linked user stands for, under the user's card. On a picture "
      "that asks for yes or no, the user's side is the answer with probability 1/2 + gamma. At "
      "gamma 0 the card is independent of the answer: what remains is chance within the sample, "
      "the mechanism that the paper proposes. Dashed: less the run of L-0 with the same number, "
      "user by user, whose pictures are the same; it is what the gate L-0.4 tests.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "gamma 0";
  part.add(std::move(figure));
}

void add_prompt(const StudyPage& page, Part& part) {
  std::vector<Value> values;
  std::size_t student = 0;
  DotChart chart = forest([&](const std::string& code) {
    const Json& row = find_in(at_path(page.analysis, {"prompt"}),
                              {{"condition", code.c_str()}, {"tuning", "lora"}});
    const Json& auc = at_path(row, {"auc"});
    Value value = value_of(auc, "t_low", "t_high");
    student += value.has_interval();
    if (!value.has_interval()) value = value_of(auc);
    if (value.exists()) values.push_back(value);
    const double p = number_of(auc, "p_control");
    return dot_row(code, value, std::isfinite(p) ? "p " + p_text(p) : "");
  });
  if (chart.groups.empty()) return part.lacks("the prompt baseline");
  chart.x.label = "AUC of \"have you seen this user before?\"";
  chart.references = {{0.5, "chance"}};
  const double low = 0.5 - kPromptMargin, high = 0.5 + kPromptMargin;
  chart.zone = Zone{low, high, fmt::format("{:g} to {:g}, at chance for K7", low, high)};
  const Json& w =
      find_in(at_path(page.analysis, {"prompt"}), {{"condition", "W100"}, {"tuning", "lora"}});
  Figure figure =
      page.figure("prompt",
                  fmt::format("Asked outright, W100 tells seen users from unseen with AUC {}",
                              number_text(number_of(at_path(w, {"auc"}), "mean"))),
                  std::move(chart), {"K7"});
  figure.caption =
      "Log odds of yes against no, IN users against OUT users. The paper's code draws its prompt "
      "baseline as the typed-in constant 0.51; here it is computed, run by run. " +
      confidence_text(page) + " intervals: " +
      (student == 0 ? "bootstrap over the users of the one run that a row has"
       : student < values.size()
           ? "Student's over runs, bootstrap over users where a row has one run"
           : "Student's over runs") +
      fmt::format(
          ". K7 asks W100 for a 90 % interval within the shaded {:g} to {:g}. p: above chance, by "
          "dealing IN anew within pairs of users; row by row, without a correction for their "
          "number, unlike the p of exposure and of all measures above, which is Holm's.",
          low, high);
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "B and C0, which saw nobody";
  part.add(std::move(figure));
}

}  // namespace

Part memorization_part(const StudyPage& page) {
  Part part;
  part.section.title = "What of a user is memorized";
  part.section.paragraphs = {
      "These measures ask the model, all but one, which is a probe's. A number is, unless it says "
      "otherwise, the difference within a model between the users that it saw (IN) and those that "
      "it did not (OUT), as a mean over runs; each run deals IN anew, so that about half of the "
      "runs saw a user. LiRA and counterfactual memorization, they alone, compare models that saw "
      "a user with models that did not see the same one."};
  add_exposure(page, part);
  add_dose(page, part);
  add_measures(page, part);
  add_intervals(page, part, "intervals-ids", "What is said of ids", kOfIds);
  add_intervals(page, part, "intervals-answers", "What else is said, and read", kOfAnswers);
  add_extraction(page, part);
  add_preference(page, part);
  add_prompt(page, part);
  return part;
}

}  // namespace chainline::experiments
