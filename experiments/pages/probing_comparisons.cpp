#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/probing.h"
#include "experiments/statistics/multiplicity.h"

namespace chainline::experiments {
namespace {

/// A forest of AUCs at the primary layer, and which conditions are in it.
struct Forest {
  DotChart chart;
  ShownValues shown;
  std::set<std::string> own;          // read by probes of their own states
  std::set<std::string> transferred;  // read by W100's probe
  bool tested = false;                // whether a row has a p
};

/// What W100's probe says of pairs of users by the states of SW and U3: it knows from W100 who the
/// seen ones are.
void add_transferred(const StudyPage& page, const std::string& question, const std::string& tuning,
                     const std::string& layer, Forest& forest) {
  DotGroup group{"Pairs told by W100's probe", {}};
  for (const std::string code : {"SW", "U3"}) {
    const Json& row = find_in(at_path(page.analysis, {"transfer"}), {{"condition", code.c_str()},
                                                                     {"question", question.c_str()},
                                                                     {"tuning", tuning.c_str()},
                                                                     {"layer", layer.c_str()}});
    const Value value = forest.shown.add(row);
    const double p = number_of(row, "p_less");
    const std::string note = code == "SW" && std::isfinite(p) ? "p below 0.5: " + p_text(p) : "";
    std::optional<DotRow> dot = dot_row(code, value, note);
    if (!dot) continue;
    forest.transferred.insert(code);
    group.rows.push_back(std::move(*dot));
  }
  if (!group.rows.empty()) forest.chart.groups.push_back(std::move(group));
}

Forest forest_of(const StudyPage& page, const std::string& question, const std::string& tuning,
                 const std::string& layer) {
  Forest all;
  all.chart = forest([&](const std::string& code) {
    const Json& at = probed_layer(probed_condition(page, question, code, tuning), layer);
    const Value value = all.shown.add(at_path(at, {"auc"}));
    const double p = number_of(at, "p_corrected");
    if (value.exists()) {
      all.own.insert(code);
      all.tested |= std::isfinite(p);
    }
    return dot_row(code, value, std::isfinite(p) ? "p " + p_text(p) : "");
  });
  if (all.chart.groups.empty()) return all;
  add_transferred(page, question, tuning, layer, all);
  all.chart.x.label =
      all.transferred.empty() ? "AUC, users held out" : "AUC, or share of pairs; users held out";
  all.chart.references = {{0.5, "chance"}};
  return all;
}

/// The claims whose tests take their numbers from a figure.
std::vector<std::string> claims_of(const std::string& question, const std::string& tuning) {
  if (question == "username" && tuning == "lora") return {"K5", "K8"};
  if (question == "username" || tuning == "lora") return {"K8"};
  return {};
}

/// What is compared, and what a claim makes of it.
std::string comparison_sentence(const StudyPage& page, const std::string& question,
                                const std::string& tuning, const Forest& forest) {
  const std::vector<std::string> claims = claims_of(question, tuning);
  if (question == "username" && tuning == "lora")
    return "AUCs at " +
           named_layer("the primary layer",
                       text_of(at_path(page.analysis, {"primary"}), "chosen_by")) +
           "; K5 is judged by their paired differences (the table of differences)" +
           (forest.transferred.contains("SW") ? ", by the pairs that W100's probe tells on SW"
                                              : "") +
           " and by W100's AUC less that of relabelled users, K8 by the difference of W100 and C0.";
  return "The same for " + question + (tuning == "full" ? " with all weights trained" : "") +
         (claims.empty() ? "; no claim is judged by it."
                         : "; K8 is judged by the difference of W100 and C0 (the table of "
                           "differences).");
}

/// What follows for the conditions that the figure has, and for no other.
std::string forest_caption(const StudyPage& page, const std::string& question,
                           const std::string& tuning, const Forest& forest) {
  std::vector<std::string> sentences = {
      comparison_sentence(page, question, tuning, forest),
      "IN users against OUT users, dealt anew in each run; no user is in both training and test of "
      "a probe (C = " +
          held_out_c() + ")."};
  bool marked = false, hollow = false;
  for (const std::string& code : forest.own) {
    marked |= code.starts_with("W");
    hollow |= is_control(code);
  }
  std::vector<std::string> unseen;
  for (const char* code : {"C0", "U3"})
    if (forest.own.contains(code)) unseen.emplace_back(code);
  if (marked && !unseen.empty())
    sentences.push_back("If training makes the difference, W lies above " + sentence_list(unseen) +
                        ".");
  if (forest.own.contains("T") && question == "username" && tuning == "lora")
    sentences.push_back(selection_sentence(page));
  if (forest.own.contains("SW"))
    sentences.push_back(
        "SW has seen the OUT users: a probe fitted to its own states learns anew who the seen ones "
        "are and may lie as high as W100's.");
  if (forest.transferred.contains("SW"))
    sentences.push_back(
        std::string("If W100's probe reads memory, then by the states of SW it calls the IN user, "
                    "whom SW has not seen, the more familiar one in less than half of the pairs "
                    "with the same pictures (p of Student over runs)") +
        (forest.transferred.contains("U3") ? ", and by those of U3 in half." : "."));
  else if (forest.transferred.contains("U3"))
    sentences.push_back(
        "If W100's probe reads memory alone, then by the states of U3 it calls the IN user the "
        "more familiar one in half of the pairs with the same pictures.");
  if (forest.tested)
    sentences.push_back(std::string(forest.transferred.empty() ? "p" : "p elsewhere") +
                        ": relabelled users, corrected by the maximum over layers.");
  sentences.push_back(forest.shown.sentence(page));
  if (hollow) sentences.push_back("Hollow: controls.");
  return joined_sentences(sentences);
}

/// A difference with a p, for what is said of all of them together.
struct Tested {
  std::size_t row = 0;
  double p = 0;
  std::string words;  // "user_id, W100 less W50 +3.2 points, where ..."
};

/// What the rows of a table of differences rest on.
struct Rows {
  Table table;
  ShownValues shown;
  std::vector<Tested> tested;
  std::set<std::string> within;        // what the primary layer is compared with in one condition
  int above = 0;                       // differences whose p is below the level
  std::vector<std::string> remaining;  // words of those whose p still is, corrected for all
};

/// `where` says where the AUCs lie that are subtracted.
void add_row(const std::string& question, const Json& row, const std::string& what,
             const std::string& where, Rows& rows) {
  Value value = rows.shown.add(row);
  if (!value.exists()) return;
  const bool bootstrap = rows.shown.last() == Limits::bootstrap;
  for (double* part : {&value.mean, &value.low, &value.high}) *part *= 100;
  const double p = number_of(row, "p");
  const bool tested = p >= 0 && p <= 1;  // not so for NaN
  if (tested)
    rows.tested.push_back(
        {rows.table.rows.size(), p,
         fmt::format("{}, {} {}{} points{}", question, what, value.mean > 0 ? "+" : "",
                     number_text(value.mean, 1), where)});
  rows.table.rows.push_back({question, what, value_text(value, 1) + (bootstrap ? " †" : ""),
                             p_text(p), "–",
                             !tested                           ? "–"
                             : text_of(row, "p_from") == "p_t" ? "Student"
                                                               : "relabelled",
                             cell_text(at_path(row, {"runs"}))});
}

/// Corrects the p-values of all rows for their number.
void correct_rows(Rows& rows) {
  std::vector<double> p;
  for (const Tested& tested : rows.tested) p.push_back(tested.p);
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < corrected.size(); ++i) {
    const Tested& tested = rows.tested[i];
    rows.table.rows[tested.row][4] = p_text(corrected[i]);
    rows.above += tested.p < kLevel;
    if (corrected[i] < kLevel) rows.remaining.push_back(tested.words);
  }
}

/// The differences of all conditions and layers at the primary layer.
Rows difference_rows(const StudyPage& page) {
  Rows rows;
  rows.table.columns = {{"Question"},      {"Comparison"}, {"AUC points", true}, {"p", true},
                        {"p, Holm", true}, {"p by"},       {"Runs", true}};
  const std::string layer = primary_layer_of(page);
  for (const std::string question : kProbeQuestions) {
    const auto auc = [&](const std::string& code, const std::string& tuning) {
      return number_of(
          at_path(probed_layer(probed_condition(page, question, code, tuning), layer), {"auc"}),
          "mean");
    };
    const Json& all = at_path(page.analysis, {"separation", question.c_str()});
    const Json& differences = at_path(all, {"differences"});
    if (differences.is_array())
      for (const Json& row : differences) {
        const std::string a = text_of(row, "a"), b = text_of(row, "b"),
                          tuning = text_of(row, "tuning");
        const double at_a = auc(a, tuning), at_b = auc(b, tuning);
        add_row(question, row, a + " less " + b + (tuning == "full" ? ", all weights" : ""),
                std::isfinite(at_a + at_b) ? fmt::format(", where {} lies at {} and {} at {}", b,
                                                         number_text(at_b), a, number_text(at_a))
                                           : "",
                rows);
      }
    const Json& contrasts = at_path(all, {"contrasts"});
    if (contrasts.is_array())
      for (const Json& row : contrasts) {
        const std::string code = text_of(row, "condition");
        const double at_code = auc(code, "lora");
        rows.within.insert(text_of(row, "of"));
        add_row(question, row, code + ", less " + text_of(row, "of"),
                std::isfinite(at_code)
                    ? fmt::format(", where {} lies at {}", code, number_text(at_code))
                    : "",
                rows);
      }
  }
  correct_rows(rows);
  return rows;
}

/// With what the primary layer is compared in one condition; "" where it is with nothing.
std::string within_sentence(const Rows& rows) {
  std::vector<std::string> others;
  for (const auto& [of, words] :
       {std::pair("other decoder layers", "its other decoder layers"),
        std::pair("vision", "the encoder's last layer"), std::pair("pixels", "pixels")})
    if (rows.within.contains(of)) others.emplace_back(words);
  if (others.empty()) return "";
  const bool picture = rows.within.contains("vision") || rows.within.contains("pixels");
  return "Comparisons of one condition are with " + sentence_list(others) +
         (picture ? ": what lies in the picture shows there too." : ".");
}

/// Which differences are left after the correction, the first few by name.
std::string remaining_text(const Rows& rows) {
  constexpr std::size_t kNamed = 3;
  const std::size_t left = rows.remaining.size();
  if (left == 0) return "; after Holm's correction none remains";
  std::string text =
      fmt::format("; after Holm's correction {} remain{}: ", left, left == 1 ? "s" : "");
  for (std::size_t i = 0; i < std::min(left, kNamed); ++i)
    text += (i == 0 ? "" : "; ") + rows.remaining[i];
  return left > kNamed ? text + fmt::format("; and {} more", left - kNamed) : text;
}

std::string differences_title(const Rows& rows) {
  const std::size_t all = rows.table.rows.size(), tested = rows.tested.size();
  if (tested == 0)
    return "No p yet for " + counted(static_cast<std::int64_t>(all), "difference") + " in AUC";
  return fmt::format(
      "{} of {} differences in AUC have p below {:g} (one-sided, each by itself{}), where chance "
      "alone gives {}{}",
      rows.above, tested, kLevel,
      tested < all ? fmt::format("; {} more without a p", all - tested) : "",
      number_text(kLevel * static_cast<double>(tested), 1),
      rows.above > 0 ? remaining_text(rows) : "");
}

}  // namespace

void add_deciding_forest(const StudyPage& page, const std::string& question,
                         const std::string& tuning, Part& part) {
  const std::string layer = primary_layer_of(page);
  const bool full = tuning == "full";
  Forest found = forest_of(page, question, tuning, layer);
  if (found.chart.groups.empty())
    return full ? void() : part.lacks("the deciding comparison, " + question);
  std::vector<std::string> aucs;
  for (const auto& [code, words] :
       {std::pair("W100", "for W100"), std::pair("C0", "clean (C0)"),
        std::pair("U3", "with a third set (U3)"), std::pair("T", "where the id is asked (T)")}) {
    const double auc = number_of(
        at_path(probed_layer(probed_condition(page, question, code, tuning), layer), {"auc"}),
        "mean");
    if (std::isfinite(auc)) aucs.push_back(number_text(auc) + " " + words);
  }
  Figure figure =
      page.figure(fmt::format("decides-{}{}", question == "username" ? "username" : "user-id",
                              full ? "-full" : ""),
                  fmt::format("{}{} at {}: AUC {}", question, full ? ", all weights trained," : "",
                              layer, aucs.empty() ? "by condition" : sentence_list(aucs)),
                  std::move(found.chart), claims_of(question, tuning));
  figure.caption = forest_caption(page, question, tuning, found);
  figure.counts = found.shown.counts();
  figure.seeds = found.shown.seeds();
  figure.control = "below each other in the same figure";
  part.add(std::move(figure));
}

void add_differences(const StudyPage& page, Part& part) {
  Rows rows = difference_rows(page);
  if (rows.table.rows.empty()) return part.lacks("differences between conditions");
  if (rows.shown.have(Limits::bootstrap))
    rows.table.notes.push_back(fmt::format(
        "† fewer than {} runs: by bootstrap. All other intervals are Student's.", kFewestRuns));
  const std::string title = differences_title(rows);
  const std::size_t tested = rows.tested.size();
  Figure figure = page.figure("differences", title, std::move(rows.table), {"K5", "K6", "K8"});
  figure.caption = joined_sentences(
      {named_layer("At the primary layer", primary_layer_of(page)) + ", runs paired by number.",
       within_sentence(rows),
       "p by relabelled users, or by Student over runs where both sides may see users.",
       tested > 0 ? fmt::format("p, Holm: corrected for all {} of this table; a claim corrects for "
                                "its own tests alone.",
                                tested)
                  : "",
       rows.shown.sentence(page)});
  figure.counts = rows.shown.counts();
  figure.seeds = rows.shown.seeds();
  figure.control = "what is subtracted in each row";
  part.add(std::move(figure));
}

}  // namespace chainline::experiments
