#pragma once

#include "experiments/analysis/analysis.h"
#include "experiments/data/json.h"
#include "tensor/error.h"

namespace chainline::test {

/// Few draws, for an analysis of a second.
inline experiments::AnalysisOptions quick() {
  experiments::AnalysisOptions options(1);
  options.replicates = 200;
  options.relabellings = 400;
  options.draws = 2000;
  return options;
}

/// The row whose members are these.
inline const experiments::Json& row(const experiments::Json& rows,
                                    const experiments::Json& wanted) {
  for (const experiments::Json& r : rows) {
    bool all = true;
    for (const auto& item : wanted.items()) all = all && r.at(item.key()) == item.value();
    if (all) return r;
  }
  throw ValueError("no row " + wanted.dump());
}

}  // namespace chainline::test
