#include "experiments/probing/probe.h"

#include <cmath>

#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/probing/planted.h"

namespace chainline::experiments {
namespace {

ProbeOptions options(std::int64_t relabellings) {
  ProbeOptions chosen(5);
  chosen.relabellings = relabellings;
  chosen.bootstrap = 400;
  return chosen;
}

// The replica's test has 60 independent items: three times 0.5 / sqrt(60).
constexpr double kThreeSdOfItems = 0.19;

/// Whether a leave-users-out figure is at chance: within three standard deviations of the same
/// figure under shuffled labels, and not among the largest of those.
void expect_chance(const LeaveUsersOutProbe& probe) {
  EXPECT_NEAR(probe.accuracy, 0.5, 3 * probe.accuracy_control.sd);
  EXPECT_NEAR(probe.auc, 0.5, 3 * probe.auc_control.sd);
  EXPECT_GT(probe.auc_control.p_value, 0.05);
}

TEST(Probe, ReadingCardsAloneFoolsTheReplicaButNotLeaveUsersOut) {
  const World world({3, 0, 0}, 0);
  const ReplicaProbe replica = replica_probe(world.items, options(20));
  EXPECT_STREQ(ReplicaProbe::kLabel, "replica (confounded)");
  EXPECT_EQ(replica.test_items, 60);
  EXPECT_GT(replica.accuracy, 0.9);
  EXPECT_GT(replica.control.mean, 0.9) << "its control task is as easy";
  EXPECT_LT(std::abs(replica.control.selectivity), 0.1);
  expect_chance(leave_users_out_probe(world.items, options(20)));
}

TEST(Probe, FamiliarityIsFoundByBoth) {
  const World world({0.3, 0.5, 0}, 1);
  const ReplicaProbe replica = replica_probe(world.items, options(20));
  EXPECT_GT(replica.accuracy, 0.9);
  EXPECT_GT(replica.control.selectivity, 0.1);
  EXPECT_EQ(replica.control.p_value, 1.0 / 21);
  const LeaveUsersOutProbe left_out = leave_users_out_probe(world.items, options(20));
  EXPECT_GT(left_out.accuracy, 0.9);
  EXPECT_GT(left_out.auc, 0.95);
  EXPECT_GT(left_out.accuracy_interval.low, 0.75);
  EXPECT_LE(left_out.accuracy_interval.low, left_out.accuracy);
  EXPECT_GE(left_out.accuracy_interval.high, left_out.accuracy);
  EXPECT_LE(left_out.auc_interval.low, left_out.auc);
  EXPECT_GE(left_out.auc_interval.high, left_out.auc);
  EXPECT_EQ(left_out.accuracy_control.p_value, 1.0 / 21);
  EXPECT_EQ(left_out.auc_control.p_value, 1.0 / 21);
}

TEST(Probe, NoiseIsAtChance) {
  const World world({0, 0, 0}, 2);
  EXPECT_NEAR(replica_probe(world.items, options(0)).accuracy, 0.5, kThreeSdOfItems);
  expect_chance(leave_users_out_probe(world.items, options(20)));
}

TEST(Probe, ShuffledLabelsAreAtChanceForLeaveUsersOut) {
  // Were the users of a probe independent, each with all its items right or all wrong, its accuracy
  // would have a standard deviation of 0.5 / sqrt(40) = 0.08. That holds for weak cards; strong
  // ones reach 0.1. The mean of 60 relabellings then has 0.013 at most; three of those are granted.
  const World world({0.3, 0, 0}, 3);
  const LeaveUsersOutProbe probe = leave_users_out_probe(world.items, options(60));
  EXPECT_EQ(probe.accuracy_control.values.size(), 60u);
  EXPECT_NEAR(probe.accuracy_control.mean, 0.5, 0.04);
  EXPECT_NEAR(probe.auc_control.mean, 0.5, 0.04);
  EXPECT_LT(probe.accuracy_control.sd, 0.08);
  EXPECT_GT(probe.accuracy_control.sd, 0.01);
}

TEST(Probe, APictureLeftInTheTrainingVotesForTheWrongClass) {
  const World world({0, 0, 2}, 4);
  expect_chance(leave_users_out_probe(world.items, options(20)));
  EXPECT_NEAR(replica_probe(world.items, options(0)).accuracy, 0.5, kThreeSdOfItems);
  ProbeOptions shared = options(0);
  shared.hold_out_images = false;
  shared.distinct_images = false;
  EXPECT_LT(leave_users_out_probe(world.items, shared).accuracy, 0.4);
  const ReplicaProbe replica = replica_probe(world.items, shared);
  EXPECT_LT(replica.accuracy, 0.4);
  EXPECT_EQ(replica.test_items, 120);
}

TEST(Probe, UsersMakeAWiderIntervalThanItems) {
  // Cards make the items of a user stand and fall together; Wilson's interval does not know.
  const World world({1, 0, 0}, 5);
  const LeaveUsersOutProbe probe = leave_users_out_probe(world.items, options(0));
  const auto right = std::llround(probe.accuracy * 600);
  const Interval items = wilson_interval(right, 600);
  EXPECT_GT(probe.accuracy_interval.high - probe.accuracy_interval.low,
            1.3 * (items.high - items.low));
}

TEST(Probe, ReportsTheCertificatesOfItsFits) {
  const World world({0.3, 0.3, 0}, 6);
  const FitQuality good = leave_users_out_probe(world.items, options(3)).quality;
  EXPECT_EQ(good.fits, 5 * (1 + 3));
  EXPECT_EQ(good.unconverged, 0);
  EXPECT_LE(good.worst_gradient, 1e-6);
  ProbeOptions chosen = options(3);
  chosen.tolerance = 1e-30;
  const FitQuality never = replica_probe(world.items, chosen).quality;
  EXPECT_EQ(never.fits, 1 + 3);
  EXPECT_EQ(never.unconverged, never.fits);
  EXPECT_GT(never.worst_gradient, 1e-30);
}

TEST(Probe, IsTheSameForAnyNumberOfThreads) {
  const World world({0.5, 0.2, 0}, 7);
  const int before = threads();
  std::vector<LeaveUsersOutProbe> probes;
  std::vector<ReplicaProbe> replicas;
  for (const int n : {1, 3}) {
    set_threads(n);
    probes.push_back(leave_users_out_probe(world.items, options(6)));
    replicas.push_back(replica_probe(world.items, options(6)));
  }
  set_threads(before);
  EXPECT_EQ(probes[0].scores, probes[1].scores);
  EXPECT_EQ(probes[0].auc_control.values, probes[1].auc_control.values);
  EXPECT_EQ(probes[0].auc_interval.low, probes[1].auc_interval.low);
  EXPECT_EQ(probes[0].quality.worst_gap, probes[1].quality.worst_gap);
  EXPECT_EQ(replicas[0].control.values, replicas[1].control.values);
}

TEST(Probe, RefusesItemsThatItCannotSplit) {
  const World world({0, 0, 0}, 8);
  const auto refused = [&](const std::function<void(ProbeItems&, ProbeOptions&)>& change) {
    ProbeItems items = world.items;
    ProbeOptions chosen = options(0);
    change(items, chosen);
    return refusal<Error>([&] { leave_users_out_probe(items, chosen); });
  };
  EXPECT_EQ(refused([](ProbeItems& items, ProbeOptions&) { items.users.pop_back(); }),
            "probe: items: expected equally many features, labels, users and images, got 600, 600, "
            "599, 600");
  EXPECT_EQ(refused([](ProbeItems& items, ProbeOptions&) { items.seen[3] = 0; }),
            "probe: user 2: expected one label, got both");
  EXPECT_EQ(refused([](ProbeItems&, ProbeOptions& chosen) { chosen.folds = 21; }),
            "probe: label 0: expected at least 21 users, one for each fold, got 20");
  EXPECT_EQ(refused([](ProbeItems&, ProbeOptions& chosen) { chosen.folds = 1; }),
            "probe: folds: expected at least 2, got 1");
  EXPECT_EQ(refused([](ProbeItems& items, ProbeOptions&) { items.images.assign(600, 7); }),
            "probe: fold 0: expected both classes among the items that share no user and no image "
            "with it, got 0 seen and 0 unseen; pictures that carry all cards need hold_out_images "
            "= false");
  EXPECT_EQ(refusal<ValueError>([&] {
              ProbeOptions chosen = options(0);
              chosen.test_share = 0.001;
              replica_probe(world.items, chosen);
            }),
            "probe: label 0: expected items on both sides of the split, got 0 of 150 in the test");
}

}  // namespace
}  // namespace chainline::experiments
