#include <algorithm>
#include <cmath>

#include "experiments/analysis/separation.h"

namespace chainline::experiments {
namespace {

/// T of the member "auc" of a part of the probes, if every run has it.
Json auc_of(const std::vector<StudyRun>& runs, const char* part, const std::string& what,
            const AnalysisOptions& options) {
  std::vector<double> aucs;
  std::vector<std::vector<double>> controls;
  for (const StudyRun& run : runs) {
    const Json& probes = run.json->at("probes");
    if (!probes.contains(part) || !std::isfinite(number_at(probes[part], "auc"))) return nullptr;
    aucs.push_back(number_at(probes[part], "auc"));
    controls.push_back(probes[part].contains("auc_control")
                           ? numbers(probes[part]["auc_control"], run.where())
                           : std::vector<double>());
  }
  for (const std::vector<double>& c : controls)
    if (c.empty()) return nullptr;
  return run_estimate(aucs, controls, std::nullopt, sources_of(runs), options,
                      std::string(part) + " " + what);
}

std::vector<double> members(const std::vector<StudyRun>& runs, const char* part, const char* key) {
  std::vector<double> values;
  for (const StudyRun& run : runs) {
    const Json& probes = run.json->at("probes");
    const double value = probes.contains(part) ? number_at(probes[part], key) : std::nan("");
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

Json conditional_of(const std::vector<StudyRun>& runs, const AnalysisOptions& options) {
  const std::vector<double> bits = members(runs, "conditional", "bits");
  if (bits.empty()) return nullptr;
  Json row = {{"bits", mean(bits)}, {"p_values", members(runs, "conditional", "p_value")}};
  add_student(row, bits, options.confidence, "low", "high");
  return row;
}

Json mdl_of(const std::vector<StudyRun>& runs) {
  const std::vector<double> compression = members(runs, "mdl", "compression");
  if (compression.empty()) return nullptr;
  std::vector<double> controls;
  for (const StudyRun& run : runs) {
    const Json& probes = run.json->at("probes");
    if (!probes.contains("mdl") || !probes["mdl"].contains("control")) continue;
    for (const double c : numbers(probes["mdl"]["control"], run.where()))
      if (std::isfinite(c)) controls.push_back(c);
  }
  return {{"compression", mean(compression)},
          {"control", controls.empty() ? Json(nullptr) : Json(mean(controls))}};
}

Json fits_of(const std::vector<StudyRun>& runs) {
  Json fits = {{"fits", 0}, {"unconverged", 0}, {"worst_gradient", 0}, {"worst_duality_gap", 0}};
  for (const char* key : {"fits", "unconverged"}) {
    double sum = 0;
    for (const double n : members(runs, "fits", key)) sum += n;
    fits[key] = static_cast<std::int64_t>(sum);
  }
  for (const char* key : {"worst_gradient", "worst_duality_gap"}) {
    double worst = 0;
    for (const double w : members(runs, "fits", key)) worst = std::max(worst, w);
    fits[key] = worst;
  }
  return fits;
}

}  // namespace

Json other_probes(const Runs& runs, const AnalysisOptions& options) {
  Json rows = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    for (const std::string& condition : study_conditions()) {
      const std::vector<StudyRun> probed = runs.main(condition, tuning, "probes");
      if (probed.empty()) continue;
      const std::string what = condition + " " + tuning;
      std::vector<double> chosen;
      for (const StudyRun& run : probed) {
        const Json& probes = run.json->at("probes");
        if (!probes.contains("nested") || !probes["nested"].contains("c")) continue;
        for (const double c : numbers(probes["nested"]["c"], run.where())) chosen.push_back(c);
      }
      rows.push_back({{"condition", condition},
                      {"tuning", tuning},
                      {"runs", probed.size()},
                      {"seeds", seeds_of(probed)},
                      {"pixels", auc_of(probed, "pixels", what, options)},
                      {"nested", auc_of(probed, "nested", what, options)},
                      {"nested_c", chosen},
                      {"conditional", conditional_of(probed, options)},
                      {"mdl", mdl_of(probed)},
                      {"fits", fits_of(probed)}});
    }
  }
  return rows;
}

Json projections(const Runs& runs) {
  Json rows = Json::array();
  for (const StudyRun& run : runs.all()) {
    if (!run.json->contains("probes") || !run.json->at("probes").contains("projections")) continue;
    const Json& p = run.json->at("probes").at("projections");
    if (!p.is_object()) continue;
    const auto test = [](const Json& of) -> Json {
      const Json silhouette = of.value("silhouette", Json::object());
      return {{"silhouette", number(number_at(silhouette, "mean"))},
              {"p_value", number(number_at(silhouette, "p_value"))},
              {"of_users", number(number_at(silhouette, "of_users"))}};
    };
    Json row = test(p);
    row["condition"] = run.condition;
    row["tuning"] = run.tuning;
    row["run"] = run.run;
    row["layer"] = p.value("layer", Json(nullptr));
    row["plane"] = test(p.value("tsne", Json::object()));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace chainline::experiments
