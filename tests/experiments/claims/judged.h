#pragma once

#include <string>
#include <utility>

#include "experiments/analysis/analysis.h"
#include "experiments/claims/claims.h"
#include "experiments/claims/trial.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"

namespace chainline::experiments {

using test::study_in;
using test::World;

/// With more draws, for corrected p-values.
inline AnalysisOptions options_of_claims() {
  AnalysisOptions options = test::quick();
  options.draws = 4000;
  return options;
}

struct Judged {
  Json analysis, gates, claims;

  std::string gate(const std::string& id) const {
    return find_row(gates, {{"id", id}})->at("status");
  }
  const Json& claim(const std::string& id) const { return *find_row(claims, {{"id", id}}); }
  std::string verdict(const std::string& id) const {
    return claim(id).value("verdict", "withheld");
  }
  std::string why(const std::string& id) const {
    return id + ": " + claim(id).value("withheld", claim(id).value("reason", ""));
  }
};

inline Judged judge_analysis(Json analysis) {
  Judged j;
  j.analysis = std::move(analysis);
  j.gates = judge_gates(j.analysis);
  j.claims = judge_claims(j.analysis, j.gates, "chainline reproduce --scale cpu --out out/cpu");
  return j;
}

inline Judged judge(const StudyResults& results) {
  return judge_analysis(analyse(results, options_of_claims()));
}

/// A world in which all claims hold, large enough that all can be seen to.
inline World true_world() {
  World world;
  world.users = 128;
  world.separation = 1.2;
  world.energy = 4;
  return world;
}

inline const Judged& in_true_world() {
  static const Judged judged = judge(study_in(true_world()));
  return judged;
}

inline World small_world() {
  World world;
  world.grid = false;
  return world;
}

}  // namespace chainline::experiments
