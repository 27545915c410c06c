#include <algorithm>
#include <cmath>

#include "experiments/analysis/separation.h"

namespace chainline::experiments {
namespace {

/// The AUCs of one layer, by run.
struct Column {
  std::string layer;
  std::vector<StudyRun> runs;
  std::vector<double> aucs;
};

std::vector<Column> columns_of(const std::vector<StudyRun>& runs, const std::string& question) {
  std::vector<Column> columns;
  for (const StudyRun& run : runs) {
    const Json& probes = run.json->at("probes");
    if (!probes.contains(question) || !probes[question].contains("transfer")) continue;
    const std::string where = run.where() + ": probes: " + question + ": transfer";
    for (const Json& read : probes[question]["transfer"]) {
      const std::string layer = string_member(read, "layer", where);
      const double auc = number_at(read, "auc");
      if (!std::isfinite(auc)) continue;
      auto at = std::find_if(columns.begin(), columns.end(),
                             [&](const Column& c) { return c.layer == layer; });
      if (at == columns.end()) at = columns.insert(columns.end(), Column{layer, {}, {}});
      at->runs.push_back(run);
      at->aucs.push_back(auc);
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
          for (const double auc : column.aucs) {
            below.push_back(0.5 - auc);
            above.push_back(auc - 0.5);
          }
          Json row = estimate(mean(column.aucs), std::nullopt, sources_of(column.runs));
          add_student(row, column.aucs, options.confidence);
          row["per_run"] = column.aucs;
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
