#include <fmt/core.h>

#include <cmath>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/claims.h"
#include "experiments/claims/thresholds.h"
#include "experiments/claims/trial.h"
#include "experiments/statistics/multiplicity.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

Json gate(const char* id, const char* statement, const char* status, std::string evidence,
          double measured, std::string threshold) {
  return {{"id", id},
          {"statement", statement},
          {"status", status},
          {"evidence", std::move(evidence)},
          {"measured", number(measured)},
          {"threshold", std::move(threshold)}};
}

Json missing(const char* id, const char* statement, const char* needed, std::string threshold) {
  return gate(id, statement, "missing", fmt::format("it needs {}, not there yet", needed),
              Trial::kNone, std::move(threshold));
}

const char* status(bool passed) { return passed ? "passed" : "failed"; }

/// The rows of a table of the analysis, by reference: rows found in it are kept.
const Json& table_at(const Json& analysis, const char* table) {
  static const Json none = Json::array();
  const Json* rows = find_path(analysis, {table});
  return rows == nullptr ? none : *rows;
}

std::string measured_sentence(const Json& row, const char* unit) {
  return fmt::format("{:+.3g} {} ({:+.3g} to {:+.3g})", number_at(row, "mean"), unit,
                     number_at(row, "low"), number_at(row, "high"));
}

/// The two positive controls, corrected for being two. One that is missing leaves the other its
/// correction, so that the verdict cannot change when it comes.
void add_power_gates(Json& gates, const Json& analysis) {
  struct Control {
    const char *id, *statement, *table, *measure, *needed, *unit;
  };
  const Control controls[] = {
      {"T", "the positive control T is detected by exposure", "effects", "exposure",
       "runs of T with measures of users", "bits"},
      // L-0 shows the same users and sides on the same pictures, and no link: what is left is the
      // link, not how the base likes to answer about those pictures.
      {"L-0.4", "the positive control L-0.4 is detected by preference, less that of L-0", "linked",
       "preference", "runs of L-0.4 and of L-0 with the same number and measures of users",
       "log odds"}};
  std::vector<const Json*> rows;
  std::vector<double> p;
  for (const Control& c : controls) {
    rows.push_back(find_row(table_at(analysis, c.table),
                            {{"condition", c.id}, {"tuning", "lora"}, {"measure", c.measure}}));
    const double found = rows.back() == nullptr ? 1 : number_at(*rows.back(), "p");
    p.push_back(std::isfinite(found) ? found : 1);
  }
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Control& c = controls[i];
    const std::string threshold =
        fmt::format("p below {:g} after Holm's correction for two controls", kLevel);
    if (rows[i] == nullptr) {
      gates.push_back(missing(c.id, c.statement, c.needed, threshold));
      continue;
    }
    const Json& row = *rows[i];
    std::string evidence = fmt::format(
        "IN - OUT {}, corrected p {:.2g}, {} runs of {} users", measured_sentence(row, c.unit),
        corrected[i], row.at("runs").get<std::int64_t>(), row.at("users").get<std::int64_t>());
    const Json* plain = find_row(table_at(analysis, "effects"),
                                 {{"condition", c.id}, {"tuning", "lora"}, {"measure", c.measure}});
    if (std::string(c.table) != "effects" && plain != nullptr)
      evidence += fmt::format("; {} alone {}, p {:.2g}", c.id, measured_sentence(*plain, c.unit),
                              number_at(*plain, "p"));
    gates.push_back(gate(c.id, c.statement, status(corrected[i] < kLevel), std::move(evidence),
                         corrected[i], threshold));
  }
}

Json shuffled_gate(const Json& analysis) {
  const char* statement = "the probe is at 50 % when the users' labels are shuffled";
  const std::string threshold =
      fmt::format("50 % in the interval of the relabelled AUC, or nearer than {:g} point",
                  100 * kShuffledMargin);
  const Json* row = find_path(analysis, {"relabelled", "auc"});
  if (row == nullptr)
    return missing("shuffled", statement, "probed runs of W100 with relabelled users", threshold);
  const double mean = number_at(*row, "mean");
  const double low = number_at(*row, "low"), high = number_at(*row, "high");
  const double t_low = number_at(*row, "t_low"), t_high = number_at(*row, "t_high");
  const auto holds = [](double l, double h) { return l <= 0.5 && 0.5 <= h; };
  const bool passed =
      std::abs(mean - 0.5) <= kShuffledMargin || holds(low, high) || holds(t_low, t_high);
  return gate("shuffled", statement, status(passed),
              fmt::format("relabelled AUC {:.1f} % ({:.1f} to {:.1f} % by the spread of "
                          "relabellings, {:.1f} to {:.1f} % by that of runs), {} runs",
                          100 * mean, 100 * low, 100 * high, 100 * t_low, 100 * t_high,
                          row->at("runs").get<std::int64_t>()),
              mean, threshold);
}

Json rerun_gate(const Json& analysis) {
  const char* statement = "gradients of identical data have the cosine 1, exactly";
  const Json* rerun = find_path(analysis, {"gradients", "rerun"});
  if (rerun == nullptr)
    return missing("rerun", statement, "a gradient study with a rerun", "exactly 1");
  const bool passed = rerun->value("exactly_one", false);
  return gate(
      "rerun", statement, status(passed),
      fmt::format("{} cosines from {:.17g} to {:.17g}", rerun->value("batches", std::int64_t{0}),
                  number_at(*rerun, "smallest"), number_at(*rerun, "largest")),
      number_at(*rerun, "smallest"), "exactly 1");
}

Json twin_gate(const Json& analysis) {
  const char* statement =
      "equal twins are equal, and twins differ by exactly 0 where no image has a watermark";
  const Json* twins = find_path(analysis, {"twins"});
  if (twins == nullptr || !twins->contains("twins"))
    return missing("twins", statement, "twin trainings", "exactly 0");
  double largest = 0;
  for (const Json& twin : twins->at("twins"))
    largest = std::max(largest, number_at(twin, "max_difference_at_rate_0"));
  const bool same = twins->value("all_identical", false), zero = twins->value("all_zero", false);
  return gate(
      "twins", statement, status(same && zero),
      fmt::format("{} pairs of twins: largest difference at rate 0 {:g}, hashes of equal twins {}",
                  twins->at("twins").size(), largest, same ? "equal" : "differ"),
      largest, "exactly 0");
}

}  // namespace

Json judge_gates(const Json& analysis) {
  check<FileError>(analysis.is_object(), "judge_gates: analysis: expected an object, got ",
                   analysis.type_name());
  Json gates = Json::array();
  add_power_gates(gates, analysis);
  gates.push_back(shuffled_gate(analysis));
  gates.push_back(rerun_gate(analysis));
  gates.push_back(twin_gate(analysis));
  return gates;
}

}  // namespace chainline::experiments
