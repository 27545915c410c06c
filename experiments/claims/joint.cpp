#include "experiments/claims/joint.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/claims.h"
#include "experiments/claims/thresholds.h"
#include "experiments/statistics/multiplicity.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// The least level at which the study calls the claim not supported: 1 where it does not.
double p_no(const Json& claim) {
  if (claim.at("verdict") != kNotSupported) return 1;
  double least = 1;
  for (const Json& test : claim.at("tests")) {
    if (test.at("answer") != "no") continue;
    const double p = number_at(test, "p_no");
    check<FileError>(std::isfinite(p), "judge_jointly: ", claim.at("id").get<std::string>(),
                     ": p_no: expected a number with every no, got none");
    least = std::min(least, p);
  }
  return least;
}

/// "1, 3": the studies of which it holds, counted from 1.
template <class Holds>
std::string studies_where(const std::vector<const Json*>& studies, Holds holds) {
  std::string list;
  for (std::size_t i = 0; i < studies.size(); ++i)
    if (holds(*studies[i])) list += fmt::format("{}{}", list.empty() ? "" : ", ", i + 1);
  return list;
}

/// "supported in 1; not supported in 2 (p 0.03 after correction for 2 studies)".
std::string reason_of(const std::vector<const Json*>& studies, const std::vector<double>& p) {
  std::string reason;
  for (const char* verdict : {kSupported, kNotSupported, kNotDecidable}) {
    const std::string where =
        studies_where(studies, [&](const Json& claim) { return claim.at("verdict") == verdict; });
    if (where.empty()) continue;
    reason += fmt::format("{}{} in {}", reason.empty() ? "" : "; ", verdict, where);
    if (verdict == kNotSupported)
      reason += fmt::format(" (p {:.2g} after correction for {} studies)",
                            *std::min_element(p.begin(), p.end()), p.size());
  }
  return reason;
}

void decide(Json& joint, const std::vector<const Json*>& studies) {
  std::vector<double> p;
  bool all = true, provisional = false;
  for (const Json* claim : studies) {
    p.push_back(p_no(*claim));
    all = all && claim->at("verdict") == kSupported;
    provisional = provisional || claim->value("provisional", false);
  }
  p = holm(p);
  const bool refuted = *std::min_element(p.begin(), p.end()) < kLevel;
  joint["verdict"] = all ? kSupported : refuted ? kNotSupported : kNotDecidable;
  joint["provisional"] = provisional;
  joint["reason"] = (provisional ? "provisional: " : "") + reason_of(studies, p);
  joint["p_no"] = p;
}

}  // namespace

Json judge_jointly(const std::vector<Json>& claims) {
  check<ValueError>(!claims.empty(), "judge_jointly: claims: expected at least 1 study, got 0");
  const auto ids = [](const Json& study) {
    std::vector<std::string> list;
    for (const Json& claim : study) list.push_back(claim.at("id"));
    return list;
  };
  for (const Json& study : claims)
    check<FileError>(ids(study) == ids(claims.front()),
                     "judge_jointly: claims: expected the same claims of every study, got others");
  Json list = Json::array();
  for (std::size_t c = 0; c < claims.front().size(); ++c) {
    const Json& first = claims.front().at(c);
    std::vector<const Json*> studies;
    for (const Json& study : claims) studies.push_back(&study.at(c));
    Json joint = {{"id", first.at("id")}, {"statement", first.at("statement")}};
    const std::string withheld =
        studies_where(studies, [](const Json& claim) { return claim.contains("withheld"); });
    if (withheld.empty())
      decide(joint, studies);
    else
      joint["withheld"] = fmt::format("a gate fails or is missing in {}", withheld);
    list.push_back(std::move(joint));
  }
  return list;
}

}  // namespace chainline::experiments
