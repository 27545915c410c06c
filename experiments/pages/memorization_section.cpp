#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <span>

#include "experiments/pages/memorization.h"
#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

/// A row for each condition of which a number is shown, with its runs in a last column. `cells`
/// gives the other cells of a condition, and the estimates that they show. Returns all of those.
template <typename Cells>
std::vector<Value> add_rows(Table& table, const Cells& cells) {
  table.columns.push_back({"Runs", true});
  std::vector<Value> all;
  std::set<std::int64_t> counts;
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      std::vector<Value> shown;
      std::vector<std::string> row = cells(code, shown);
      if (shown.empty()) continue;
      std::set<std::int64_t> runs;
      for (const Value& value : shown) runs.insert(value.runs);
      row.push_back((runs.size() > 1 ? fmt::format("{} to ", *runs.begin()) : "") +
                    fmt::format("{}", *runs.rbegin()));
      counts.insert(*runs.rbegin());
      table.rows.push_back(std::move(row));
      all.insert(all.end(), shown.begin(), shown.end());
    }
  if (counts.size() > 1)
    table.notes.push_back(
        "Rows of fewer runs are of other deals of the users and of other pictures: they compare "
        "only with each other.");
  return all;
}

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
    std::string found;
    for (const char* code : {"W100", "T"})
      if (const Value value = value_of(page.effect("exposure", code, tuning)); value.exists())
        found += fmt::format("{} {}{} after {}", found.empty() ? ":" : ",", value_text(value, 2),
                             found.empty() ? " bits" : "", code);
    const char* what = tuning == "full" ? "All weights trained: exposure" : "Exposure";
    Figure figure = page.figure(tuning == "lora" ? "exposure" : "exposure-full",
                                fmt::format("{}, seen less unseen{}", what, found),
                                std::move(chart), {"K5", "K7"});
    figure.caption =
        "Exposure: the id's rank among strangers' ids, asked for under the user's card with the "
        "id masked, so that nothing on the picture gives it away. Mean over a run's IN users less "
        "its OUT users. " +
        effect_intervals(page) +
        " p in the direction of memorization, by permuting IN and OUT within those pairs, Holm "
        "over conditions. Hollow: controls.";
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
  const auto at = [&](std::size_t i) {
    Value value;
    value.mean = first.y[i], value.low = first.low[i], value.high = first.high[i];
    if (!(value.low < value.high)) value.low = value.high = std::nan("");
    return value_text(value, 2);
  };
  const std::string title = fmt::format(
      "From {:.0f} % to {:.0f} % of the images marked, the difference in exposure goes from {} to "
      "{} bits ({})",
      100 * first.x.front(), 100 * first.x.back(), at(0), at(first.y.size() - 1), first.name);
  Figure figure = page.figure("dose", title, std::move(chart), {"K5"});
  figure.caption =
      "The effect of seeing a user against how many images carry cards. The line of T is what an "
      "id that is asked for gives, in trainings of its own, of low-rank additions. " +
      effect_intervals(page);
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

/// Of how many effects something is so. Those of positive controls, which should be found, count
/// apart: all of T, and the preference of linked users, who predict the answer (not those of L-0).
class Tally {
 public:
  void add(const std::string& code, const std::string& measure, bool is_so) {
    const bool linked = measure == "preference" && code.starts_with("L-") && code != "L-0";
    Count& count = code == "T" ? of_t_ : linked ? of_linked_ : others_;
    ++count.all;
    count.found += is_so;
    if (linked && is_so) linked_.push_back(code);
  }
  /// "None of 95", "2 of 95": all but positive controls.
  std::string others() const {
    return fmt::format("{} of {}", others_.found == 0 ? "None" : fmt::format("{}", others_.found),
                       others_.all);
  }
  /// "; of the positive controls, T 3 of 9 and preference of linked users 1 of 4 (L-0.4)".
  std::string controls() const {
    std::vector<std::string> parts;
    if (of_t_.all > 0) parts.push_back(fmt::format("T {} of {}", of_t_.found, of_t_.all));
    if (of_linked_.all > 0)
      parts.push_back(fmt::format(
          "preference of linked users {} of {}{}", of_linked_.found, of_linked_.all,
          linked_.empty() ? std::string() : fmt::format(" ({})", sentence_list(linked_))));
    return parts.empty() ? "" : "; of the positive controls, " + sentence_list(parts);
  }

 private:
  struct Count {
    int found = 0, all = 0;
  };
  Count others_, of_t_, of_linked_;
  std::vector<std::string> linked_;  // of which conditions it is so
};

void add_measures(const StudyPage& page, Part& part) {
  std::vector<MeasureName> measures(std::begin(kOfIds), std::end(kOfIds));
  measures.insert(measures.end(), std::begin(kOfAnswers), std::end(kOfAnswers));
  Table table;
  table.columns = {{"Condition"}};
  for (const MeasureName& m : measures) table.columns.push_back({m.name, true});
  Tally detected;
  std::set<std::string> families;
  const auto cells_of = [&](const std::string& code, std::vector<Value>& shown) {
    std::vector<std::string> cells = {code};
    for (const MeasureName& m : measures) {
      const Json& effect = page.effect(m.measure, code);
      const Value value = value_of(effect);
      const double p = number_of(effect, "p_corrected");
      std::string text = number_text(value.mean, 2);
      if (value.exists()) shown.push_back(value);
      if (value.exists() && is_raw(effect)) text += " †";
      if (std::isfinite(p)) {
        detected.add(code, m.measure, p < 0.05);
        families.insert(m.measure);
        if (p < 0.05) text += " *";
      }
      cells.push_back(std::move(text));
    }
    return cells;
  };
  const std::vector<Value> values = add_rows(table, cells_of);
  if (table.rows.empty()) return part.lacks("effects of all measures");
  table.notes.push_back(
      "* p below 0.05 in the direction of memorization, Holm over the conditions of a measure: by "
      "permuting IN and OUT within pairs of users who share their pictures; of the probe, by "
      "relabelled users. Memorization lowers loss and edits; SW turns every sign but that of the "
      "probe, which is fitted to each run anew.");
  table.notes.push_back(
      "Loss, phi and \"seen?\" are less those of the base before fine-tuning (B), of the same "
      "users on the same pictures; † as measured, without a run of B.");
  if (families.size() > 1)
    table.notes.push_back(fmt::format(
        "Holm stays within a measure: the {} are {} families, each at 5 %, and nothing "
        "is corrected over them.",
        families.size() == measures.size() ? "columns" : "columns with p-values", families.size()));
  std::string title = "Effects of all measures, IN less OUT";
  if (!families.empty())
    title =
        detected.others() + " effects stand out at the corrected 5 % level" + detected.controls();
  Figure figure = page.figure("measures", title, std::move(table), {"K5", "K7"});
  figure.caption =
      "Low-rank additions: mean of IN users less OUT users, over runs; intervals, of a bootstrap "
      "over runs, then over pairs of users, in the next tables. exposure: in bits; id written: the "
      "share of users whose whole id is written; edits: the distance of what is written from the "
      "id, 0 to 1; id chosen: the share of strangers' ids that the true one is preferred to; loss: "
      "in nats; phi: log odds of the right answer to a question under the user's card; preference: "
      "of the answer that the user's side stands for; \"seen?\": of yes against no when asked; "
      "probe: its held-out decision on a user, log odds of having been seen, at the primary layer.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control =
      "C0 and B, of which none may stand out but by chance; T and the preference of L-0.4, which "
      "should";
  part.add(std::move(figure));
}

/// The intervals of some columns of the table above: all of them are too wide for one.
void add_intervals(const StudyPage& page, Part& part, const std::string& id,
                   const std::string& what, std::span<const MeasureName> measures) {
  Table table;
  table.columns = {{"Condition"}};
  for (const MeasureName& m : measures) table.columns.push_back({m.name, true});
  Tally holding;
  const auto cells_of = [&](const std::string& code, std::vector<Value>& shown) {
    std::vector<std::string> cells = {code};
    for (const MeasureName& m : measures) {
      const Value value = value_of(page.effect(m.measure, code));
      cells.push_back(
          value.has_interval() ? number_text(value.low) + " to " + number_text(value.high) : "–");
      if (!value.has_interval()) continue;
      shown.push_back(value);
      if (value.low < value.high) holding.add(code, m.measure, value.low <= 0 && value.high >= 0);
    }
    return cells;
  };
  const std::vector<Value> values = add_rows(table, cells_of);
  if (table.rows.empty()) return part.lacks("the intervals under \"" + what + "\"");
  const std::string title =
      what + ": " + holding.others() + " intervals of IN less OUT hold 0" + holding.controls();
  Figure figure = page.figure(id, title, std::move(table), {"K5", "K7"});
  figure.caption =
      "Of the effects above. " + effect_intervals(page) + " Not corrected for their number.";
  if (std::any_of(values.begin(), values.end(), [](auto& v) { return v.low == v.high; }))
    figure.caption +=
        " Those without width, where a measure is the same for all users, are not counted.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "C0, B and T";
  part.add(std::move(figure));
}

/// "93.4 % of choices after T, 46.2 % after W100": of the users that were seen, where measured.
std::string seen_shares(const StudyPage& page, const char* measure, const std::string& of) {
  std::string text;
  for (const char* code : {"T", "W100"})
    if (const double in = number_of(page.effect(measure, code), "in"); std::isfinite(in))
      text += fmt::format("{}{} %{} after {}", text.empty() ? "" : ", ", number_text(100 * in, 1),
                          text.empty() ? of : std::string(), code);
  return text;
}

void add_extraction(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {{"Condition"}, {"IN", true}, {"OUT", true}, {"IN", true},
                   {"OUT", true}, {"IN", true}, {"OUT", true}};
  table.groups = {
      {"", 1}, {"id written whole, %", 2}, {"edit distance", 2}, {"true id chosen, %", 2}, {"", 1}};
  bool measured = false, written = false;
  const auto cells_of = [&](const std::string& code, std::vector<Value>& shown) {
    std::vector<std::string> cells = {condition_name(code)};
    for (const auto& [measure, scale] :
         {std::pair("exact", 100.0), std::pair("edit", 1.0), std::pair("forced", 100.0)})
      for (const char* side : {"in", "out"}) {
        const Json& effect = page.effect(measure, code);
        const double value = number_of(effect, side);
        cells.push_back(number_text(scale * value, scale == 1 ? 3 : 1));
        if (!std::isfinite(value)) continue;
        shown.push_back(value_of(effect));
        measured |= std::string(measure) == "exact";
        written |= std::string(measure) == "exact" && value > 0;
      }
    return cells;
  };
  const std::vector<Value> values = add_rows(table, cells_of);
  if (table.rows.empty()) return part.lacks("extraction");
  const bool powerless =
      measured && !written && std::isfinite(number_of(page.effect("exact", "T"), "in"));
  std::string title = powerless ? "No id is written whole, not even after T"
                      : measured && !written
                          ? "No id is written whole"
                          : seen_shares(page, "exact", " of seen users' ids are written whole");
  if (const std::string chosen = seen_shares(page, "forced", " of choices"); !chosen.empty())
    title += (title.empty() ? "The" : "; the") + (" true id beats a stranger's in " + chosen);
  if (title.empty()) title = "Ids written whole, and chosen beside strangers'";
  Figure figure = page.figure("extraction", title, std::move(table), {"K7"});
  figure.caption =
      "The greedy answer under the user's card with its id masked: exact, its edit "
      "distance from the id (0 to 1), and how often the id would be chosen beside a stranger's. "
      "Means over runs; the intervals of IN less OUT are above.";
  if (powerless)
    figure.caption += " T asks for ids and gets none whole: so that measure has no power here.";
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "B and C0, which saw nobody; T, which asks for the id";
  part.add(std::move(figure));
}

}  // namespace

std::string effect_intervals(const StudyPage& page) {
  return confidence_text(page) +
         " intervals: bootstrap over runs, then over pairs of users who share their pictures; of a "
         "single run over its pairs.";
}

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
