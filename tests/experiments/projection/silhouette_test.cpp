#include "experiments/projection/silhouette.h"

#include <cmath>

#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/projection/points.h"

namespace chainline::experiments {
namespace {

std::vector<std::int64_t> labels_of(std::int64_t n, std::int64_t each, std::int64_t clusters) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i / each % clusters);
  return labels;
}

TEST(Silhouette, AgreesWithScikitLearn) {
  // scikit-learn 1.9.1, silhouette_samples and silhouette_score of the same points in f64.
  const Tensor x = scattered(30, 3, 3, 0.5, 2);
  const Silhouette three = silhouette(x, labels_of(30, 1, 3));
  EXPECT_NEAR(three.mean, -0.018366742253685727, 1e-14);
  const double first[] = {-0.31558400710141365, -0.16492070607310766, 0.009960694373764935,
                          0.129476818236715};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(three.values[i], first[i], 1e-14);
  EXPECT_NEAR(silhouette(x, labels_of(30, 3, 2)).mean, -0.004161518231873411, 1e-14);
}

TEST(Silhouette, OfTheOnlyPointOfAClusterIsZero) {
  // scikit-learn as above, labels 0, then 14 of 1 and 15 of 2.
  std::vector<std::int64_t> labels(30, 2);
  labels[0] = 0;
  for (std::size_t i = 1; i < 15; ++i) labels[i] = 1;
  const Silhouette found = silhouette(scattered(30, 3, 3, 0.5, 2), labels);
  EXPECT_EQ(found.values[0], 0);
  EXPECT_NEAR(found.mean, -0.2575687315490292, 1e-14);
}

TEST(Silhouette, OfEqualPointsIsZero) {
  EXPECT_EQ(silhouette(Tensor::zeros({4, 2}, DType::f32), labels_of(4, 2, 2)).mean, 0);
}

/// 24 users of 6 points each, every user with a place of its own; seen users are moved by `apart`.
struct World {
  Tensor points;
  std::vector<int> seen;
  std::vector<std::int64_t> users, images;

  World(double card, double apart) {
    RandomSequence random = Generator(18, "silhouette test").sequence(0, 0);
    std::vector<double> values;
    for (std::int64_t user = 0; user < 24; ++user) {
      double place[4];
      for (double& p : place) p = card * (2 * random.uniform() - 1);
      for (int i = 0; i < 6; ++i) {
        for (const double p : place) values.push_back(p + 2 * random.uniform() - 1);
        values.back() += user % 2 == 1 ? apart : 0;
        seen.push_back(static_cast<int>(user % 2));
        users.push_back(100 - user);
        images.push_back(static_cast<std::int64_t>(images.size()));  // nobody shares one
      }
    }
    points = Tensor::from(values, {24 * 6, 4});
  }
  SilhouetteTest test() const { return silhouette_test(points, seen, users, images, 3, 99); }
};

TEST(Silhouette, OfClassesThatDifferIsBeyondItsControl) {
  const SilhouetteTest test = World(1, 4).test();
  EXPECT_GT(test.silhouette.mean, 0.3);
  EXPECT_EQ(test.control.values.size(), 99u);
  EXPECT_EQ(test.control.p_value, 0.01);
}

TEST(Silhouette, OfReadableCardsAloneIsWithinItsControl) {
  // Labels that moved with points instead of users would have a control near 0, of a spread that
  // any chance difference between two sets of 12 cards exceeds.
  const SilhouetteTest test = World(10, 0).test();
  EXPECT_GT(test.of_users, 0.5) << "each card is a cluster";
  EXPECT_GT(test.control.p_value, 0.05);
  EXPECT_LT(std::abs(test.silhouette.mean - test.control.mean), 3 * test.control.sd);
}

TEST(Silhouette, OfRelabelledUsersIsThatOfTheLabelsTheyGet) {
  const World world(3, 1);
  const SilhouetteTest test = world.test();
  const Users users("test", world.seen, world.users);
  for_each_relabelling(
      users, {users.everyone()}, 3, 99, [&](std::size_t r, const std::vector<int>& labels) {
        if (r % 33 != 0) return;
        const std::vector<int> items = users.item_labels(labels);
        const std::vector<std::int64_t> wide(items.begin(), items.end());
        // The sums go by users there and by points here.
        EXPECT_NEAR(silhouette(world.points, wide).mean, test.control.values[r], 1e-14);
      });
}

TEST(Silhouette, IsTheSameForAnyNumberOfThreads) {
  const int before = threads();
  const World world(3, 1);
  set_threads(1);
  const SilhouetteTest one = world.test();
  for (const int n : {2, 3}) {
    set_threads(n);
    const SilhouetteTest other = world.test();
    EXPECT_EQ(other.silhouette.values, one.silhouette.values);
    EXPECT_EQ(other.control.values, one.control.values);
  }
  set_threads(before);
}

TEST(Silhouette, RefusesWhatHasNoClusters) {
  const Tensor x = scattered(4, 3, 1, 0, 0);
  const auto refused = [&](const std::vector<std::int64_t>& labels) {
    return refusal<Error>([&] { silhouette(x, labels); });
  };
  EXPECT_EQ(refused({1, 1, 1, 1}), "silhouette: labels: expected at least two clusters, got 1");
  EXPECT_EQ(refused({1, 2, 1}), "silhouette: labels: expected 4, got 3");
  EXPECT_EQ(refusal<Error>([&] {
              silhouette_test(x, {1, 0, 1, 0}, {1, 2, 2, 3}, {0, 0, 0, 0}, 1, 9);
            }),
            "silhouette: user 2: expected one label, got both");
  EXPECT_EQ(refusal<Error>([&] {
              silhouette_test(x, {1, 1, 1, 1}, {1, 2, 2, 3}, {0, 0, 0, 0}, 1, 9);
            }),
            "silhouette: seen: expected users of both classes, got 3 seen of 3");
}

}  // namespace
}  // namespace chainline::experiments
