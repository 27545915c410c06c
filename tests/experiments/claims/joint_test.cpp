#include "experiments/claims/joint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "experiments/claims/claims.h"
#include "experiments/claims/trial.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// What a study says of a claim; with p_no, of the test that says no.
Json claim_of(const char* verdict, double p_no = 1) {
  return {{"id", "K1"},
          {"statement", "nothing changes"},
          {"verdict", verdict},
          {"provisional", false},
          {"tests",
           {{{"answer", "open"}, {"p_no", 0.001}},  // what another rule left open refutes nothing
            {{"answer", "no"}, {"p_no", p_no}}}}};
}

Json joint(const std::vector<Json>& studies) {
  std::vector<Json> claims;
  for (const Json& claim : studies) claims.push_back(Json::array({claim}));
  return judge_jointly(claims).at(0);
}

TEST(JointClaim, IsSupportedOnlyWhereEveryStudySupportsIt) {
  EXPECT_EQ(joint({claim_of(kSupported), claim_of(kSupported)})["verdict"], kSupported);
  const Json mixed = joint({claim_of(kSupported), claim_of(kNotDecidable)});
  EXPECT_EQ(mixed["verdict"], kNotDecidable);
  EXPECT_EQ(mixed["reason"], "supported in 1; not decidable at this scale in 2");
}

TEST(JointClaim, IsRefutedByOneStudyOnlyAfterTheCorrectionForTheirNumber) {
  const Json open = joint({claim_of(kSupported), claim_of(kNotSupported, 0.03)});
  EXPECT_EQ(open["verdict"], kNotDecidable);
  EXPECT_EQ(open["p_no"], (Json{1.0, 0.06}));
  const Json refuted = joint({claim_of(kNotSupported, 0.02), claim_of(kSupported)});
  EXPECT_EQ(refuted["verdict"], kNotSupported);
  EXPECT_EQ(refuted["reason"],
            "supported in 2; not supported in 1 (p 0.04 after correction for 2 studies)");
  // Holm's: what the first does not need, the second may have.
  EXPECT_EQ(joint({claim_of(kNotSupported, 0.02), claim_of(kNotSupported, 0.04)})["p_no"],
            (Json{0.04, 0.04}));
  const Json third =
      joint({claim_of(kSupported), claim_of(kNotDecidable), claim_of(kNotSupported, 0.02)});
  EXPECT_EQ(third["verdict"], kNotDecidable);
  EXPECT_EQ(third["p_no"], (Json{1.0, 1.0, 0.06}));
}

TEST(JointClaim, CountsTheClearestNoOfAStudy) {
  Json claim = claim_of(kNotSupported, 0.04);
  claim["tests"].push_back({{"answer", "no"}, {"p_no", 0.01}});
  claim["tests"].push_back({{"answer", "no"}, {"p_no", 0.03}});
  EXPECT_EQ(joint({claim, claim_of(kSupported)})["p_no"], (Json{0.02, 1.0}));
}

TEST(JointClaim, OfOneStudyIsThatOfTheStudy) {
  for (const char* verdict : {kSupported, kNotSupported, kNotDecidable})
    EXPECT_EQ(joint({claim_of(verdict, 0.049)})["verdict"], verdict);
}

TEST(JointClaim, IsWithheldWhereOneStudyWithholdsIt) {
  const Json withheld = {{"id", "K1"}, {"statement", "nothing changes"}, {"withheld", "gate T"}};
  const Json j = joint({claim_of(kNotSupported, 0), withheld});
  EXPECT_FALSE(j.contains("verdict"));
  EXPECT_EQ(j["withheld"], "a gate fails or is missing in 2");
}

TEST(JointClaim, IsProvisionalWhereOneOfThemIs) {
  Json half = claim_of(kSupported);
  half["provisional"] = true;
  const Json j = joint({claim_of(kSupported), half});
  EXPECT_EQ(j["provisional"], true);
  EXPECT_EQ(j["reason"], "provisional: supported in 1, 2");
}

TEST(JointClaim, NeedsTheSameClaimsOfEveryStudy) {
  Json other = claim_of(kSupported);
  other["id"] = "K2";
  EXPECT_EQ(refusal<FileError>([&] {
              joint({claim_of(kSupported), other});
            }),
            "judge_jointly: claims: expected the same claims of every study, got others");
  EXPECT_EQ(refusal<ValueError>([] { judge_jointly({}); }),
            "judge_jointly: claims: expected at least 1 study, got 0");
  EXPECT_EQ(refusal<FileError>([] {
              judge_jointly({Json::array(), Json::array({claim_of(kSupported)})});
            }),
            "judge_jointly: claims: expected the same claims of every study, got others");
  Json without = claim_of(kNotSupported);
  without["tests"][1]["p_no"] = nullptr;
  EXPECT_EQ(refusal<FileError>([&] { joint({without}); }),
            "judge_jointly: K1: p_no: expected a number with every no, got none");
}

/// Corrected among `trials` of a claim that it is above 0, or below.
Trial trial_of(const std::vector<double>& per_run, std::size_t trials, bool above = true) {
  const double end = std::numeric_limits<double>::infinity();
  Trial trial = above ? between_trial("it", 0, -end, end, 0, end)
                      : between_trial("it", 0, -end, end, -end, 0);
  trial.per_run = per_run;
  trial.runs = static_cast<std::int64_t>(per_run.size());
  std::vector<Trial> all(trials, trial);
  correct_trials(all);
  return all.front();
}

TEST(Trial, HasTheLeastLevelOfTheClaimAtWhichItSaysNo) {
  // Student's of 2 degrees of freedom: 1 - t / sqrt(2 + t^2), two-sided, at t = 2 sqrt(3).
  const double p = 1 - std::sqrt(12.0 / 14);
  EXPECT_NEAR(trial_of({-3, -2, -1}, 1).p_no, p, 1e-12);
  EXPECT_NEAR(trial_of({-3, -2, -1}, 2).p_no, 2 * p, 1e-12);
  EXPECT_NEAR(trial_of({1, 2, 3}, 2, false).p_no, 2 * p, 1e-12);
  EXPECT_EQ(trial_of({-1, 0, 4}, 2).p_no, 1);    // not below 0 at all
  EXPECT_EQ(trial_of({-2, -2, -2}, 2).p_no, 0);  // without any spread
  // It and the limits say the same, on both sides of the level.
  for (const double shift : {2.4, 2.5, 3.5, 3.6})
    for (const std::size_t trials : {1u, 2u}) {
      const Trial t = trial_of({-1 - shift, -shift, 1 - shift}, trials);
      EXPECT_EQ(t.answer == Answer::no, t.p_no < 0.05) << shift << " " << trials;
    }
  EXPECT_EQ(trial_of({-3.4, -2.4, -1.4}, 1).answer, Answer::open);  // 2.484 is where it ends
  EXPECT_EQ(trial_of({-3.5, -2.5, -1.5}, 1).answer, Answer::no);
}

}  // namespace
}  // namespace chainline::experiments
