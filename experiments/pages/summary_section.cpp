#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "experiments/claims/thresholds.h"
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
  table.columns = {
      {"Claim"}, {"What the paper says"}, {"Verdict", false, true}, {"Effect"}, {"Why"}};
  tests.columns = {{"Claim"},          {"Test"},    {"Answer"},
                   {"Measured", true}, {"p", true}, {"p corrected", true},
                   {"Threshold"}};
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
                            measured_text(test), p_text(number_of(test, "p")),
                            p_text(number_of(test, "p_corrected")),
                            printed(cell_text(at_path(test, {"threshold"})))});
  }
  for (const std::string& command : commands) table.notes.push_back("Made by `" + command + "`.");
  if (std::any_of(claims.begin(), claims.end(),
                  [](const Json& claim) { return claim.value("provisional", false); }))
    table.notes.push_back(
        "Provisional: planned runs are missing, and a verdict may change when they come.");
  table.notes.push_back(
      "In brackets the test's own interval: 90 % where equivalence is asked for, else 95 %. "
      "Verdicts: "
      "supported if all tests of the claim say yes, not supported if one says "
      "no, else not decidable at this scale. The tests of a claim are corrected for each other; "
      "nothing is corrected over the ten claims.");
  for (const auto& [gates, ids] : rests_on)
    table.notes.push_back(
        fmt::format("{} {} on {}.", sentence_list(ids), ids.size() == 1 ? "rests" : "rest", gates));
  Figure figure = page.figure("claims", "The claims: " + verdict_sentence(page), std::move(table));
  figure.caption =
      "The paper's claims as statements that a number can refute. Thresholds were fixed before "
      "this "
      "study's runs; what changed later in how claims are judged, and when, is in \"Method and "
      "limits\".";
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
      "What each verdict follows from; \"open\" where the interval holds both sides "
      "of the threshold or a number is missing.";
  part.add(std::move(detail));
}

}  // namespace

std::string study_summary(const StudyPage& page) {
  std::string text =
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
  const Json& primary = at_path(page.analysis, {"primary"});
  const std::string layer = text_of(primary, "layer");
  const Json& w100 = find_in(at_path(page.analysis, {"separation", "username", "conditions"}),
                             {{"condition", "W100"}, {"tuning", "lora"}});
  const Json& at_layer = find_in(at_path(w100, {"layers"}), {{"layer", layer.c_str()}});
  // The limits by which claims are judged, where there are runs enough for them.
  const Json& estimate = at_path(at_layer, {"auc"});
  const bool student = number_of(estimate, "runs") >= kFewestRuns;
  const Value auc = student ? value_of(estimate, "t_low", "t_high") : value_of(estimate);
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
  facts.push_back({"Legibility: names read", percent("username"),
                   read.is_object()
                       ? fmt::format("ids {}, single characters {}, before fine-tuning",
                                     percent("user_id"), percent("characters"))
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
    part.section.paragraphs.push_back(fmt::format("All {:.0f} jobs have a result.", all));
  const std::string withheld = withheld_sentence(page);
  if (!withheld.empty()) part.section.paragraphs.push_back(withheld);
  const std::string primary = text_of(at_path(page.analysis, {"primary"}), "sentence");
  if (!primary.empty()) part.section.paragraphs.push_back("The primary layer: " + primary + ".");
  add_gates(page, part);
  add_claims(page, part);
  return part;
}

}  // namespace chainline::experiments
