#include "experiments/probing/folds.h"

#include <cmath>
#include <numeric>

#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/probing/planted.h"

namespace chainline::experiments {
namespace {

ProbeOptions nested(std::int64_t relabellings) {
  ProbeOptions options(5);
  options.relabellings = relabellings;
  options.bootstrap = 100;
  options.c_grid = kCGrid;
  return options;
}

// scikit-learn 1.9.1: by hand, StandardScaler and LogisticRegression(solver="newton-cholesky",
// tol=1e-12) on every pair of the same folds, then on each fold with the C of the least loss.
// Decisions are sums of 48 terms with weights that its own solvers know to 1e-7.
TEST(Folds, ChooseCAsLoopsOverScikitLearnDo) {
  const World world({0.3, 0.1, 0}, 20);
  const Users users = probe_users(world.items);
  ProbeOptions options = nested(0);
  options.tolerance = 1e-9;
  const UserFolds folds(world.items, users, options);
  FitQuality quality;
  const UserFolds::Decisions found = folds.decide(world.items.seen, quality);
  EXPECT_EQ(found.c, (std::vector<double>{0.01, 0.1, 0.01, 0.1, 0.01}));
  const double losses[] = {0.6095947764076453, 0.5873208352955899, 0.614944113239003,
                           0.573867110753683, 0.6132250339498106};
  for (std::size_t f = 0; f < 5; ++f) EXPECT_NEAR(found.inner_loss[f], losses[f], 1e-6);
  const double scores[] = {0.947860380411518, 1.1856022978887368, -0.8855716937315568,
                           1.7496827858280886};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(found.scores[i], scores[i], 1e-5);
  // Ten pairs serve as twenty inner folds.
  EXPECT_EQ(quality.fits, 10 * 5 + 5);
  EXPECT_EQ(quality.unconverged, 0);
  EXPECT_LE(quality.worst_gradient, 1e-9);

  const LeaveUsersOutProbe probe = leave_users_out_probe(world.items, options);
  EXPECT_EQ(probe.scores, found.scores);
  EXPECT_EQ(probe.c, found.c);
  EXPECT_EQ(probe.accuracy, 0.71);
  EXPECT_NEAR(probe.auc, 0.7568888888888889, 1e-12);
}

TEST(Folds, OfAGridOfOneAreThoseOfThatC) {
  const World world({0.3, 0.1, 0}, 22);
  ProbeOptions options = nested(2);
  options.c_grid = {0.01};
  const LeaveUsersOutProbe chosen = leave_users_out_probe(world.items, options);
  options.c_grid = {};
  options.c = 0.01;
  const LeaveUsersOutProbe fixed = leave_users_out_probe(world.items, options);
  EXPECT_EQ(chosen.scores, fixed.scores);
  EXPECT_EQ(chosen.auc_control.values, fixed.auc_control.values);
  EXPECT_EQ(fixed.c, std::vector<double>(5, 0.01));
}

TEST(Folds, ChooseWithoutTheUsersAndImagesThatTheyTest) {
  // What stands on the held-out side, fold 0's items and all that share its images, must not show
  // in the c and the loss that fold 0 chooses by.
  World world({0.3, 0.1, 0}, 23);
  const Users users = probe_users(world.items);
  FitQuality quality;
  const UserFolds::Decisions before =
      UserFolds(world.items, users, nested(0)).decide(world.items.seen, quality);
  const UserFolds folds(world.items, users, nested(0));
  std::vector<bool> image(World::kImages, false);
  for (const std::int64_t row : folds.test(0))
    image[static_cast<std::size_t>(world.items.images[static_cast<std::size_t>(row)])] = true;
  for (std::size_t i = 0; i < world.values.size(); ++i)
    if (image[static_cast<std::size_t>(world.items.images[i / World::kWidth])])
      world.values[i] = -3 * world.values[i] + 1;
  const UserFolds::Decisions after =
      UserFolds(world.items, users, nested(0)).decide(world.items.seen, quality);
  EXPECT_EQ(after.inner_loss[0], before.inner_loss[0]);
  EXPECT_EQ(after.c[0], before.c[0]);
  EXPECT_NE(after.inner_loss[1], before.inner_loss[1]);
}

TEST(Folds, ThatChooseCKeepTheControlExact) {
  // Strong cards and no familiarity: the control chooses its c as the figure does, so the figure is
  // one of its values. A control at the figure's c alone would be lower than choosing.
  const World world({1, 0, 0}, 24);
  ProbeOptions options = nested(12);
  options.c_grid = {1e-3, 1e-1};
  const LeaveUsersOutProbe probe = leave_users_out_probe(world.items, options);
  EXPECT_NEAR(probe.auc, 0.5, 3 * probe.auc_control.sd);
  EXPECT_GT(probe.auc_control.p_value, 0.1);
  EXPECT_EQ(probe.quality.fits, 13 * (10 * 2 + 5));
  EXPECT_EQ(probe.quality.unconverged, 0);
}

TEST(Folds, OfRelabelledUsersAreThoseOfItemsWithThoseLabels) {
  // One object serves every relabelling within its groups: for the labels of a relabelling it
  // decides as one made for it.
  World world({0.5, 0.2, 0}, 25);
  const Users users = probe_users(world.items);
  const UserFolds folds(world.items, users, nested(0));
  for_each_relabelling(
      users, folds.groups(), 5, 2, [&](std::size_t, const std::vector<int>& user_labels) {
        const std::vector<int> labels = users.item_labels(user_labels);
        FitQuality quality;
        const UserFolds::Decisions all = folds.decide(labels, quality);
        // Fold 0 by hand, at its c.
        std::vector<std::int64_t> train;
        std::vector<bool> held(World::kImages, false);
        for (const std::int64_t row : folds.test(0)) held[static_cast<std::size_t>(row / 2)] = true;
        for (std::int64_t row = 0; row < 2 * World::kImages; ++row)
          if (!held[static_cast<std::size_t>(row / 2)]) train.push_back(row);
        const LogisticFit fit =
            LogisticRegression(world.items.features, train, {all.c[0], true, 1e-6, 100})
                .fit(picked(labels, train));
        for (const std::int64_t row : folds.test(0))
          EXPECT_EQ(all.scores[static_cast<std::size_t>(row)],
                    fit.decision(world.items.features.row(row)));
      });
}

TEST(Folds, KeepUsersTogetherWhoShareTheirPictures) {
  const World world({0.3, 0.1, 0}, 26, true);
  const Users users = probe_users(world.items);
  const UserFolds folds(world.items, users, nested(0));
  ASSERT_EQ(folds.exchangeable().size(), static_cast<std::size_t>(World::kUsers));
  for (const std::vector<std::size_t>& pair : folds.exchangeable()) {
    ASSERT_EQ(pair.size(), 2u);
    EXPECT_NE(users.labels[pair[0]], users.labels[pair[1]]);
  }
  for (const std::vector<std::size_t>& group : folds.groups()) {
    ASSERT_EQ(group.size(), 8u);
    for (std::size_t i = 0; i < 8; i += 2)  // user ids are their indices: partners are 2k, 2k + 1
      EXPECT_EQ(group[i] / 2, group[i + 1] / 2);
  }
}

TEST(Folds, OfPartnersHaveAControlAsWideAsTheFigureItself) {
  // No familiarity, strong pictures: both cards of a picture carry it, so it says nothing of the
  // label, and nothing after partners changed places. Dealt among all users of a fold, labels would
  // leave pictures with two cards of one label, and a control that is wider than the figure.
  double figure = 0, control = 0;
  constexpr int kRuns = 100;
  for (std::uint32_t run = 0; run < kRuns; ++run) {
    const World world({0.1, 0, 1}, 100 + run, true);
    ProbeOptions options(run);
    options.relabellings = 9;
    options.bootstrap = 10;
    options.c = 1e-2;
    const LeaveUsersOutProbe probe = leave_users_out_probe(world.items, options);
    figure += (probe.auc - 0.5) * (probe.auc - 0.5) / kRuns;
    for (const double auc : probe.auc_control.values)
      control += (auc - 0.5) * (auc - 0.5) / (9 * kRuns);
  }
  // Both estimate one variance, from 100 and 900 draws: their ratio has a standard deviation of
  // sqrt(2 / 100 + 2 / 900) = 0.145. Dealing among all users of a fold it is 0.49.
  EXPECT_NEAR(figure / control, 1, 0.43);
}

TEST(Folds, OfUsersWhoseLabelsAreAlikeOnAPictureDealAmongAll) {
  World world({0.3, 0.1, 0}, 27, true);
  world.items.seen = std::vector<int>(world.items.seen.size());
  for (std::size_t i = 0; i < world.items.seen.size(); ++i)
    world.items.seen[i] = world.items.users[i] % 4 < 2;  // both partners of every second pair
  const Users users = probe_users(world.items);
  EXPECT_EQ(exchangeable_users(users, world.items.images).size(), 1u);
}

TEST(Folds, OfFewUsersLeaveAPairThatDecidesNothing) {
  // Two users in each of three folds: a pair of folds leaves the pictures that show the two of the
  // third, and those are without the seen one's card here. Each fold alone has both classes.
  std::vector<float> values;
  ProbeItems items;
  RandomSequence random = Generator(12, "few users").sequence(0, 0);
  const auto add = [&](std::int64_t image, int seen, std::int64_t user) {
    items.users.push_back(2 * user + seen);
    items.seen.push_back(seen);
    items.images.push_back(image);
    for (int j = 0; j < 4; ++j) values.push_back(static_cast<float>(random.uniform() + seen));
  };
  for (std::int64_t image = 0; image < 9; ++image) {
    add(image, 1, image % 3);
    add(image, 0, image / 3);
  }
  ProbeOptions options = nested(0);
  options.folds = 3;
  items.features = {values, 18, 4};
  const Users all = probe_users(items);
  const auto groups = UserFolds(items, all, options).groups();
  std::vector<std::size_t> fold(6);
  for (std::size_t f = 0; f < 3; ++f)
    for (const std::size_t user : groups[f]) fold[user] = f;
  items = {};
  values.clear();
  for (std::int64_t image = 0; image < 9; ++image) {
    const std::int64_t seen = image % 3, unseen = image / 3;
    if (fold[static_cast<std::size_t>(2 * seen + 1)] != fold[static_cast<std::size_t>(2 * unseen)])
      add(image, 1, seen);
    add(image, 0, unseen);
  }
  items.features = {values, static_cast<std::int64_t>(items.seen.size()), 4};
  FitQuality quality;
  const Users users = probe_users(items);
  const UserFolds::Decisions found = UserFolds(items, users, options).decide(items.seen, quality);
  EXPECT_EQ(quality.fits, 3) << "those of the folds; none of the pairs has both classes";
  EXPECT_EQ(found.c, std::vector<double>(3, 1e-4));
  for (const double loss : found.inner_loss) EXPECT_NEAR(loss, std::log(2.0), 1e-15);
}

TEST(Folds, ThatChooseAreTheSameForAnyNumberOfThreads) {
  const World world({0.5, 0.2, 0}, 7);
  const int before = threads();
  std::vector<LeaveUsersOutProbe> probes;
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    probes.push_back(leave_users_out_probe(world.items, nested(2)));
  }
  set_threads(before);
  for (const std::size_t other : {1u, 2u}) {
    EXPECT_EQ(probes[0].scores, probes[other].scores);
    EXPECT_EQ(probes[0].auc_control.values, probes[other].auc_control.values);
  }
}

TEST(Folds, RefuseAGridThatLeavesNoChoice) {
  const World world({0, 0, 0}, 8);
  const auto refused = [&](const std::function<void(ProbeOptions&)>& change) {
    ProbeOptions options = nested(0);
    change(options);
    return refusal<ValueError>([&] { leave_users_out_probe(world.items, options); });
  };
  EXPECT_EQ(refused([](ProbeOptions& o) { o.folds = 2; }),
            "probe: folds: expected at least 3 to choose c in the others, got 2");
  EXPECT_EQ(refused([](ProbeOptions& o) {
              o.c_grid = {1, 0.1, 1};
            }),
            "probe: c_grid: expected different values, got 1 twice");
  EXPECT_EQ(refused([](ProbeOptions& o) {
              o.c_grid = {0, 1};
            }),
            "logistic: c: expected a positive number, got 0");
}

}  // namespace
}  // namespace chainline::experiments
