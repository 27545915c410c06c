#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/claims/claim.h"
#include "experiments/claims/thresholds.h"
#include "experiments/conditions/condition.h"
#include "experiments/pages/probing.h"
#include "experiments/pages/sections.h"
#include "experiments/study/study_plan.h"

namespace chainline::experiments {
namespace {

/// What a test measured, in points where its threshold is told in them.
std::string measured_text(const Json& test) {
  Value value = value_of(test);
  if (number_of(test, "scale") != 100) return value_text(value);
  for (double* part : {&value.mean, &value.low, &value.high}) *part *= 100;
  return value_text(value, 1) + (value.exists() ? " points" : "");
}

/// The limits by which the test says no, where there are any, and what keeps it open.
std::string deciding_text(const Json& test) {
  const Json& wide = at_path(test, {"wide"});
  const double low = number_of(wide, "low"), high = number_of(wide, "high"),
               confidence = number_of(wide, "confidence");
  const bool points = number_of(test, "scale") == 100;
  const auto text_of_limit = [&](double limit) {
    return points ? number_text(100 * limit, 1) : number_text(limit);
  };
  std::string text;
  if (std::isfinite(low) && std::isfinite(high) && std::isfinite(confidence))
    text = fmt::format("{:.3g} %: {} to {}", 100 * confidence, text_of_limit(low),
                       text_of_limit(high));
  const std::string note = printed(text_of(test, "note"));
  if (!note.empty()) text += (text.empty() ? "" : "; ") + note;
  return text.empty() ? "–" : text;
}

/// How many claims have each verdict; "withheld" for those without.
std::map<std::string, std::int64_t> verdict_counts(const StudyPage& page) {
  std::map<std::string, std::int64_t> counts;
  const Json& claims = at_path(page.results, {"claims"});
  if (!claims.is_array()) return counts;
  for (const Json& claim : claims) {
    const std::optional<Badge> verdict = page.verdict(text_of(claim, "id"));
    ++counts[verdict ? badge_text(*verdict) : "withheld"];
  }
  return counts;
}

/// "2 supported, 5 not supported and 3 withheld"; "" without claims.
std::string verdict_sentence(const StudyPage& page) {
  std::map<std::string, std::int64_t> counts = verdict_counts(page);
  std::vector<std::string> words;
  for (const char* verdict : {"supported", "not supported", "not decidable", "withheld"})
    if (counts[verdict] > 0) words.push_back(fmt::format("{} {}", counts[verdict], verdict));
  return sentence_list(words);
}

std::vector<std::string> gates_that(const StudyPage& page, const std::string& status) {
  std::vector<std::string> ids;
  const Json& gates = at_path(page.results, {"gates"});
  if (!gates.is_array()) return ids;
  for (const Json& gate : gates)
    if (text_of(gate, "status") == status) ids.push_back(text_of(gate, "id"));
  return ids;
}

/// Why some claims are withheld, or "".
std::string withheld_sentence(const StudyPage& page) {
  const std::int64_t withheld = verdict_counts(page)["withheld"];
  if (withheld == 0) return "";
  std::vector<std::string> why;
  const std::vector<std::string> failed = gates_that(page, "failed"),
                                 missing = gates_that(page, "missing");
  if (!failed.empty())
    why.push_back(fmt::format("{} failed ({})",
                              counted(static_cast<std::int64_t>(failed.size()), "gate"),
                              sentence_list(failed)));
  if (!missing.empty())
    why.push_back(fmt::format(
        "{} no result yet ({})",
        missing.size() == 1 ? "1 gate has" : fmt::format("{} gates have", missing.size()),
        sentence_list(missing)));
  return fmt::format(
      "{} withheld: a claim says nothing before the gates that it rests on have passed{}{}.",
      withheld == 1 ? "1 claim is" : fmt::format("{} claims are", withheld),
      why.empty() ? "" : "; here ", sentence_list(why));
}

void add_gates(const StudyPage& page, Part& part) {
  const Json& gates = at_path(page.results, {"gates"});
  if (!gates.is_array() || gates.empty()) return part.lacks("the gates");
  Table table;
  table.columns = {{"Gate"}, {"Status"}, {"What must hold"}, {"Evidence"}};
  for (const Json& gate : gates) {
    std::string evidence = printed(text_of(gate, "evidence"));
    if (at_path(gate, {"measured"}).is_number())
      evidence += fmt::format("{}measured {}, threshold {}", evidence.empty() ? "" : "; ",
                              cell_text(at_path(gate, {"measured"})),
                              cell_text(at_path(gate, {"threshold"})));
    table.rows.push_back({text_of(gate, "id"), text_of(gate, "status"), text_of(gate, "statement"),
                          evidence.empty() ? "–" : evidence});
  }
  const std::size_t passed = gates_that(page, "passed").size();
  Figure figure = page.figure("gates", fmt::format("{} of {} gates passed", passed, gates.size()),
                              std::move(table));
  figure.caption =
      "Whether the study could have found what it looks for, judged before it says what it found.";
  part.add(std::move(figure));
}

void add_claims(const StudyPage& page, Part& part) {
  const Json& claims = at_path(page.results, {"claims"});
  if (!claims.is_array() || claims.empty()) return part.lacks("the claims");
  Table table, tests;
  table.columns = {{"Claim"}, {"As tested"}, {"Verdict", false, true}, {"Effect"}, {"Why"}};
  tests.columns = {{"Claim"},   {"Test"},   {"Answer"},      {"Measured"},
                   {"p", true}, {"Needed"}, {"Limits, note"}};
  std::vector<std::string> commands;
  std::map<std::string, std::vector<std::string>> rests_on;  // claims by their gates
  for (const Json& claim : claims) {
    const std::string id = text_of(claim, "id");
    const std::optional<Badge> verdict = page.verdict(id);
    const Json& effect = at_path(claim, {"effect"});
    const Value value = value_of(effect);
    std::string measured = printed(text_of(effect, "what"));
    if (value.exists()) {
      measured += (measured.empty() ? "" : ": ") + measured_text(effect);
      const double p = number_of(effect, "p");
      if (p == p) measured += ", p " + p_text(p);
      if (value.runs > 0) measured += fmt::format("; {}", counted(value.runs, "run"));
    }
    if (const std::string threshold = printed(text_of(claim, "threshold")); !threshold.empty())
      measured += (measured.empty() ? "threshold: " : "; threshold: ") + threshold;
    std::vector<std::string> gates;
    const Json& rests = at_path(claim, {"rests_on"});
    if (rests.is_array())
      for (const Json& gate : rests) gates.push_back(cell_text(gate));
    if (!gates.empty()) rests_on[sentence_list(gates)].push_back(id);
    const std::string withheld = text_of(claim, "withheld");
    table.rows.push_back(
        {id, printed(text_of(claim, "statement")), verdict ? badge_text(*verdict) : "",
         measured.empty() ? "–" : measured,
         verdict ? printed(text_of(claim, "reason")) : "Withheld: " + printed(withheld)});
    std::string row_id = id;
    std::transform(row_id.begin(), row_id.end(), row_id.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    table.row_ids.push_back(row_id);
    const std::string command = text_of(claim, "command");
    if (!command.empty() && command != page.command &&
        std::find(commands.begin(), commands.end(), command) == commands.end())
      commands.push_back(command);
    const Json& list = at_path(claim, {"tests"});
    if (!list.is_array()) continue;
    for (const Json& test : list)
      tests.rows.push_back({id, printed(text_of(test, "what")), text_of(test, "answer"),
                            measured_text(test), p_text(number_of(test, "p_corrected")),
                            printed(cell_text(at_path(test, {"threshold"}))), deciding_text(test)});
  }
  for (const std::string& command : commands) table.notes.push_back("Made by `" + command + "`.");
  if (std::any_of(claims.begin(), claims.end(),
                  [](const Json& claim) { return claim.value("provisional", false); }))
    table.notes.push_back(
        "Provisional: planned runs are missing, and a verdict may change when they come.");
  table.notes.push_back(
      "In brackets the test's own interval: 90 % where equivalence is asked for, else 95 %; "
      "Student's over runs, but for K10's energies, which have a bootstrap's. "
      "Verdicts: supported if all tests of the claim say yes; not supported if one says no, of K5 "
      "to K8 only where the probe tells the users of the positive control T; else not decidable at "
      "this scale. The tests of a claim are corrected for each other; nothing is corrected over "
      "the ten claims.");
  for (const auto& [gates, ids] : rests_on)
    table.notes.push_back(
        fmt::format("{} {} on {}.", sentence_list(ids), ids.size() == 1 ? "rests" : "rest", gates));
  Figure figure = page.figure("claims", "The claims: " + verdict_sentence(page), std::move(table));
  figure.caption =
      "The paper's claims as statements that a number can refute. Its tables and curves were not "
      "available: K1, K3 and K4 are a reading of its argument, K10 follows from it by our "
      "reckoning, and K8 is adapted (two ways of tuning in the place of two models). When "
      "thresholds were fixed, and what changed later, is in \"Method and limits\".";
  figure.counts = text_of(at_path(page.analysis, {"coverage"}), "sentence");
  part.add(std::move(figure));
  if (tests.rows.empty()) return;
  const auto yes = std::count_if(tests.rows.begin(), tests.rows.end(),
                                 [](const auto& row) { return row[2] == "yes"; });
  const std::size_t count = tests.rows.size();  // before the table goes into the figure
  Figure detail =
      page.figure("tests", fmt::format("{} of {} tests behind the claims say yes", yes, count),
                  std::move(tests));
  detail.caption =
      "What each verdict follows from; p is corrected (Holm). A test over runs says no by "
      "Student's "
      "limits at the level over the number of the claim's tests, in the last column; it is open "
      "where those hold both "
      "sides of what is needed, or for the reason that stands there.";
  part.add(std::move(detail));
}

/// "3.85 (3.22 to 4.46) bits where the id is asked for (T)"; "" without the effect.
std::string exposure_text(const StudyPage& page, const std::string& condition,
                          const std::string& where) {
  const Value value = value_of(page.effect("exposure", condition));
  return value.exists() ? fmt::format("{} bits {} ({})", value_text(value, 2), where, condition)
                        : "";
}

/// What the two readings of the title's question come to: what is remembered, and what probes say.
std::string findings(const StudyPage& page) {
  std::vector<std::string> exposures;
  for (const auto& [condition, where] :
       {std::pair("T", "where the id is asked for"),
        std::pair("W100", "where the same cards stand and no question asks for them")})
    if (const std::string text = exposure_text(page, condition, where); !text.empty())
      exposures.push_back(text);
  std::string text;
  if (!exposures.empty())
    text = "What is remembered: exposure of seen users' ids less that of unseen users' is " +
           sentence_list(exposures) + " (bootstrap over runs, then users). ";
  const std::string layer = primary_layer_of(page);
  const auto at = [&](const char* condition) -> const Json& {
    return probed_layer(probed_condition(page, "username", condition), layer);
  };
  const double w100 = number_of(at_path(at("W100"), {"replica"}), "accuracy");
  if (!std::isfinite(w100)) return text;
  const auto percent = [](double share) { return number_text(100 * share, 0) + " %"; };
  text += fmt::format(
      "What probes say, at {}: the published one, whose split knows every user, is right on {} of "
      "W100's pictures",
      layer, percent(w100));
  const double base = number_of(at_path(at("B"), {"replica"}), "accuracy");
  const double random = number_of(at_path(at("W100"), {"replica"}), "control");
  if (std::isfinite(base)) text += ", on " + percent(base) + " before any fine-tuning";
  if (std::isfinite(random)) text += ", on " + percent(random) + " under random labels";
  const Value held_out = ShownValues().add(at_path(at("W100"), {"auc"}));
  if (held_out.exists())
    text += fmt::format("; one that has not met the user has the AUC {} (Student over runs)",
                        value_text(held_out));
  return text + ".";
}

/// How T itself stands at the layer that it chose.
std::string control_at_primary(const StudyPage& page) {
  const Json& control =
      probed_layer(probed_condition(page, "username", "T"), primary_layer_of(page));
  const Value auc = ShownValues().add(at_path(control, {"auc"}));
  if (!auc.exists()) return "";
  std::string text = fmt::format(" T itself has the AUC {} there, corrected p {}.", value_text(auc),
                                 p_text(number_of(control, "p_corrected")));
  if (auc.runs >= kFewestRuns && !sees_positive_control(page.analysis))
    text +=
        " At no decoder layer does the probe tell the users of T, so chance may have chosen among "
        "them, and K5 to K8 cannot be refuted by it.";
  return text;
}

/// What a condition is for, beside what its models are tuned on.
std::string isolates(const std::string& code) {
  if (code == "B") return "what is there before";
  if (code == "C0") return "fine-tuning itself";
  if (code == "P-const") return "a card without identity";
  if (code == "P-uniq") return "text that never comes again";
  if (code == "P-noise") return "ink without text";
  if (code == "U3") return "cards of people who are not measured";
  if (code == "SW") return "pixels: seen and unseen change places";
  if (code == "IMG" || code == "TXT") return "ordinary changes, to hold cards against";
  if (code == "T") return "positive control: what it would look like";
  if (code == "L-0") return "what L has besides the link";
  if (code.starts_with("L-")) return "positive control: a card that helps with the task";
  return "dose";
}

void add_conditions(const StudyPage& page, Part& part) {
  std::map<std::string, std::int64_t> runs;  // low-rank, measured in full
  for (const RunSpec& run : runs_of(page.study))
    if (run.measures == "all" && run.tuning == "lora") ++runs[run.condition];
  Table table;
  table.columns = {{"Code"}, {"Its models are"}, {"What it isolates"}, {"Runs planned", true}};
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions)
      if (runs[code] > 0)
        table.rows.push_back(
            {code, condition_of(code).meaning, isolates(code), fmt::format("{}", runs[code])});
  Figure figure = page.figure("conditions", "What each condition is tuned on", std::move(table));
  figure.caption =
      "IN are the users whose cards a run's pictures carry, OUT the others; who is which is dealt "
      "anew in each run. Exposure is how many bits a user's own id stands in front of strangers' "
      "when the model is asked for it; phi is the log odds of the right answer under the user's "
      "card.";
  figure.record = "";
  part.add(std::move(figure));
}

}  // namespace

std::string study_summary(const StudyPage& page) {
  std::string text =
      "A reproduction of Ju et al., \"Watch Out Your Album!\" (arXiv 2503.01208, ICML 2025). "
      "Cards of invented people stand on the pictures of a visual question task that never asks "
      "for them. Does the model memorize who it saw, or does a probe merely read what is before "
      "it? ";
  const std::string verdicts = verdict_sentence(page);
  text += verdicts.empty() ? "No claim is judged yet. " : "Of the claims, " + verdicts + ". ";
  const std::string coverage = text_of(at_path(page.analysis, {"coverage"}), "sentence");
  if (!coverage.empty()) text += "The study is " + coverage + ".";
  return text;
}

std::vector<Fact> study_facts(const StudyPage& page) {
  std::vector<Fact> facts;
  std::map<std::string, std::int64_t> counts = verdict_counts(page);
  const Json& claims = at_path(page.results, {"claims"});
  if (claims.is_array() && !claims.empty())
    facts.push_back(
        {"Claims supported", fmt::format("{} of {}", counts["supported"], claims.size()),
         fmt::format("{} not supported, {} not decidable, {} withheld", counts["not supported"],
                     counts["not decidable"], counts["withheld"])});
  const std::string layer = primary_layer_of(page);
  // The limits by which claims are judged, where there are runs enough for them.
  const Value auc = ShownValues().add(
      at_path(probed_layer(probed_condition(page, "username", "W100"), layer), {"auc"}));
  facts.push_back({"Primary endpoint: AUC of W100", number_text(auc.mean),
                   !auc.exists() ? "no run has it yet"
                                 : fmt::format("{}{}, chance 0.5, {}",
                                               auc.has_interval()
                                                   ? fmt::format("{} to {}, ", number_text(auc.low),
                                                                 number_text(auc.high))
                                                   : "",
                                               layer, counted(auc.runs, "run"))});
  const Json& legibility = at_path(page.analysis, {"legibility"});
  const Json none;
  const Json& read =
      legibility.is_array() && !legibility.empty() ? at_path(legibility.front(), {"normal"}) : none;
  const auto percent = [&](const char* key) {
    const double share = number_of(read, key);
    return share == share ? fmt::format("{:.0f} %", 100 * share) : std::string("–");
  };
  facts.push_back({"Legibility: whole lines read", percent("whole_lines"),
                   read.is_object()
                       ? fmt::format("of all characters {}, of names' {}, of ids' {}; {} unseen "
                                     "cards, before fine-tuning",
                                     percent("characters"), percent("username"), percent("user_id"),
                                     cell_text(at_path(read, {"cards"})))
                       : "no base has been measured yet"});
  // B is the base, measured once for each run number.
  const auto tuned =
      std::count_if(page.runs.runs.begin(), page.runs.runs.end(),
                    [](const Json& run) { return text_of(run, "condition") != "B"; });
  const std::vector<RunSpec> planned = runs_of(page.study);
  const auto tuned_in_plan = std::count_if(planned.begin(), planned.end(),
                                           [](const RunSpec& run) { return run.condition != "B"; });
  facts.push_back(
      {"Fine-tuned models", fmt::format("{}", tuned), fmt::format("of {} planned", tuned_in_plan)});
  return facts;
}

Part summary_part(const StudyPage& page) {
  Part part;
  part.section.title = "Summary";
  const double all = number_of(at_path(page.results, {"jobs"}), "all");
  const double missing = number_of(at_path(page.results, {"jobs"}), "missing");
  if (missing > 0)
    part.section.paragraphs.push_back(fmt::format(
        "This study is unfinished: {:.0f} of {:.0f} jobs have a result. What follows is what they "
        "say; `{}` goes on.",
        all - missing, all, page.command));
  else if (all > 0)
    part.section.paragraphs.push_back(fmt::format(
        "All {:.0f} jobs have a result. One of gradients gives two studies, at the base "
        "and after clean fine-tuning; one reads cards of other sizes{}.",
        all,
        page.study.base.size() > 1
            ? fmt::format("; the base is made in {} stages", page.study.base.size())
            : ""));
  if (const std::string found = findings(page); !found.empty())
    part.section.paragraphs.push_back(found);
  const std::string withheld = withheld_sentence(page);
  if (!withheld.empty()) part.section.paragraphs.push_back(withheld);
  const std::string primary = text_of(at_path(page.analysis, {"primary"}), "sentence");
  if (!primary.empty())
    part.section.paragraphs.push_back("The primary layer: " + primary + "." +
                                      control_at_primary(page));
  add_conditions(page, part);
  add_gates(page, part);
  add_claims(page, part);
  return part;
}

}  // namespace chainline::experiments
