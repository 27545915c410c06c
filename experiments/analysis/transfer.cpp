#include <algorithm>
#include <cmath>

#include "experiments/analysis/separation.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// What another run's fits say at one layer, by run.
struct Column {
  std::string layer;
  std::vector<StudyRun> runs;
  std::vector<double> pairs, aucs;
};

/// The share of pairs of users with the same pictures whose IN user has the higher decision; equal
/// ones count half. Every fold has fits of its own, on scales of their own, and a user's partner is of
/// the same fold (probing/folds.h). NaN without a pair.
double pairs_told(const StudyRun& run, const std::vector<double>& decisions) {
  double told = 0;
  int pairs = 0;
  for (std::size_t u = 0; u < run.partners.size() && u < decisions.size(); ++u) {
    if (run.in[u] != 1 || run.partners[u] < 0) continue;
    const auto partner = static_cast<std::size_t>(run.partners[u]);
    const double gap = decisions[u] - decisions.at(partner);
    if (run.in[partner] == 1 || !std::isfinite(gap)) continue;
    told += gap > 0 ? 1 : gap == 0 ? 0.5 : 0;
    ++pairs;
  }
  return pairs > 0 ? told / pairs : std::nan("");
}

std::vector<Column> columns_of(const std::vector<StudyRun>& runs, const std::string& question) {
  std::vector<Column> columns;
  for (const StudyRun& run : runs) {
    const Json& probes = run.json->at("probes");
    if (!probes.contains(question) || !probes[question].contains("transfer")) continue;
    const std::string where = run.where() + ": probes: " + question + ": transfer";
    for (const Json& read : probes[question]["transfer"]) {
      const std::string layer = string_member(read, "layer", where);
      const std::vector<double> decisions =
          numbers(member(read, "decisions", where), where + ": decisions");
      check<FileError>(decisions.size() == run.in.size(), where, ": decisions: expected those of ",
                       run.in.size(), " users, got ", decisions.size());
      const double pairs = pairs_told(run, decisions);
      if (!std::isfinite(pairs)) continue;
      auto at = std::find_if(columns.begin(), columns.end(),
                             [&](const Column& c) { return c.layer == layer; });
      if (at == columns.end()) at = columns.insert(columns.end(), Column{layer, {}, {}, {}});
      at->runs.push_back(run);
      at->pairs.push_back(pairs);
      at->aucs.push_back(number_at(read, "auc"));
    }
  }
  return columns;
}

}  // namespace

Json transfer(const Runs& runs, const AnalysisOptions& options) {
  Json rows = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    for (const std::string& condition : study_conditions()) {
      const std::vector<StudyRun> probed = runs.main(condition, tuning, "probes");
      for (const char* question : {"username", "user_id"}) {
        for (const Column& column : columns_of(probed, question)) {
          std::vector<double> below, above;
          for (const double share : column.pairs) {
            below.push_back(0.5 - share);
            above.push_back(share - 0.5);
          }
          Json row = estimate(mean(column.pairs), std::nullopt, sources_of(column.runs));
          add_student(row, column.pairs, options.confidence);
          row["per_run"] = column.pairs;
          row["pooled_auc"] = number(mean(column.aucs));
          row["p_less"] = student_p(below);
          row["p_greater"] = student_p(above);
          row["condition"] = condition;
          row["tuning"] = tuning;
          row["question"] = question;
          row["layer"] = column.layer;
          rows.push_back(std::move(row));
        }
      }
    }
  }
  return rows;
}

}  // namespace chainline::experiments
