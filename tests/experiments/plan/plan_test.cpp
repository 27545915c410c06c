// Plan: what its keys depend on, which order it has, and what it refuses.

#include "experiments/plan/plan.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tensor/error.h"
#include "tensor/sha256.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

Job job(const std::string& name, const std::vector<std::string>& needs = {},
        const Json& config = nullptr) {
  Job j;
  j.name = name;
  j.kind = "train";
  j.config = config.is_null() ? Json{{"of", name}} : config;
  j.needs = needs;
  return j;
}

/// base <- tune <- probe, and a twin that nobody needs.
std::vector<Job> small_plan() {
  return {job("base"), job("tune", {"base"}), job("probe", {"tune", "base"}), job("twin")};
}

std::string refused(const std::vector<Job>& jobs) {
  return refusal<ValueError>([&] { Plan plan(jobs); });
}

TEST(Plan, NamesAJobByAHashOfItsKindConfigNeedsAndCode) {
  std::vector<Job> jobs = small_plan();
  jobs[1].code = "c0de";
  const Plan plan(jobs);
  const std::string text =
      R"({"code":"c0de","config":{"of":"tune"},"kind":"train","needs":[")" + plan.key(0) + R"("]})";
  EXPECT_EQ(plan.key(1), sha256_hex(text));
  EXPECT_EQ(plan.identity(1).dump(), text);
  EXPECT_EQ(plan.identity(0).at("code"), code_version());
}

TEST(Plan, GivesNewKeysToAChangedJobAndThoseThatNeedItAndToNoOther) {
  const Plan before(small_plan());
  const auto changed = [&](const std::function<void(std::vector<Job>&)>& change) {
    std::vector<Job> jobs = small_plan();
    change(jobs);
    const Plan after(jobs);
    std::set<std::string> names;
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after.key(i) != before.key(i)) names.insert(small_plan()[i].name);
    }
    return names;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(changed([](auto& jobs) { jobs[1].config["rate"] = 50; }), (Names{"tune", "probe"}));
  EXPECT_EQ(changed([](auto& jobs) { jobs[0].kind = "load"; }), (Names{"base", "tune", "probe"}));
  EXPECT_EQ(changed([](auto& jobs) { jobs[3].code = "newer"; }), Names{"twin"});
  EXPECT_EQ(changed([](auto& jobs) { jobs[2].needs = {"base", "tune"}; }), Names{"probe"});
  EXPECT_EQ(changed([](auto& jobs) { jobs[3].name = "other", jobs[3].weight = 9; }), Names{});
}

TEST(Plan, OrdersJobsAfterWhatTheyNeedWhereverTheyStand) {
  const Plan plan({job("probe", {"tune", "base", "tune"}), job("tune", {"base"}), job("base")});
  EXPECT_EQ(plan.order(), (std::vector<std::size_t>{2, 1, 0}));
  EXPECT_EQ(plan.needs(0), (std::vector<std::size_t>{1, 2, 1}));
  EXPECT_EQ(plan.needed_by(1), (std::vector<std::size_t>{0}));
  EXPECT_EQ(plan.place_of("tune"), 1u);
  EXPECT_EQ(refusal<ValueError>([&] { plan.place_of("tine"); }),
            "plan: expected the name of a job, got \"tine\"");
}

TEST(Plan, StartsFirstWhatOthersWaitForAndElseTheFirst) {
  const Plan plan({job("twin"), job("base"), job("tune", {"base"}), job("other")});
  EXPECT_EQ(next_job(plan, {false, false, false, false}, {0, 1, 3}), 1u);
  // Nobody waits for the base once the tuning is done.
  EXPECT_EQ(next_job(plan, {false, false, true, false}, {0, 1, 3}), 0u);
  EXPECT_EQ(next_job(plan, {false, true, false, false}, {2, 3}), 2u);
}

TEST(Plan, RefusesNamesNeedsAndCirclesThatMakeNoSense) {
  EXPECT_EQ(refused({job("a b")}),
            "plan: name: expected 1 to 100 characters of ASCII without blanks, got \"a b\"");
  EXPECT_EQ(refused({job("")}),
            "plan: name: expected 1 to 100 characters of ASCII without blanks, got \"\"");
  EXPECT_EQ(refused({job("base"), job("base", {}, {{"x", 1}})}),
            "plan: base: expected a name for each job, got it twice");
  EXPECT_EQ(refused({job("base"), job("tune", {"bse"})}),
            "plan: tune: needs: expected the name of a job, got \"bse\"; did you mean base?");
  EXPECT_EQ(refused({job("base"), job("a", {"base", "c"}), job("b", {"a"}), job("c", {"b"}),
                     job("d", {"c"})}),
            "plan: needs: expected no circle, got a needs c needs b needs a");
  EXPECT_EQ(refused({job("a", {"a"})}), "plan: needs: expected no circle, got a needs a");
  EXPECT_EQ(refused({job("a", {}, {{"x", 1}}), job("b", {}, {{"x", 1}})}),
            "plan: b: expected work of its own, got that of a; their configs must differ");
}

TEST(Plan, RefusesWeightsAndConfigsThatCannotBeWrittenDown) {
  Job weightless = job("a");
  weightless.weight = 0;
  EXPECT_EQ(refused({weightless}), "plan: a: weight: expected a positive number of seconds, got 0");
  // It would be written as null, as another's infinity.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refused({job("a", {}, {{"rate", nan}})}),
            "plan: a: config: expected finite numbers, got {\"rate\":null}");
  EXPECT_EQ(refused({job("a", {}, {{"text", "\xff"}})}),
            "plan: a: config: expected text in UTF-8, got other bytes");
}

}  // namespace
}  // namespace chainline::experiments
