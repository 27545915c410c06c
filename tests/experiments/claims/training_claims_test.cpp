#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/analysis/analysis.h"
#include "experiments/claims/claim.h"
#include "experiments/claims/few_runs.h"
#include "tensor/error.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"

namespace chainline::experiments {
namespace {

using test::quick;
using test::study_in;
using test::World;

World small() {
  World world;
  world.runs = 4;
  world.users = 8;
  world.grid = false;
  return world;
}

/// The trial whose question begins so.
const Trial& trial(const Judgement& j, const std::string& what) {
  for (const Trial& t : j.trials)
    if (t.what.starts_with(what)) return t;
  throw ValueError("no trial " + what);
}

bool any(const Judgement& j, Answer answer) {
  return std::any_of(j.trials.begin(), j.trials.end(),
                     [&](const Trial& t) { return t.answer == answer; });
}

Json share_row(double share, double half, double fall, int runs = 3, int without_change = 0) {
  const auto e = [&](double mean, double width) {
    return Json{{"mean", mean},
                {"low", mean - width},
                {"high", mean + width},
                {"runs", runs},
                {"per_run", std::vector<double>(static_cast<std::size_t>(runs), mean)}};
  };
  return {{"at", "base"},
          {"comparison", "W100"},
          {"runs", 3},
          {"smallest", 1},
          {"largest", 256},
          {"without_change", without_change},
          {"share", e(share, half)},
          {"fall", e(fall, 0.01)}};
}

Judgement mini_batch(const Json& row, const Json& fits = Json::array()) {
  return judge_mini_batch(
      {{"gradients",
        {{"rows", Json::array()}, {"shares", Json::array({row})}, {"plateaus", fits}}}});
}

Json fit_of_cosines(const Json& estimate, const Json& low, const Json& high, bool rises = false) {
  const Json fit = {{"at", "base"},
                    {"comparison", "W100"},
                    {"ratio", {{"estimate", estimate}, {"low", low}, {"high", high}}},
                    {"rises", rises}};
  return Json::array({fit});
}

TEST(MiniBatchClaim, IsJudgedByTheMomentsOfRuns) {
  const Judgement holds = mini_batch(share_row(0.1, 0.1, -0.2));
  EXPECT_FALSE(any(holds, Answer::no) || any(holds, Answer::open));
  EXPECT_EQ(trial(mini_batch(share_row(0.6, 0.1, -0.2)), "share").answer, Answer::no);
  EXPECT_EQ(trial(mini_batch(share_row(0.2, 0.1, -0.2)), "share").answer, Answer::open);
  EXPECT_EQ(trial(mini_batch(share_row(0.1, 0.1, 0.2)), "cosine at b = 1").answer, Answer::no);
  // Whatever a fit to mean cosines says, it decides nothing.
  const Judgement beside = mini_batch(share_row(0.1, 0.1, -0.2), fit_of_cosines(0.9, 0.8, 1.0));
  EXPECT_FALSE(any(beside, Answer::no));
  EXPECT_NE(trial(beside, "share").note.find("0.9 (0.8 to 1)"), std::string::npos)
      << trial(beside, "share").note;
}

TEST(MiniBatchClaim, IsOpenOfFewRunsAndSaysWhichLack) {
  const Judgement two = mini_batch(share_row(0.1, 0.1, -0.2, 2));
  EXPECT_FALSE(any(two, Answer::yes));
  EXPECT_NE(trial(two, "share").note.find("1 run without a mean gradient"), std::string::npos);
  EXPECT_NE(trial(two, "share").note.find("2 runs, where 3 are the fewest"), std::string::npos);
  EXPECT_NE(trial(mini_batch(share_row(0, 0, -0.2, 3, 2)), "share").note.find("in 2 of 3 runs"),
            std::string::npos);
}

TEST(MiniBatchClaim, SaysAtBothTestsWhichRunsHaveNoMeanGradient) {
  Json row = share_row(0.1, 0.1, -0.2, 1);
  for (const Trial& t : mini_batch(row).trials)
    EXPECT_NE(t.note.find("2 runs without a mean gradient"), std::string::npos) << t.what;
  // None has one: there is no number, and whatever the fit says is no refutation.
  row = share_row(0, 0, 0, 0);
  for (const char* what : {"share", "fall"})
    for (const char* number : {"mean", "low", "high"}) row[what][number] = nullptr;
  const Judgement none = mini_batch(row, fit_of_cosines(1.0, 1.0, 1.0, true));
  for (const Trial& t : none.trials) {
    EXPECT_EQ(t.answer, Answer::open) << t.what;
    EXPECT_NE(t.note.find("3 runs without a mean gradient"), std::string::npos) << t.what;
  }
  // A mean gradient and still no share: at right angles, or without any angle at one sample.
  row = share_row(0.1, 0.1, -0.2);
  row["share"] = share_row(0.1, 0.1, -0.2, 2)["share"];
  const Judgement beside = mini_batch(row);
  EXPECT_NE(trial(beside, "share").note.find("1 run whose predicted cosines have no such share"),
            std::string::npos);
  EXPECT_EQ(trial(beside, "share").note.find("without a mean gradient"), std::string::npos);
  EXPECT_TRUE(trial(beside, "cosine at b = 1").note.empty());
}

TEST(MiniBatchClaim, TakesNoFitAtItsBoundaryForARefutation) {
  const auto note = [](const Json& fits) {
    return trial(mini_batch(share_row(0.1, 0.1, -0.2), fits), "share").note;
  };
  const std::string rises = note(fit_of_cosines(1.0, 1.0, 1.0, true));
  EXPECT_NE(rises.find("rises with b"), std::string::npos) << rises;
  EXPECT_EQ(rises.find("1 (1 to 1)"), std::string::npos) << rises;
  EXPECT_EQ(note(fit_of_cosines(0.5, nullptr, nullptr)), "a fit to mean cosines has 0.5");
  EXPECT_EQ(note(fit_of_cosines(nullptr, nullptr, nullptr)), "");
}

TEST(GradientClaims, AreOpenOfFewerThanThreeRuns) {
  const auto judged = [](std::int64_t runs) {
    World world = small();
    world.runs = runs;
    const Json analysis = analyse(study_in(world), quick());
    return std::vector<Judgement>{judge_gradients(analysis), judge_magnitude(analysis),
                                  judge_mini_batch(analysis)};
  };
  for (const Judgement& j : judged(3)) EXPECT_FALSE(any(j, Answer::open)) << j.trials[0].what;
  for (const Judgement& j : judged(2))
    EXPECT_FALSE(any(j, Answer::yes) || any(j, Answer::no)) << j.trials[0].what;
}

TEST(GradientClaims, AreRefutedByTheSpreadOfRunsNotOfBatches) {
  // Three runs that disagree: whatever a bootstrap of so few says, Student's limits reach far.
  Json analysis = analyse(study_in(small()), quick());
  const auto scatter = [](Json& e) {
    e.update({{"mean", 0.9}, {"low", 0.85}, {"high", 0.95}, {"t_low", 0.6}, {"t_high", 1.2}});
    e["per_run"] = {0.8, 0.9, 1.02};
  };
  for (Json& r : analysis["gradients"]["ratios"]) scatter(r["amplitude"]);
  const std::string what = "change by W100 over that by P-noise, in amplitude";
  EXPECT_EQ(trial(judge_gradients(analysis), what).answer, Answer::open);
  for (Json& r : analysis["gradients"]["ratios"]) {
    scatter(r["amplitude"]);
    r["amplitude"]["per_run"] = {0.899, 0.9, 0.901};
  }
  EXPECT_EQ(trial(judge_gradients(analysis), what).answer, Answer::no);
  for (Json& r : analysis["gradients"]["ratios"]) {
    r["amplitude"].update({{"low", 12}, {"high", 40}, {"t_low", -16.8}, {"t_high", 60.8}});
    r["amplitude"]["per_run"] = {12, 14, 40};
  }
  EXPECT_EQ(
      trial(judge_magnitude(analysis), "change by W100 over that by TXT, in amplitude").answer,
      Answer::open);
}

TEST(UtilityClaim, NamesEveryPlannedMixAndRateThatIsNotThere) {
  StudyResults results = study_in(small());
  results.study["mixes"] = {"general", "counting", "attributes"};
  results.study["primary"] = {"C0", "W50", "W100"};
  results.study["others"] = {"W10"};
  std::erase_if(results.runs, [](const Json& run) { return run["condition"] == "W10"; });
  const Judgement j = judge_utility(analyse(results, quick()));
  for (const char* what :
       {"accuracy on general questions under W10", "accuracy on attributes questions under W50",
        "accuracy on attributes questions under W100",
        "accuracy on attributes questions from 0 to 100 %"}) {
    EXPECT_EQ(trial(j, what).answer, Answer::open) << what;
    EXPECT_NE(trial(j, what).note.find("not there yet"), std::string::npos) << what;
  }
  EXPECT_EQ(trial(j, "accuracy on general questions under W100").answer, Answer::yes);
}

TEST(UtilityClaim, IsNotSavedByAWeakMix) {
  World world = small();
  world.drop = 0.05;
  StudyResults results = study_in(world);
  // Of all questions together the model knows more than the most common answers do.
  results.study["constant_accuracy"] = {{"color", 0.3}, {"count", 0.95}, {"relation", 0.5}};
  const Judgement j = judge_utility(analyse(results, quick()));
  EXPECT_TRUE(j.blocked.empty());
  const Trial& weak = trial(j, "accuracy on counting questions under W100");
  EXPECT_EQ(weak.answer, Answer::open);
  EXPECT_NE(weak.note.find("no skill to lose: the clean model reaches"), std::string::npos);
  EXPECT_EQ(trial(j, "accuracy on counting questions from 0").answer, Answer::open);
  EXPECT_EQ(trial(j, "accuracy on general questions under W100").answer, Answer::no);
  EXPECT_EQ(trial(j, "accuracy on general questions from 0").answer, Answer::no);
}

TEST(UtilityClaim, SaysHowPreciseAnOpenRowWouldHaveToBe) {
  const auto with_row = [](double mean, double half, double deviation) {
    const Json difference = {{"mean", mean},
                             {"low_90", mean - half},
                             {"high_90", mean + half},
                             {"p_low", 0.2},
                             {"p_high", 0.2},
                             {"deviation", deviation},
                             {"runs", 3},
                             {"deviation_needed", 0.0059},
                             {"per_run", {mean - deviation, mean, mean + deviation}}};
    const Json row = {{"mix", "counting"}, {"condition", "W50"}, {"tuning", "lora"},
                      {"rate", 0.5},       {"score", "own"},     {"difference", difference}};
    return judge_utility({{"utility", {{"rows", Json::array({row})}, {"trends", Json::array()}}}});
  };
  const Judgement wide = with_row(0, 0.02, 0.012);
  EXPECT_EQ(wide.trials[0].answer, Answer::open);
  EXPECT_TRUE(wide.trials[0].note.ends_with("less than 0.59 points; they spread by 1.20"))
      << wide.trials[0].note;
  // Precise enough, had there been no difference.
  const Judgement beside = with_row(-0.006, 0.007, 0.004);
  EXPECT_EQ(beside.trials[0].answer, Answer::open);
  EXPECT_TRUE(beside.trials[0].note.ends_with("by 0.40, but their mean is too far from 0"))
      << beside.trials[0].note;
  EXPECT_EQ(with_row(0, 0.008, 0.004).trials[0].answer, Answer::yes);
}

TEST(UtilityClaim, NeedsAFallOfAPointToBeExcluded) {
  // Three slopes around a mean; Student's 95 % interval reaches 2.48 times their spread.
  const auto answer = [](double mean, double spread, int runs = 3) {
    const double half = 2.484 * spread;
    std::vector<double> slopes = {mean - spread, mean, mean + spread};
    slopes.resize(static_cast<std::size_t>(runs));
    const Json trend = {{"mix", "counting"},    {"score", "own"},        {"mean", mean},
                        {"t_low", mean - half}, {"t_high", mean + half}, {"per_run", slopes},
                        {"runs", runs}};
    const Json row = {
        {"mix", "counting"}, {"condition", "W50"},
        {"tuning", "lora"},  {"rate", 0.5},
        {"score", "own"},    {"difference", {{"mean", 0.0}, {"per_run", slopes}, {"runs", runs}}}};
    const Json analysis = {
        {"utility", {{"rows", Json::array({row})}, {"trends", Json::array({trend})}}}};
    return trial(judge_utility(analysis), "accuracy on counting questions from 0").answer;
  };
  EXPECT_EQ(answer(0, 0.003), Answer::yes);
  EXPECT_EQ(answer(-0.005, 0.001), Answer::yes);  // a fall, but of less than a point
  EXPECT_EQ(answer(0, 0.02), Answer::open);       // no fall was found, none is excluded
  EXPECT_EQ(answer(-0.05, 0.001), Answer::no);
  EXPECT_EQ(answer(-0.05, 0.014), Answer::open);  // no at 95 %, not at that of one of two tests
  EXPECT_EQ(answer(0, 0.003, 2), Answer::open);
}

/// Of three runs: Student's 95 % interval reaches 2.484 times their spread.
Json exponent(double at, double half, double theory, int runs = 3) {
  const double spread = half / 2.484;
  std::vector<double> per_run = {at - spread, at, at + spread};
  per_run.resize(static_cast<std::size_t>(runs));
  return {{"estimate", at},
          {"low", at - half},
          {"high", at + half},
          {"per_run", per_run},
          {"theory", theory}};
}

/// K10 of a grid whose exponents of b are off for SGD.
Judgement mechanism(double p, int cells, int left_out, int runs = 3, double half = 0.2) {
  Json fits = Json::array();
  for (const char* optimizer : {"sgd", "adamw"})
    fits.push_back(
        {{"optimizer", optimizer},
         {"cells", cells},
         {"planned", 10},
         {"left_out", left_out},
         {"runs", runs},
         {"reference",
          {{"mean", 1.0}, {"low", 0.5}, {"high", 1.5}, {"p", p}, {"runs", runs}, {"users", 64}}},
         {"eta", exponent(2, 0.2, 2, runs)},
         {"b", exponent(-0.5, half, optimizer[0] == 's' ? -2 : -1, runs)}});
  return judge_mechanism({{"grid",
                           {{"fits", fits},
                            {"rates",
                             {{"mean", 1.0},
                              {"t_low", 0.5},
                              {"t_high", 1.5},
                              {"p_t", 0.001},
                              {"runs", 3},
                              {"users", 64}}}}}});
}

TEST(MechanismClaim, IsRefutedByOtherExponentsWhereThereIsEnergy) {
  const Judgement j = mechanism(0.001, 10, 0);
  EXPECT_EQ(trial(j, "sgd: exponent of b").answer, Answer::no);
  EXPECT_EQ(trial(j, "sgd: exponent of the learning rate").answer, Answer::yes);
  EXPECT_EQ(trial(j, "sgd: energy at the reference").answer, Answer::yes);
  EXPECT_EQ(trial(j, "energy over the rate").answer, Answer::yes);
  // Outside of the margin at 95 %, and not at the 99.3 % that one of seven tests needs.
  EXPECT_EQ(trial(mechanism(0.001, 10, 0, 3, 0.9), "sgd: exponent of b").answer, Answer::open);
}

TEST(MechanismClaim, IsNotRefutedByNoise) {
  // No energy at the reference; at the corrected level neither of two at 0.04 is.
  for (const double p : {0.4, 0.04}) EXPECT_FALSE(any(mechanism(p, 10, 0), Answer::no)) << p;
  EXPECT_FALSE(any(mechanism(0.001, 10, 2), Answer::no));  // the rest was chosen by chance
  EXPECT_EQ(trial(mechanism(0.001, 10, 2), "sgd: exponent of the learning rate").answer,
            Answer::yes);
  for (const auto& [cells, left_out] : {std::pair(10, 4), std::pair(7, 1)}) {  // too few remain
    const Judgement j = mechanism(0.001, cells, left_out);
    EXPECT_EQ(trial(j, "sgd: exponent of b").answer, Answer::open) << cells;
    EXPECT_EQ(trial(j, "sgd: exponent of the learning rate").answer, Answer::open) << cells;
  }
  const Judgement two = mechanism(0.001, 10, 0, 2);
  EXPECT_EQ(trial(two, "sgd: exponent of b").answer, Answer::open);
  EXPECT_EQ(trial(two, "sgd: energy at the reference").answer, Answer::open);
}

}  // namespace
}  // namespace chainline::experiments
