#pragma once

#include <string>

#include "experiments/data/json.h"
#include "experiments/reproduce/defaults.h"

namespace chainline::experiments {

/// What reproduce() did.
struct Reproduction {
  std::filesystem::path report;
  Json results;
  std::int64_t steps_trained = 0;  // by this call
  int stages_made = 0;             // by this call, rather than found
};

/// The paper's experiment at a small scale, from data to report:
///
///     out/base             all weights, from scratch, on clean images
///     out/rate-NNN         from the base, on other images of which NNN % carry a watermark;
///                          ledger.jsonl says which
///     out/stages           results that need not be computed twice
///     out/results.json     every number: a function of data, options and seed
///     out/manifest.json    what is needed to do it again, and what it took
///     out/report.html
///
/// What is done already is not done again, so a killed reproduction goes on where it was.
/// `command` is how it was called, for the manifest and the report. Progress goes to standard error.
///
/// **Errors** ValueError for options out of range; those of data and training.
Reproduction reproduce(const ReproduceOptions& options, const std::string& command);

}  // namespace chainline::experiments
