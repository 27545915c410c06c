#include "experiments/study/study.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "experiments/conditions/condition.h"
#include "experiments/study/run_job.h"
#include "experiments/study/study_plan.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

TEST(Study, RefusesAnotherScale) {
  EXPECT_EQ(message_of<ValueError>([] { study_at("huge", "shapes"); }),
            "reproduce: scale: expected smoke, cpu or gpu, got huge");
}

TEST(Study, IsReadBackFromThePartThatAJobKeeps) {
  for (const char* scale : {"smoke", "cpu", "gpu"}) {
    const Study study = study_at(scale, "shapes");
    for (const StudyPart part : {StudyPart::base, StudyPart::run, StudyPart::gradients}) {
      const Json json = part_of(study, part);
      EXPECT_EQ(part_of(study_from(json, "job"), part), json) << scale;
    }
    for (const BaseStage& stage : study.base)
      EXPECT_EQ(to_json(base_stage_from(to_json(stage), "stage")), to_json(stage));
  }
}

TEST(Study, RefusesAKeyThatItDoesNotKnow) {
  Json json = part_of(study_at("smoke", "shapes"), StudyPart::run);
  json["colour"] = 1;
  EXPECT_EQ(message_of<FileError>([&] { study_from(json, "job 3: study"); }).substr(0, 12),
            "job 3: study");
}

// What a run does not depend on repeats none: how many seeds there are, what is planned beside it.
TEST(Study, ChangesElsewhereLeaveAJobsKeyAlone) {
  Study study = study_at("cpu", "shapes");
  std::map<std::string, std::string> keys;
  {
    const Plan plan(jobs_of(study));
    for (std::size_t i = 0; i < plan.size(); ++i) keys[plan.job(i).name] = plan.key(i);
  }
  study.primary_seeds = 2;
  study.others = {"T"};
  study.bootstrap = 7;
  const Plan fewer(jobs_of(study));
  EXPECT_LT(fewer.size(), keys.size());
  for (std::size_t i = 0; i < fewer.size(); ++i)
    EXPECT_EQ(fewer.key(i), keys[fewer.job(i).name]) << fewer.job(i).name;
  study.tune.learning_rate *= 2;
  const Plan other(jobs_of(study));
  EXPECT_EQ(other.key(0), fewer.key(0));  // the base
  EXPECT_NE(other.key(other.place_of("W100/0")), keys["W100/0"]);
}

TEST(Study, HasTheConditionsAndSeedsOfTheProtocol) {
  const Study study = study_at("cpu", "shapes");
  std::map<std::string, std::set<std::uint32_t>> seeds;
  for (const RunSpec& spec : runs_of(study))
    if (spec.measures == "all" && spec.tuning == "lora") seeds[spec.condition].insert(spec.run);
  for (const char* primary : {"B", "C0", "W50", "W100", "U3", "SW", "T", "L-0.4", "L-0"})
    EXPECT_GE(seeds[primary].size(), 10u) << primary;
  for (const char* other : {"W10", "W25", "W75", "P-const", "P-uniq", "P-noise", "L-0", "L-0.05",
                            "L-0.1", "L-0.2", "L-0.4", "T", "IMG", "TXT"})
    EXPECT_GE(seeds[other].size(), 3u) << other;
}

TEST(Study, EasyVqasBaseGoesOnFromTheBuiltInOne) {
  const Plan shapes(jobs_of(study_at("cpu", "shapes")));
  const Plan other(jobs_of(study_at("cpu", "easy-vqa:somewhere")));
  EXPECT_EQ(other.key(other.place_of("base/1")), shapes.key(shapes.place_of("base/1")));
  EXPECT_EQ(other.job(other.place_of("base/2")).needs, std::vector<std::string>{"base/1"});
}

// Moved data go on where they were, changed data begin anew, and the built-in base is for all.
TEST(Study, KnowsDataInFilesByWhatTheyHold) {
  const auto keys_of = [](const std::string& spec, const std::string& sha256) {
    const Plan plan(jobs_of(study_at("cpu", spec), sha256));
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < plan.size(); ++i) {
      keys.push_back(plan.key(i));
      EXPECT_EQ(plan.identity(i).dump().find("where"), std::string::npos) << plan.job(i).name;
      EXPECT_EQ(plan.job(i).places, Json({{"easy-vqa:sha256=" + sha256, spec}}));
    }
    return keys;
  };
  const std::vector<std::string> keys = keys_of("easy-vqa:somewhere", "12");
  EXPECT_EQ(keys_of("easy-vqa:elsewhere", "12"), keys);
  const std::vector<std::string> changed = keys_of("easy-vqa:somewhere", "13");
  EXPECT_EQ(changed[0], keys[0]);  // the first stage, on built-in pictures
  for (std::size_t i = 1; i < keys.size(); ++i) EXPECT_NE(changed[i], keys[i]);
}

TEST(Study, AsksEasyVqaForNoMixThatItLacks) {
  for (const RunSpec& spec : runs_of(study_at("cpu", "easy-vqa:somewhere")))
    EXPECT_NE(spec.mix, "counting");
}

TEST(Study, TheGridMeetsTheRulesAtTheReferenceBatch) {
  std::map<std::string, int> cells;
  for (const RunSpec& spec : runs_of(study_at("cpu", "shapes")))
    if (spec.measures == "users" && spec.private_noise == 0 && spec.run == 0)
      ++cells[spec.condition + " " + spec.optimizer + std::to_string(spec.batch)];
  for (const std::string condition : {"C0 ", "W100 "}) {  // every cell has its clean run
    EXPECT_EQ(cells[condition + "adamw8"], 1);  // fixed, linear and square-root rates are one there
    EXPECT_EQ(cells[condition + "adamw32"], 3);
    EXPECT_EQ(cells[condition + "sgd2"], 3);
  }
}

// The last strangers are those whose ids a user's is compared with (run_job); P-uniq shows the first.
TEST(Study, ComparesIdsWithThoseOfStrangersWhomNoConditionShows) {
  for (const char* scale : {"smoke", "cpu", "gpu"}) {
    const Study study = study_at(scale, "shapes");
    EXPECT_GE(study.strangers - study.candidates, study.tune_images) << scale;
  }
}

TEST(Study, LetsTheProbesOfTheSameRunReadItsSwappedAndThirdUsers) {
  const Plan plan(jobs_of(study_at("cpu", "shapes")));
  for (const char* condition : {"SW/", "U3/"})
    for (const char* run : {"0", "9"})
      EXPECT_EQ(plan.job(plan.place_of(std::string(condition) + run)).needs,
                (std::vector<std::string>{"base/1", std::string("W100/") + run}));
  EXPECT_EQ(plan.job(plan.place_of("C0/0")).needs, std::vector<std::string>{"base/1"});
}

TEST(RunSpec, IsReadBackAndNamed) {
  RunSpec spec;
  spec.condition = "W100";
  spec.run = 4;
  spec.rate_factor = 0.25;
  spec.optimizer = "sgd";
  spec.batch = 2;
  spec.measures = "users";
  EXPECT_EQ(to_json(run_spec_from(to_json(spec), "run")), to_json(spec));
  EXPECT_EQ(spec.name(), "W100/4/sgd-b2-x0.25");
}

}  // namespace
}  // namespace chainline::experiments
